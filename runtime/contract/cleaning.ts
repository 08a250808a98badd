/** What is left of a data file after a scan and a review. */
import type { ScanRow } from './scan.js';
import type { Decision, Decisions } from './review.js';

/** What a row says instead: this answer as its last one, or no longer these of its answers (from 0) and what they answer. */
export type Rest = string | number[];

/** Rows of a file, from 0, the unreadable ones counted. All that are not named are left out, but for `unscanned`. */
export interface Cleaning {
  /** Kept as they are, in order, both ends included. */
  keep: [from: number, to: number][];
  /** Kept, and changed. */
  cut: [row: number, rest: Rest][];
  /**
   * What becomes of rows that were not scanned, which are those in none of these lists, and the scanned ones that are
   * left out. Without it no row counts as not scanned. What a person has decided comes first, by the hashes of rows.
   */
  unscanned?: { stay: boolean; left: [from: number, to: number][]; exclude?: string[]; fine?: string[] };
  /**
   * What each row of `keep` and `cut` says (data/rowHash.ts), in the order of the file: another version of the file is
   * not cleaned.
   */
  hashes: string[];
}

type Scanned = Pick<ScanRow, 'row' | 'flagged' | 'rest' | 'answers' | 'hash'>;

/** What is useful of a flagged row. */
export const restOf = ({ rest, answers }: Pick<ScanRow, 'rest' | 'answers'>): Rest | undefined => rest ?? answers;

/**
 * Scanned rows that are not flagged stay; of flagged ones, what the scan found to be a useful rest. What a person has
 * decided comes first.
 * @param flagged whether flagged rows that nobody called fine or excluded are to stay as well
 * @param unscanned whether rows that were not scanned are to, of which nobody has said either
 */
export function cleaningOf(
  rows: Iterable<Scanned>,
  decisions: Decisions = new Map(),
  { flagged = 'leave', unscanned = 'leave' }: Partial<Record<'flagged' | 'unscanned', 'leave' | 'keep'>> = {},
): Cleaning {
  const left: [from: number, to: number][] = [];
  const decided = (as: Decision): string[] => [...decisions].flatMap(([hash, one]) => (one === as ? hash : []));
  const said = decisions.size > 0 && { exclude: decided('exclude'), fine: decided('fine') };
  const others = { stay: unscanned === 'keep', left, ...said };
  const cleaning: Cleaning = { keep: [], cut: [], unscanned: others, hashes: [] };
  for (const { hash = '', ...row } of rows) {
    const decision = decisions.get(hash);
    const stays = decision !== 'exclude' && (!row.flagged || decision === 'fine' || flagged === 'keep');
    const rest = decision === 'exclude' ? undefined : restOf(row);
    if (stays) addRow(cleaning.keep, row.row);
    else if (rest !== undefined) cleaning.cut.push([row.row, rest]);
    else {
      addRow(left, row.row);
      continue;
    }
    cleaning.hashes.push(hash);
  }
  return cleaning;
}

/** The rows that somebody looked at and found fine. */
export function fineRows(rows: Iterable<Scanned>, decisions: Decisions): Cleaning {
  const cleaning: Cleaning = { keep: [], cut: [], hashes: [] };
  for (const { row, hash = '' } of rows) {
    if (decisions.get(hash) !== 'fine') continue;
    addRow(cleaning.keep, row);
    cleaning.hashes.push(hash);
  }
  return cleaning;
}

function addRow(ranges: [from: number, to: number][], row: number): void {
  const last = ranges.at(-1);
  if (last?.[1] === row - 1) last[1] = row;
  else ranges.push([row, row]);
}
