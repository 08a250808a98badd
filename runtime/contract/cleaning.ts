/** What is left of a data file after a scan and a review. */
import type { ScanRow } from './scan.js';
import type { Decisions } from './review.js';

/** Rows of a file, from 0, the unreadable ones counted. All that are not named are left out. */
export interface Cleaning {
  /** Kept as they are, in order, both ends included. */
  keep: [from: number, to: number][];
  /** Kept with this answer instead of theirs. */
  cut: [row: number, answer: string][];
  /** What each of these rows says (data/rowHash.ts), in the order of the file: another version of the file is not cleaned. */
  hashes: string[];
}

type Scanned = Pick<ScanRow, 'row' | 'flagged' | 'rest' | 'hash'>;

/**
 * Scanned rows that are not flagged stay; of flagged ones, what the scan found to be a useful rest. What a person has decided
 * comes first.
 * @param flagged whether flagged rows that nobody called fine or excluded are to stay as well
 */
export function cleaningOf(
  rows: Iterable<Scanned>,
  decisions: Decisions = new Map(),
  flagged: 'leave' | 'keep' = 'leave',
): Cleaning {
  const cleaning: Cleaning = { keep: [], cut: [], hashes: [] };
  for (const { hash = '', ...row } of rows) {
    const decision = decisions.get(hash);
    if (decision === 'exclude') continue;
    if (!row.flagged || decision === 'fine' || flagged === 'keep') keepRow(cleaning, row.row);
    else if (row.rest !== undefined) cleaning.cut.push([row.row, row.rest]);
    else continue;
    cleaning.hashes.push(hash);
  }
  return cleaning;
}

/** The rows that somebody looked at and found fine. */
export function fineRows(rows: Iterable<Scanned>, decisions: Decisions): Cleaning {
  const cleaning: Cleaning = { keep: [], cut: [], hashes: [] };
  for (const { row, hash = '' } of rows) {
    if (decisions.get(hash) !== 'fine') continue;
    keepRow(cleaning, row);
    cleaning.hashes.push(hash);
  }
  return cleaning;
}

function keepRow({ keep }: Cleaning, row: number): void {
  const last = keep.at(-1);
  if (last?.[1] === row - 1) last[1] = row;
  else keep.push([row, row]);
}
