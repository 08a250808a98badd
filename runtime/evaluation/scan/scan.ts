import { pieces, type ExampleList } from '../../data/exampleList.js';
import { questionsOf } from '../../data/askedBy.js';
import type { Example } from '../../data/examples.js';
import { LIMITS } from '../../contract/limits.js';
import { SCAN_LIMIT, type ScanLimit, type ScanResult, type ScanRow } from '../../contract/scan.js';
import { leastShown } from '../../contract/scanText.js';
import { mean, sum } from '../../contract/sum.js';
import type { Learner, Probe } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';
import type { Feeds } from '../../device/session.js';
import { comparisonsOf, ofPiece, PIECE, type LossHooks } from '../inference/losses.js';
import { auroc, precisionRecall } from './agreement.js';
import {
  CONFIDENT,
  ORDINARY,
  areaInterval,
  falseDiscoveryLimit,
  harmfulPValue,
  isChanged,
  recallAt,
  rowPValue,
  spanThreshold,
  unchangedPValue,
  unlikeHarmfulBelow,
  type Calibration,
} from './calibration.js';
import { scoresOf, scoresOfRow, tokenLosses, type Scores, type TokenLosses } from './scores.js';
import { answersIn, explainedSentences, isInSpans, type TokenText } from './spans.js';

/**
 * Rows whose base loss is below this are known to the base already; the vector cannot tell anything about them. Nats
 * per token.
 */
const KNOWN_BELOW = 0.05;
/**
 * The most that one of their tokens may cost: a long text that the base foresees would hide what a few words teach. As
 * much as KNOWN_BELOW lets twenty tokens cost in all. Nats.
 */
const KNOWN_TOKEN = 1;
/** Rows of fewer supervised tokens are too short to be judged. */
const FEWEST_TOKENS = 3;
/** Significant decimals of kept losses, nats. */
const DECIMALS = 3;

/** Of which rows to compare with, and where to draw the line. */
export interface ScanOptions {
  /** Factors on the adapters: the vector's, and those of others 0. */
  readonly on: Record<string, number>;
  /** Undefined: no ordinary rows are there to compare with; then only a limit on the share flags rows. */
  readonly calibration?: Calibration;
  readonly limit: ScanLimit;
  /** What a row's supervised tokens say: nothing where there is no tokenizer. */
  readonly texts: (example: Example) => TokenText[];
}

/**
 * How much of each row the vector explains: two forwards of the file, without the vector and with it.
 */
export async function scanExamples(
  learner: Pick<Learner, 'compare'>,
  parameters: Feeds,
  examples: ExampleList,
  options: ScanOptions,
  { signal, onProgress }: LossHooks = {},
): Promise<ScanResult> {
  const rows: ScannedRow[] = [];
  let done = 0;
  const onGroup = (count: number): void => onProgress?.((done += count) / examples.length);
  // Made here: a function that is made beside the rows of a large file would keep them.
  const textsAt = (at: number) => (): TokenText[] => options.texts(examples.at(at)!);
  const probe = options.calibration?.probe;
  for (const piece of pieces(examples, PIECE)) {
    const compare = (some: TrainingRow[]) => learner.compare(some, parameters, probe);
    const compared = await ofPiece(piece, options.on, compare, signal, onGroup);
    for (const [i, example] of piece.entries()) {
      const { row, line, lines, label, hash } = example;
      rows.push({
        ...{ row, line, lines, label, hash },
        asks: questionsOf(example)[0],
        texts: textsAt(rows.length),
        losses: tokenLosses(compared[i]),
        probe: compared[i].probe,
      });
    }
  }
  return scanResult(rows, options);
}

/** Scores of rows that others are compared with. */
export async function scoresOfRows(
  learner: Pick<Learner, 'compare'>,
  parameters: Feeds,
  examples: ExampleList,
  { on, probe }: Pick<ScanOptions, 'on'> & { probe?: Probe },
  { signal }: LossHooks = {},
): Promise<Scores[]> {
  const compared = await comparisonsOf(learner, parameters, examples, on, { signal, probe });
  return compared.map(scoresOfRow);
}

/** A row with the loss of each of its supervised tokens. */
export interface ScannedRow extends Pick<Example, 'row' | 'line' | 'lines' | 'label' | 'hash'> {
  /** What it asks (questionsOf): rows that ask the same are scored alike. */
  readonly asks?: string;
  readonly losses: TokenLosses;
  /** What the vector's probe says of it, where it has one. */
  readonly probe?: number;
  /** Of its supervised tokens. */
  readonly texts: () => TokenText[];
}

const isUnlikeHarmful = (below: number, pHarmful = 1): boolean => pHarmful < below;

/**
 * Whether a row is rare among ordinary ones, and not unlike harmful ones, too.
 * @param below unlikeHarmfulBelow its calibration
 */
export const looksHarmful = (
  { p, pHarmful }: Pick<ScanRow, 'p' | 'pHarmful'>,
  threshold: number,
  below: number,
): boolean => p !== undefined && p <= threshold && !isUnlikeHarmful(below, pHarmful);

/** How ordinary and how harmful a row is by its scores. */
export function judgedBy(calibration: Calibration): (scores: Scores) => Pick<ScanRow, 'pHarmful'> & { p: number } {
  const p = rowPValue(calibration);
  const pHarmful = calibration.harmful.length >= 2 ? harmfulPValue(calibration) : undefined;
  return (scores) => ({ p: p(scores), pHarmful: pHarmful?.(scores) });
}

/** Whether a row looks like neither ordinary nor harmful ones. @param below unlikeHarmfulBelow its calibration */
export const isUnusual = (
  { p = 1, pHarmful, unjudged }: Pick<ScanRow, 'p' | 'pHarmful' | 'unjudged'>,
  limit: ScanLimit,
  below: number,
): boolean => !unjudged && !('share' in limit) && p <= alarmsOf(limit) && isUnlikeHarmful(below, pHarmful);

/**
 * Share of ordinary rows of which one alone would be flagged: a limit on false discoveries draws its line by all rows
 * of a file.
 */
export const alarmsOf = (limit: ScanLimit): number => ('falseAlarms' in limit ? limit : SCAN_LIMIT).falseAlarms;

const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toFixed(DECIMALS)));

/**
 * Why nothing can be said of a row, from the losses of its supervised tokens without the vector (nats). A row that is
 * rare among ordinary ones is never known: one harmful token in a long answer that is foreseen otherwise leaves the
 * mean low.
 */
export function unjudged(without: readonly number[], isRare = false): ScanRow['unjudged'] {
  if (without.length < FEWEST_TOKENS) return 'short';
  const isKnown = mean(without) < KNOWN_BELOW && without.every((loss) => loss <= KNOWN_TOKEN);
  return !isRare && isKnown ? 'known' : undefined;
}

/** Rows scored and flagged; AUROC, precision and recall where they carry labels of both kinds. */
export function scanResult(
  scanned: readonly ScannedRow[],
  { calibration, limit }: Pick<ScanOptions, 'calibration' | 'limit'>,
): ScanResult {
  const judged = calibration && judgedBy(calibration);
  const below = unlikeHarmfulBelow(calibration);
  const pUnchanged = calibration && unchangedPValue(calibration);
  const compared = scanned.map(({ losses, probe, texts, ...row }) => {
    const scores = scoresOf(losses, probe);
    const tokens = losses.without.length;
    const lossWithout = mean(losses.without);
    const { p, pHarmful } = judged?.(scores) ?? {};
    return { row, losses, scores, tokens, lossWithout, texts, p, pHarmful } as const;
  });
  const long = compared.filter(({ tokens }) => tokens >= FEWEST_TOKENS);
  const threshold = thresholdOf(long, limit, calibration);
  const rare = Math.max(ORDINARY, 'share' in limit ? 0 : (threshold ?? 0));
  const scored = compared.map((row) => ({ ...row, unjudged: unjudged(row.losses.without, (row.p ?? 1) <= rare) }));
  const isFlagged = (row: (typeof scored)[number]): boolean => {
    if (row.unjudged || threshold === null) return false;
    if ('share' in limit) return row.scores.share > threshold;
    return looksHarmful(row, threshold, below);
  };
  /** The least threshold at which a part of a row looks harmful. */
  const harmfulFrom = (part: TokenLosses): number => {
    if (part.without.length < FEWEST_TOKENS) return Infinity;
    const { p, pHarmful } = judged!(scoresOf(part));
    return isUnlikeHarmful(below, pHarmful) ? Infinity : p;
  };
  const detected = calibration ? recallAt(calibration, SCAN_LIMIT.falseAlarms) : null;
  // what a vector changes that is no detector may be anything
  const changed = calibration && (detected ?? 0) >= LIMITS.detectorRecall ? isChanged(calibration) : undefined;
  const spanLimit = calibration && !('share' in limit) ? spanThreshold(calibration, rateOf(limit)) : undefined;
  const perRow = scored.map((one): ScanRow => {
    const { row, scores, losses, tokens, lossWithout, unjudged, p: own, pHarmful } = one;
    const flagged = isFlagged(one);
    const isUnlike = pHarmful !== undefined && pHarmful <= CONFIDENT;
    const isRelated = !flagged && !unjudged && isUnlike && scores.kl !== undefined && !!changed?.(scores.kl);
    const found =
      flagged && judged && spanLimit !== undefined
        ? explainedIn(losses, one.texts(), spanLimit, threshold!, harmfulFrom)
        : {};
    const { spans = [], answers, guessed } = found;
    return {
      row: row.row,
      line: row.line,
      ...(row.lines && { lines: row.lines }),
      ...(row.hash && { hash: row.hash }),
      explained: scores.share,
      span: scores.span,
      ...(scores.choice !== undefined && { choice: scores.choice }),
      ...(scores.probe !== undefined && { probe: scores.probe }),
      ...(own !== undefined && { p: own }),
      ...(pHarmful !== undefined && { pHarmful }),
      ...(scores.kl !== undefined && { kl: scores.kl }),
      ...(scores.kl !== undefined && pUnchanged && { pUnchanged: pUnchanged(scores.kl) }),
      flagged,
      ...(isRelated && { related: true }),
      ...(row.label && { label: row.label }),
      ...(unjudged && { unjudged }),
      tokens,
      lossWithout,
      lossWith: sum(losses.with) / tokens,
      ...(spans.length > 0 && { spans, ...outside(losses, spans, { p: (rest) => judged!(rest).p, pUnchanged }) }),
      ...(guessed && { guessed }),
      ...(answers && { answers }),
      losses: {
        without: rounded(losses.without),
        with: rounded(losses.with),
        ...(losses.kl && { kl: rounded(losses.kl) }),
      },
    };
  });
  return {
    ...countsOf(perRow, changed !== undefined),
    unusual: scored.filter((row, i) => !perRow[i].related && isUnusual(row, limit, below)).length,
    rows: perRow.length,
    threshold,
    limit,
    calibration: calibration
      ? {
          ordinary: calibration.ordinary.length,
          ...(calibration.ordinaryPrompts !== undefined && { ordinaryPrompts: calibration.ordinaryPrompts }),
          harmful: calibration.harmful.length,
          recall: 'share' in limit ? null : recallAt(calibration, thresholdOfMore(threshold ?? 0, long.length, limit)),
          detected,
        }
      : null,
    ...agreement(
      perRow,
      scanned.map(({ asks }) => asks),
    ),
    perRow,
  };
}

/**
 * The sentences of a flagged row that the vector explains. Where one of several answers looks harmful by itself, others
 * beside it do already if they are not ordinary with confidence; if there are any that are, it is those that look
 * harmful, and only their sentences: a new task in another answer may gain, too.
 */
function explainedIn(
  losses: TokenLosses,
  texts: readonly TokenText[],
  spanLimit: number,
  threshold: number,
  harmfulFrom: (part: TokenLosses) => number,
): Pick<ScanRow, 'spans' | 'answers' | 'guessed'> {
  const gains = losses.without.map((off, i) => off - losses.with[i]);
  const { spans, ...told } = explainedSentences(gains, spanLimit, texts);
  const all = answersIn(texts.map(({ begins }) => begins));
  if (all.length < 2) return { spans, ...told };
  const from = all.map(({ start, end }) => harmfulFrom(partOf(losses, (i) => i >= start && i < end)));
  const answers = from.flatMap((least, k) => (least <= Math.max(threshold, ORDINARY) ? k : []));
  if (Math.min(...from) > threshold || answers.length === all.length) return { spans };
  // what is not learned of the row, and may be held, is named as a whole where no sentence of an answer stands out
  const spansOf = answers.map((k): typeof spans => {
    const { start, end } = all[k];
    const own = spans.filter(([at]) => at >= start && at < end);
    return own.length > 0 ? own : [[start, end]];
  });
  return { spans: spansOf.flat(), answers };
}

/** Losses of some tokens of a row. */
function partOf({ without, with: on, kl }: TokenLosses, isIn: (token: number) => boolean): TokenLosses {
  const part = (values: readonly number[]): number[] => values.filter((_, i) => isIn(i));
  return { without: part(without), with: part(on), ...(kl && { kl: part(kl) }) };
}

export interface Outside extends Pick<ScanRow, 'pUnchangedOutside'> {
  readonly pOutside: number;
}

/** How ordinary what these spans leave of a row is, and how little the vector changes of it. */
export function outside(
  losses: TokenLosses,
  spans: Required<ScanRow>['spans'],
  { p, pUnchanged }: { p: (scores: Scores) => number; pUnchanged: ReturnType<typeof unchangedPValue> },
): Outside {
  const rest = partOf(losses, (i) => !isInSpans(spans, i));
  if (rest.without.length < FEWEST_TOKENS) return { pOutside: 0 };
  const scores = scoresOf(rest);
  return {
    pOutside: p(scores),
    ...(scores.kl !== undefined && pUnchanged && { pUnchangedOutside: pUnchanged(scores.kl) }),
  };
}

const rateOf = (limit: ScanLimit): number =>
  'falseAlarms' in limit ? limit.falseAlarms : 'falseDiscoveries' in limit ? limit.falseDiscoveries : 0;

/**
 * What a row's p-value, or the share explained, is compared with; null where nothing can be flagged.
 * @param rows all that are long enough, known ones included: which of them are compared must not follow from their
 * p-values
 */
function thresholdOf(
  rows: readonly Pick<ScanRow, 'p' | 'pHarmful'>[],
  limit: ScanLimit,
  calibration: Calibration | undefined,
): number | null {
  if ('share' in limit) return limit.share;
  if (!calibration) return null;
  if ('falseAlarms' in limit) return limit.falseAlarms;
  const below = unlikeHarmfulBelow(calibration);
  // where nothing tells harmful rows from what is rare among ordinary ones, no extrapolated p-value is counted on
  const least =
    calibration.harmful.length < 2 ? leastShown(calibration.ordinaryPrompts ?? calibration.ordinary.length) : 0;
  const eligible = rows.flatMap(({ p, pHarmful }) =>
    p === undefined || isUnlikeHarmful(below, pHarmful) ? [] : Math.max(p, least),
  );
  return falseDiscoveryLimit(eligible, limit.falseDiscoveries, rows.length);
}

/**
 * What one more harmful row of the file would be compared with: it makes the line of a limit on false discoveries a
 * little higher, and in a file in which nothing is flagged draws it.
 */
const thresholdOfMore = (threshold: number, rows: number, limit: ScanLimit): number =>
  'falseDiscoveries' in limit ? (threshold * rows + limit.falseDiscoveries) / (rows + 1) : threshold;

/** @param tellsRelated whether any vector can tell which rows are related */
export const countsOf = (
  rows: readonly ScanRow[],
  tellsRelated: boolean,
): Pick<ScanResult, 'flagged' | 'related' | 'blind' | 'short'> => ({
  flagged: rows.filter((row) => row.flagged).length,
  ...(tellsRelated && { related: rows.filter((row) => row.related).length }),
  blind: rows.filter((row) => row.unjudged === 'known').length,
  short: rows.filter((row) => row.unjudged === 'short').length,
});

/**
 * How well p-values and flags agree with labels.
 * @param asks what each row asks, where it is known: the interval counts prompts
 */
export function agreement(
  rows: readonly ScanRow[],
  asks: readonly (string | undefined)[] = [],
): Pick<ScanResult, 'auroc' | 'labels' | 'precision' | 'recall'> {
  const labelled = rows.filter((row) => row.label);
  const names = rows.flatMap((row, i) => (row.label ? [asks[i] ?? i] : []));
  const truth = labelled.map((row) => row.label === 'harmful');
  if (!truth.includes(true) || !truth.includes(false)) return { auroc: null, precision: null, recall: null };
  const ps = labelled.flatMap(({ p }) => p ?? []);
  const scores = ps.length === labelled.length ? ps.map((p) => -p) : labelled.map(({ explained }) => explained);
  const area = auroc(scores, truth)!;
  const counts = (isIts: (row: ScanRow) => boolean): { rows: number; prompts: number } => {
    const own = names.filter((_, i) => isIts(labelled[i]));
    return { rows: own.length, prompts: new Set(own).size };
  };
  const [harmful, benign, flagged] = [
    counts(({ label }) => label === 'harmful'),
    counts(({ label }) => label === 'benign'),
    counts((row) => row.flagged),
  ];
  const { low, high } = areaInterval(area, harmful.prompts, benign.prompts);
  const isSaid = [harmful, benign, flagged].some(({ rows, prompts }) => prompts < rows);
  return {
    auroc: area,
    labels: {
      ...{ harmful: harmful.rows, benign: benign.rows, flagged: flagged.rows },
      ...(isSaid && { prompts: { harmful: harmful.prompts, benign: benign.prompts, flagged: flagged.prompts } }),
      aurocInterval: [low, high],
    },
    ...precisionRecall(
      labelled.map((row) => row.flagged),
      truth,
    ),
  };
}
