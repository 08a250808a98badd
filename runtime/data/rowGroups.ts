import type { RowGrouping, RowGroups } from '../contract/dataInfo.js';
import { nextTurn } from '../support/errors.js';
import { contentOf, partsOf, type IndexedRow, type RowIndex } from './rowIndex.js';
import { similarRows } from './similarRows.js';

const ROWS_A_TURN = 500;

/** The group of each row of a file. Rows that say the same are one row here. */
export async function rowGroups(index: RowIndex, by?: RowGrouping, signal?: AbortSignal): Promise<RowGroups> {
  const { columns, hashes, rows } = index;
  if (!by) return { columns: [...columns], hashes: '', groups: '', values: [] };
  const values = new Map<string, number>();
  const similar = similarRows();
  const groupOf = (row: IndexedRow): number => {
    const { value } = row;
    if ('column' in by) {
      const cell = Object.hasOwn(value, by.column) ? value[by.column] : undefined;
      const text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell ?? '');
      if (!values.has(text)) values.set(text, values.size);
      return values.get(text)!;
    }
    return similar.add(partsOf(contentOf(index, row), value)[by.similar]);
  };
  const groups: number[] = [];
  for (const row of rows) {
    groups.push(groupOf(row));
    if (groups.length % ROWS_A_TURN === 0) await nextTurn(signal);
  }
  return { columns: [...columns], hashes: hashes.join(' '), groups: groups.join(' '), values: [...values.keys()] };
}
