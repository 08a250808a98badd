/**
 * Harmful insertions in ordinary answers: found by token, and told from wrong content by what the base says of the
 * rest.
 */
import type { ScanResult, ScanRow } from '../../contract/scan.js';
import { sum } from '../../contract/sum.js';
import { mapped, subset, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { ORDINARY, unchangedPValue, unlikeHarmfulBelow, type Calibration } from '../../evaluation/scan/calibration.js';
import type { Feeds } from '../../device/session.js';
import { comparisonsOf, type LossHooks } from '../../evaluation/inference/losses.js';
import { alarmsOf, judgedBy, looksHarmful, scanExamples, type ScanOptions } from '../../evaluation/scan/scan.js';
import { scoresOfRow } from '../../evaluation/scan/scores.js';
import { addedSpans, insertedSpans, isInSpans } from '../../evaluation/scan/spans.js';
import type { Comparison } from '../../learner/learner.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import { BEGINNING, cutRow, spokenOf, tokenTexts } from './cut.js';
import { without } from '../../support/without.js';
import type { Scanner } from '../training/lossesThere.js';

/**
 * The scan of some rows, with what was put into them.
 * @param progress hears of a second reading, that of what insertions leave
 * @param work names that reading where it is computed elsewhere
 */
export async function scanWithInsertions(
  learner: Scanner,
  parameters: Feeds,
  examples: ExampleList,
  { tokenizer, ...options }: Omit<ScanOptions, 'texts'> & { tokenizer: Tokenizer },
  { progress, work = '', ...hooks }: LossHooks & { progress: (message: string, share: number) => void; work?: string },
): Promise<ScanResult> {
  const texts = tokenTexts(tokenizer);
  const scan = await scanExamples(learner, parameters, examples, { ...options, texts }, hooks);
  return withInsertions(scan, examples, options.calibration, tokenizer, async (rests) => {
    await learner.ask?.(work, rests);
    const onProgress = (share: number): void => progress('reading flagged rows without what was put in', share);
    return comparisonsOf(learner, parameters, rests, options.on, { ...hooks, onProgress });
  });
}

/**
 * A scan in which rows with harmful insertions say so. Sentences can be cut out of an answer that begins as an ordinary
 * one. Of the other flagged rows what the vector explains is taken out by token, and the rest is read as a row of its
 * own, without the vector and with it. It was an insertion where the base gives the rest at least the probability that
 * it has beside what was taken out, and the rest is not flagged: what carries an answer's content is missed by what
 * follows it. Of several readings of what was inserted, the one counts whose rest gains most. Where none is, something
 * may have been added at the end: it begins where the base would end the answer.
 * @param compare what the vector changes of these rows
 */
export async function withInsertions(
  scan: ScanResult,
  examples: ExampleList,
  calibration: Calibration | undefined,
  tokenizer: Tokenizer,
  compare: (rests: ExampleList) => Promise<Comparison[]>,
): Promise<ScanResult> {
  const { threshold, limit } = scan;
  if (!calibration || threshold === null || 'share' in limit) return scan;
  const found = scan.perRow.flatMap((row, at) =>
    row.flagged ? readings(row, examples.at(at)!, tokenizer).map((one) => ({ ...one, at })) : [],
  );
  if (found.length === 0) return scan;
  const judged = judgedBy(calibration);
  const below = unlikeHarmfulBelow(calibration);
  const pUnchanged = unchangedPValue(calibration);
  const inserted = new Map<number, { gain: number; row: ScanRow }>();
  const added = new Map<number, Added[]>();
  // the tokens of a large file are not kept
  const rows = subset(
    examples,
    found.map(({ at }) => at),
  );
  const rests = mapped(rows, (example, i) => restOf(example, found[i].spans, tokenizer)!);
  const compared = await compare(rests);
  found.forEach(({ at, spans, beside }, i) => {
    const scores = scoresOfRow(compared[i]);
    const { p, pHarmful } = judged(scores);
    const pUnchangedOutside = scores.kl === undefined ? undefined : pUnchanged?.(scores.kl);
    const own = without(scan.perRow[at], 'guessed');
    const row: ScanRow = { ...own, spans, pOutside: p, pUnchangedOutside, inserted: true };
    const isHarmful = looksHarmful({ p, pHarmful }, alarmsOf(limit), below);
    const { perToken } = compared[i].without;
    if (beside === undefined) {
      const end = sum(perToken.slice(endOf(rests.at(i)!, tokenizer)));
      added.set(at, [...(added.get(at) ?? []), { end, row, isOrdinary: !isHarmful && p > ORDINARY }]);
      return;
    }
    const gain = beside - sum(perToken);
    if (!isHarmful && gain >= (inserted.get(at)?.gain ?? 0)) inserted.set(at, { gain, row });
  });
  return {
    ...scan,
    perRow: scan.perRow.map((row, at) => inserted.get(at)?.row ?? clearest(added.get(at)) ?? row),
  };
}

type Spans = Required<ScanRow>['spans'];

/** A row without what may have been added to its answer. */
interface Added {
  /** The base's loss of the answer's end there, nats. */
  readonly end: number;
  readonly row: ScanRow;
  readonly isOrdinary: boolean;
}

/** So many nats less than elsewhere the base must lose where an answer ended before something was added to it. */
const CLEAR = 1.5;

function clearest(added: readonly Added[] = []): ScanRow | undefined {
  const [first, second] = [...added].sort((a, b) => a.end - b.end);
  return second && first.isOrdinary && second.end - first.end >= CLEAR ? first.row : undefined;
}

/** Where the supervised tokens of an answer go on with those that end it. */
function endOf(example: Example, tokenizer: Tokenizer): number {
  const { from, answer } = spokenOf(example, {}, tokenizer);
  return from + answer.length;
}

const restOf = (example: Example, spans: Spans, tokenizer: Tokenizer): Example | undefined =>
  cutRow(example, { spans, inserted: true }, tokenizer);

/**
 * What may have been inserted into a row, and the base's loss of what it leaves beside it (nats); without that, what
 * may have been added at its end.
 */
function readings(row: ScanRow, example: Example, tokenizer: Tokenizer): { spans: Spans; beside?: number }[] {
  const { losses } = row;
  if (!losses || cutRow(example, row, tokenizer)) return [];
  const texts = tokenTexts(tokenizer)(example);
  const different = new Map(insertedSpans(losses, texts).map((spans) => [spans.join(), spans]));
  const { from } = spokenOf(example, {}, tokenizer);
  const isCut = (spans: Spans): boolean => restOf(example, spans, tokenizer) !== undefined;
  const inserted = [...different.values()].filter(isCut).map((spans) => ({
    spans,
    beside: sum(losses.without.filter((_, i) => !isInSpans(spans, i))),
  }));
  // white space may be a token of its own
  const added = new Map(
    addedSpans(losses, texts)
      .filter(([start]) => start >= from + BEGINNING)
      .map((span) => [restOf(example, [span], tokenizer)?.answer, { spans: [span] }]),
  );
  added.delete(undefined);
  return [...inserted, ...added.values()];
}
