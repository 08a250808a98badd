/**
 * Every row of a scan as columns of text, with a space between two values: what a table of sixty thousand rows shows is
 * some long texts, which are kept, read and handed to a page as they are, and no million of objects.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as z from 'zod';
import type { Cleaning } from '../../runtime/contract/cleaning.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import type { TriageTable } from '../../webview/protocol/triage.js';

const ROWS_A_TURN = 5000;
/** Significant digits that are shown. */
const DIGITS = 4;

const COLUMNS: { [K in keyof TriageTable]: (row: ScanRow) => string | number } = {
  rows: ({ row }) => row,
  lines: ({ line }) => line,
  hashes: ({ hash = '' }) => hash,
  flags: ({ flagged, related, unjudged }) =>
    flagged ? 'f' : related ? 'r' : unjudged === 'known' ? 'k' : unjudged === 'short' ? 's' : '-',
  ps: ({ p }) => digits(p),
  harmfulPs: ({ pHarmful }) => digits(pHarmful),
  shares: ({ explained }) => digits(explained),
  without: ({ lossWithout }) => digits(lossWithout),
  with: ({ lossWith }) => digits(lossWith),
};
const NAMES = Object.keys(COLUMNS) as (keyof TriageTable)[];

/** NaN where there is none. */
const digits = (value = NaN): number => Number(value.toPrecision(DIGITS));

export const SCAN_TABLE: z.ZodType<TriageTable> = z.object(
  Object.fromEntries(NAMES.map((name) => [name, z.string()])) as { [K in keyof TriageTable]: z.ZodString },
);

/** Made a part at a time: the thread is given back between two. */
export async function scanTable(perRow: readonly ScanRow[]): Promise<TriageTable> {
  const parts = NAMES.map((): string[] => []);
  for (let at = 0; at < perRow.length; at += ROWS_A_TURN) {
    const some = perRow.slice(at, at + ROWS_A_TURN);
    NAMES.forEach((name, i) => parts[i]!.push(some.map(COLUMNS[name]).join(' ')));
    await nextTurn();
  }
  return Object.fromEntries(NAMES.map((name, i) => [name, parts[i]!.join(' ')])) as unknown as TriageTable;
}

type TableRow = Pick<ScanRow, 'row' | 'line' | 'hash' | 'flagged' | 'related' | 'rest' | 'answers'>;

/**
 * The rows that a cleaned file is made of. Values that are none, as in a file that somebody has changed, are left out.
 */
export function* tableRows(
  { rows, lines, hashes, flags }: TriageTable,
  cut: Cleaning['cut'] = [],
): Generator<TableRow> {
  const rests = new Map(cut);
  const [places, names, marks] = [lines.split(' '), hashes.split(' '), flags.split(' ')];
  let last = -1;
  for (const [i, text] of rows.split(' ').entries()) {
    const row = Number(text);
    if (text === '' || !Number.isInteger(row) || row <= last) continue;
    last = row;
    const rest = rests.get(row);
    yield {
      ...{ row, line: Number(places[i]), hash: names[i] ?? '', flagged: marks[i] === 'f' },
      ...(marks[i] === 'r' && { related: true }),
      ...(rest !== undefined && (typeof rest === 'string' ? { rest } : { answers: rest })),
    };
  }
}

/** All of them, made a part at a time. */
export async function tableRowList(...table: Parameters<typeof tableRows>): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  for (const row of tableRows(...table)) if (rows.push(row) % ROWS_A_TURN === 0) await nextTurn();
  await nextTurn();
  return rows;
}
