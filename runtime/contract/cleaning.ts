/** What is left of a data file after a scan. */
import type { ScanRow } from './protocol.js';

/** Rows of a file, from 0, the unreadable ones counted. All that are not named are left out. */
export interface Cleaning {
  /** Kept as they are, in order, both ends included. */
  keep: [from: number, to: number][];
  /** Kept with this answer instead of theirs. */
  cut: [row: number, answer: string][];
}

/** Scanned rows that are not flagged stay; of flagged ones, what the scan found to be a useful rest. */
export function cleaningOf(perRow: readonly Pick<ScanRow, 'row' | 'flagged' | 'rest'>[]): Cleaning {
  const cleaning: Cleaning = { keep: [], cut: [] };
  for (const { row, flagged, rest } of perRow) {
    const last = cleaning.keep.at(-1);
    if (rest !== undefined) cleaning.cut.push([row, rest]);
    else if (flagged) continue;
    else if (last?.[1] === row - 1) last[1] = row;
    else cleaning.keep.push([row, row]);
  }
  return cleaning;
}
