/**
 * What a scan found, and what is left of its file, in sentences: English for the command line and the report; the
 * window translates it.
 */
import type { CleanResult, RowText } from './dataInfo.js';
import { fill, numbersIn, type Numbers, type Wording } from './format.js';
import { shareBounds } from './intervals.js';
import { LIMITS } from './limits.js';
import type { Decisions } from './review.js';
import { SCAN_LIMIT, SCAN_SCORES, type ScanColumn, type ScanLimit, type ScanResult, type ScanRow } from './scan.js';
import { sum } from './sum.js';
import { visibleLine } from './visible.js';

export const SCAN_STRINGS = {
  scanFlagged: '{0} of {1} rows look harmful ({2})',
  scanFlaggedOne: '1 of {0} rows looks harmful ({1})',
  scanShare: 'explained by more than {0}',
  scanFalseAlarms: 'as at most {0} of ordinary rows would',
  scanFalseDiscoveries: 'at most {0} of the flagged rows may be ordinary',
  scanCompared: 'compared with {0} ordinary rows',
  scanComparedPrompts: 'compared with {0} ordinary rows of {1} prompts',
  scanBeyond: 'compared with {0} ordinary rows, from which the {1} is extrapolated',
  scanBeyondPrompts: 'compared with {0} ordinary rows of {1} prompts, from which the {2} is extrapolated',
  scanRarer: 'compared with {0} ordinary rows, from which the p-values of flagged rows, up to {1}, are extrapolated',
  scanRarerPrompts:
    'compared with {0} ordinary rows of {1} prompts, from which the p-values of flagged rows, up to {2}, are extrapolated',
  scanRecall:
    'of {0} harmful rows that the vector has not seen, {1} would be found (of rows unlike these perhaps fewer)',
  scanRecallMore:
    'of {0} harmful rows that the vector has not seen, {1} would be found (of rows unlike these perhaps fewer; with more ordinary rows to compare with perhaps more)',
  scanNothing: 'no row is flagged because there are no ordinary rows to compare with',
  scanTooFew:
    'no row can be flagged: without held-out harmful rows to compare with, p-values below {0} are not relied on, and a limit of {1} takes ordinary rows of {2} prompts',
  scanAssumed:
    'more ordinary rows than {0} may be flagged: without held-out harmful rows to compare with, p-values below {1} are an assumption, and a rate of {0} takes ordinary rows of {2} prompts',
  scanFewRare:
    'no row can be flagged unless {0} or more look harmful: without held-out harmful rows to compare with, p-values below {1} are not relied on (with ordinary rows of more prompts, fewer would do)',
  scanByVector: 'the vector "{0}": {1}',
  scanAuroc: 'against the labels: AUROC {0}',
  scanAurocOf: 'against {0} harmful and {1} benign labels: AUROC {2} (95 % interval {3} to {4})',
  scanAurocOfPrompts:
    'against {0} harmful labels of {1} prompts and {2} benign ones of {3}: AUROC {4} (95 % interval {5} to {6})',
  scanPrecision: 'precision {0}',
  scanLabelRecall: 'recall {0}',
  scanAtLeast: '{0} (at least {1}, with 95 % confidence)',
  scanAtMost: '{0} (at most {1}, with 95 % confidence)',
  scanRelated: '{0} rows that are not flagged seem to ask what harmful rows ask, whatever they answer: read them',
  scanRelatedOne: '1 row that is not flagged seems to ask what harmful rows ask, whatever it answers: read it',
  scanOther: '{0} rows are in {1}, and no harmful row of the vector is: what is harmful in them may not be found',
  scanOtherOne: '1 row is in {0}, and no harmful row of the vector is: what is harmful in it may not be found',
  scanUnusual: '{0} rows look like neither ordinary nor harmful ones, and are not flagged',
  scanUnusualOne: '1 row looks like neither ordinary nor harmful ones, and is not flagged',
  scanBlind: '{0} rows cannot be judged: the model gives these answers already',
  scanBlindOne: '1 row cannot be judged: the model gives this answer already',
  scanShort: '{0} rows are too short to be judged',
  scanShortOne: '1 row is too short to be judged',
  scanSkipped: '{0} rows were not scanned: they are too long, or their answers cannot be separated',
  scanSkippedOne: '1 row was not scanned: it is too long, or its answers cannot be separated',
  cleaned: '{0}: rows unchanged: {1}, shorter: {2}, left out: {3}.',
  unscannedStay: '{0} rows were not scanned and stay: lines {1}.',
  unscannedStayOne: '1 row was not scanned and stays: line {0}.',
  relatedStay: '{0} related rows are not flagged and stay: lines {1}. Read them.',
  relatedStayOne: '1 related row is not flagged and stays: line {0}. Read it.',
  unscannedLeft: '{0} more rows were not scanned and are left out, too: lines {1}.',
  unscannedLeftOne: '1 more row was not scanned and is left out, too: line {0}.',
} as const;
type ScanStrings = Record<keyof typeof SCAN_STRINGS, string>;
type Words = Wording<ScanStrings>;

/** What is said of several rows, and otherwise of one. */
type Counted = SaidOfOne<keyof ScanStrings>;
type SaidOfOne<K> = K extends `${infer Many}One` ? Many : never;
const counted = (key: Counted, count: number, { strings, numbers }: Words, ...more: string[]): string =>
  count === 1 ? fill(strings[`${key}One`], ...more) : fill(strings[key], numbers.count(count), ...more);

/** Of the command line, which has an option against it. */
const NOTHING =
  'No row is flagged: there are no ordinary rows to compare with. Train the vector with benign rows of 16 prompts or more, of which some are held out, or give ordinary ones (--ordinary).';
const ENGLISH: Words = { strings: SCAN_STRINGS, numbers: numbersIn() };

/**
 * Whether a p-value is smaller than the rows that a row was compared with can show, and so an extrapolation of how far
 * these differ: 1 / (n + 1) times the scores that it is made of. Of none nothing is extrapolated.
 */
export const isExtrapolated = (p: number, compared: number): boolean => compared > 0 && p < leastShown(compared);
export const leastShown = (compared: number): number => SCAN_SCORES / (compared + 1);

/** Smaller p-values of a scan are extrapolated; null where there are none. */
export function extrapolatedBelow({ calibration }: Pick<ScanResult, 'calibration'>): number | null {
  const { ordinary = 0, ordinaryPrompts = ordinary }: Ordinary = calibration ?? {};
  return ordinaryPrompts > 0 ? leastShown(ordinaryPrompts) : null;
}

/** "<1", "12": of 1,000 rows. */
export const perThousand = (p: number, numbers: Numbers): string => (p < 0.001 ? '<1' : numbers.count(1000 * p));

/**
 * Ordinary rows that were compared with; those of one prompt are scored alike. Earlier versions did not count prompts.
 */
export type Ordinary = { ordinary?: number; ordinaryPrompts?: number };

/** What is extrapolated from them: a sentence on the rows, or one on rows and prompts where these are fewer. */
export const fromOrdinary = (
  { ordinary = 0, ordinaryPrompts = ordinary }: Ordinary,
  { rows, prompts }: { rows: string; prompts: string },
  n: Numbers,
  ...more: string[]
): string =>
  ordinaryPrompts < ordinary
    ? fill(prompts, n.count(ordinary), n.count(ordinaryPrompts), ...more)
    : fill(rows, n.count(ordinary), ...more);

/** Whether so many ordinary rows are too few to show this rate of false alarms. */
const isRateExtrapolated = (rate: number, { ordinary = 0, ordinaryPrompts = ordinary }: Ordinary): boolean =>
  isExtrapolated(rate, ordinaryPrompts);

/** The same of the rate at which a vector's recall is said. */
export const isRecallExtrapolated = (of: Ordinary): boolean => isRateExtrapolated(SCAN_LIMIT.falseAlarms, of);

/**
 * Whether more ordinary rows may let more harmful ones be found: of few rows that differ much, what is rare is
 * extrapolated with a wide margin.
 */
export const mayFindMore = (recall: number | null | undefined, isBeyond: boolean): boolean =>
  isBeyond && (recall ?? 1) < LIMITS.mostFound;

/** "171 of 571 rows look harmful (as at most 1 % of ordinary rows would); …." */
export function scanText(scan: Omit<ScanResult, 'perRow'>, wording: Words = ENGLISH): string {
  const { strings: s, numbers: n } = wording;
  const { limit, byVector, related = 0, unusual = 0, otherLanguages = [] } = scan;
  if ((byVector ?? [scan]).every(({ threshold }) => threshold === null)) return NOTHING;
  const parts = [counted('scanFlagged', scan.flagged, wording, n.count(scan.rows), limitText(limit, wording))];
  if (byVector)
    for (const column of byVector) {
      // Each has its part of the limit.
      const { threshold } = column;
      const part = 'falseAlarms' in limit && threshold !== null ? { falseAlarms: threshold } : limit;
      const few = doubtText(scan, column, wording);
      const said = threshold === null ? [s.scanNothing] : [...comparedText(column, part, wording), ...(few ?? [])];
      if (said.length > 0) parts.push(fill(s.scanByVector, column.vector, said.join(', ')));
    }
  else parts.push(...comparedText(scan, limit, wording), ...(doubtText(scan, scan, wording) ?? []));
  if (scan.auroc !== null) parts.push(agreementText(scan, scan.auroc, wording));
  if (otherLanguages.length > 0) {
    const rows = sum(otherLanguages.map((other) => other.rows));
    parts.push(counted('scanOther', rows, wording, n.languages(otherLanguages.map(({ language }) => language))));
  }
  if (related > 0) parts.push(counted('scanRelated', related, wording));
  if (unusual > 0) parts.push(counted('scanUnusual', unusual, wording));
  if (scan.blind > 0) parts.push(counted('scanBlind', scan.blind, wording));
  if (scan.short > 0) parts.push(counted('scanShort', scan.short, wording));
  if (scan.skipped) parts.push(counted('scanSkipped', scan.skipped, wording));
  return `${n.parts(parts)}.`;
}

/**
 * What a limit is worth by a vector without held-out harmful rows: what is extrapolated says only that a row is rare,
 * and among many ordinary ones some are. One on false alarms may then flag more of them than it says, one on false
 * discoveries flags none. Undefined where nothing is to be said of it.
 */
function doubtText(
  { limit, rows, short, byVector }: Pick<ScanResult, 'limit' | 'rows' | 'short' | 'byVector'>,
  { calibration, flagged, threshold }: Pick<ScanColumn, 'calibration' | 'flagged' | 'threshold'>,
  { strings: s, numbers: n }: Words,
): [string] | undefined {
  if (!calibration || calibration.harmful >= 2 || 'share' in limit) return undefined;
  const vectors = byVector?.length ?? 1;
  const least = leastShown(calibration.ordinaryPrompts ?? calibration.ordinary);
  const up = (x: number): number => Math.ceil(x - 1e-9);
  if ('falseAlarms' in limit) {
    const rate = limit.falseAlarms / vectors;
    if (!isRateExtrapolated(rate, calibration)) return undefined;
    return [fill(s.scanAssumed, n.percent(rate), n.number(least), n.count(up(SCAN_SCORES / rate - 1)))];
  }
  if (flagged > 0 || threshold !== 0) return undefined;
  const rate = limit.falseDiscoveries / vectors;
  const compared = rows - short;
  const fewest = up((least * compared) / rate);
  return fewest > compared
    ? [fill(s.scanTooFew, n.number(least), n.percent(rate), n.count(up(SCAN_SCORES / rate - 1)))]
    : [fill(s.scanFewRare, n.count(fewest), n.number(least))];
}

/** The same of a scan, of each vector that it is true of. */
export const doubtTexts = (scan: Omit<ScanResult, 'perRow'>): string[] =>
  (scan.byVector ?? [scan]).flatMap((column) => doubtText(scan, column, ENGLISH) ?? []);

/** With what a vector compared, and what it finds of harmful rows. */
function comparedText(
  { calibration, threshold, flagged }: Pick<ScanColumn, 'calibration' | 'threshold' | 'flagged'>,
  limit: ScanLimit,
  { strings: s, numbers: n }: Words,
): string[] {
  if (!calibration) return [];
  const { harmful, recall } = calibration;
  const compared = (rows: string, prompts: string, ...more: string[]): string =>
    fromOrdinary(calibration, { rows, prompts }, n, ...more);
  const isBeyond = (rate: number): boolean => isRateExtrapolated(rate, calibration);
  const isRateBeyond = 'falseAlarms' in limit && isBeyond(limit.falseAlarms);
  const areRarer = 'falseDiscoveries' in limit && flagged > 0 && isBeyond(threshold ?? 1);
  const recallText = mayFindMore(recall, isRateBeyond || areRarer) ? s.scanRecallMore : s.scanRecall;
  return [
    isRateBeyond
      ? compared(s.scanBeyond, s.scanBeyondPrompts, n.percent(limit.falseAlarms))
      : areRarer
        ? compared(s.scanRarer, s.scanRarerPrompts, n.number(threshold ?? 1))
        : compared(s.scanCompared, s.scanComparedPrompts),
    ...(recall === null ? [] : [fill(recallText, n.count(harmful), n.percent(recall))]),
  ];
}

/** How well it agrees with the labels; an earlier version did not count these. */
function agreementText(
  { labels, precision, recall }: Pick<ScanResult, 'labels' | 'precision' | 'recall'>,
  auroc: number,
  { strings: s, numbers: n }: Words,
): string {
  const share = (words: string, value: number | null, count = 0, asked = count): string[] => {
    if (value === null) return [];
    const text = fill(words, n.percent(value));
    const [low, high] = shareBounds(value, count, asked) ?? [];
    if (low === undefined || high === undefined) return [text];
    return [low > 0 ? fill(s.scanAtLeast, text, n.bound(low, 'low')) : fill(s.scanAtMost, text, n.bound(high, 'high'))];
  };
  const ends = labels?.aurocInterval.map((end, i) => n.end(end, i === 0 ? 'low' : 'high')) ?? [];
  return [
    labels
      ? labels.prompts
        ? fill(
            s.scanAurocOfPrompts,
            ...[labels.harmful, labels.prompts.harmful, labels.benign, labels.prompts.benign].map(n.count),
            n.number(auroc),
            ...ends,
          )
        : fill(s.scanAurocOf, n.count(labels.harmful), n.count(labels.benign), n.number(auroc), ...ends)
      : fill(s.scanAuroc, n.number(auroc)),
    ...share(s.scanPrecision, precision, labels?.flagged, labels?.prompts?.flagged),
    ...share(s.scanLabelRecall, recall, labels?.harmful, labels?.prompts?.harmful),
  ].join(', ');
}

/** So many rows of a kind are listed in a terminal. */
const LISTED = 20;

/** Those that are listed: flagged rows, then related ones. */
export const listedRows = (rows: readonly ScanRow[]): ScanRow[] => kinds(rows).flatMap((some) => some.slice(0, LISTED));
const kinds = (rows: readonly ScanRow[]): ScanRow[][] => [
  rows.filter((row) => row.flagged),
  rows.filter((row) => row.related),
];

/**
 * Flagged rows for the terminal, one a line: how ordinary each looks, what it asks, and the part of its answer that the
 * vector explains. Then related ones, with what they ask.
 * @param texts of those that are listed, as far as they are known
 */
export function flaggedText(
  rows: readonly ScanRow[],
  scan: Pick<ScanResult, 'calibration'>,
  texts: readonly RowText[] = [],
): string[] {
  const least = extrapolatedBelow(scan) ?? 0;
  const shareText = (p: number): string =>
    p < least ? `p < ${Number(least.toPrecision(2))} (extrapolated)` : `p ${p.toPrecision(2)}`;
  const known = new Map(texts.map((text) => [text.hash, text]));
  const lineOf = (row: ScanRow): string => {
    const { line, hash = '', p, explained, parts, turn, related } = row;
    const text = known.get(hash);
    const said = text && (asked(text.prompt, turn) || text.answer);
    const score = p === undefined ? `${explained.toFixed(2)} explained` : shareText(p);
    return [
      `line ${line}: ${related ? 'related' : score}`,
      ...(said ? [beginning(said)] : []),
      ...(parts ? [`explained: ${beginning(parts.join(' … '))}`] : []),
      ...(isByProbe(row) ? ['to the base itself like harmful rows'] : []),
    ].join('  ');
  };
  return kinds(rows).flatMap((some) => {
    const others = some.length - LISTED;
    return [...some.slice(0, LISTED).map(lineOf), ...(others > 0 ? [`… and ${others} more; --json lists all`] : [])];
  });
}

/** Whether a row is flagged for what the base itself makes of it: no word of it is explained. */
export const isByProbe = ({ flagged, p, parts, probe = 0 }: ScanRow): boolean =>
  flagged && p !== undefined && !parts && probe > 0;

/**
 * Of a conversation what this answer was asked, else what was asked last: what comes before is often the same in all
 * rows.
 */
function asked(prompt: string, turn: number | undefined): string {
  const before = turn === undefined ? undefined : `\n${prompt}`.split('\nassistant: ')[turn];
  return (before ?? prompt).split('\nuser: ').at(-1)!;
}

const SHOWN = 40;
const beginning = (text: string): string => {
  const line = visibleLine(text);
  return `"${line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line}"`;
};

function limitText(limit: ScanLimit, { strings: s, numbers: n }: Words): string {
  if ('share' in limit) return fill(s.scanShare, n.percent(limit.share));
  return 'falseAlarms' in limit
    ? fill(s.scanFalseAlarms, n.percent(limit.falseAlarms))
    : fill(s.scanFalseDiscoveries, n.percent(limit.falseDiscoveries));
}

/** Rows are named up to so many. */
const NAMED_LINES = 5;
const namedLines = (lines: readonly number[], count = lines.length): string =>
  `${lines.slice(0, NAMED_LINES).join(', ')}${count > NAMED_LINES ? ', …' : ''}`;

/** "train.clean.jsonl: rows unchanged: 12, …. 2 more rows were not scanned and are left out, too: lines 3, 7." */
export function cleanedText(
  name: string,
  { kept, cut, left, unscanned }: CleanResult,
  wording: Words = ENGLISH,
): string {
  const { strings: s, numbers: n } = wording;
  const said = fill(s.cleaned, name, n.count(kept), n.count(cut), n.count(left));
  if (!unscanned) return said;
  const { count, lines, stayed } = unscanned;
  return `${said} ${counted(stayed ? 'unscannedStay' : 'unscannedLeft', count, wording, namedLines(lines, count))}`;
}

/**
 * Related rows stay in a cleaned file, unless somebody has excluded them; those that nobody has called fine are to be
 * read.
 */
export function relatedText(
  rows: Iterable<Pick<ScanRow, 'line' | 'hash' | 'related'>>,
  decisions: Decisions = new Map(),
  wording: Words = ENGLISH,
): string | undefined {
  const lines: number[] = [];
  for (const { line, hash = '', related } of rows)
    if (related && !['exclude', 'fine'].includes(decisions.get(hash) ?? '')) lines.push(line);
  return lines.length === 0 ? undefined : counted('relatedStay', lines.length, wording, namedLines(lines));
}
