import { nextTurn } from '../support/errors.js';
import { contentOf, partsOf, type RowIndex } from './rowIndex.js';

const ROWS_A_TURN = 500;

/** Hashes of the rows whose prompt or answer contains the text, whatever its case, with a space between two. */
export async function rowsWith(index: RowIndex, text: string, signal?: AbortSignal): Promise<string> {
  const wanted = text.toLowerCase();
  const found: string[] = [];
  let read = 0;
  for (const row of index.rows) {
    const { prompt, answer } = partsOf(contentOf(index, row), row.value);
    if (prompt.toLowerCase().includes(wanted) || answer.toLowerCase().includes(wanted)) found.push(index.hashes[read]);
    read++;
    if (read % ROWS_A_TURN === 0) await nextTurn(signal);
  }
  return found.join(' ');
}
