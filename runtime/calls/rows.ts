/** Rows of a file one by one: what they say, which ones say it, and what a vector explains of one. */
import { dirname } from 'node:path';
import { scratchFolder } from '../context/context.js';
import { contentOf, openRowIndex, rowText, type RowIndex } from '../data/rowIndex.js';
import { rowGroups } from '../data/rowGroups.js';
import { rowsWith } from '../data/rowsWith.js';
import { openScratch, type Scratch } from '../data/scratch.js';
import type { ReadAs } from '../contract/mapping.js';
import { explained } from './explain.js';
import { keptOpen } from './keptOpen.js';
import { fileStamp } from '../support/fileStamp.js';
import type { Calls } from './calls.js';

/** The file that was read last stays open while somebody goes from row to row. */
const keptRows = keptOpen<{ index: RowIndex; scratch: Scratch }>(({ scratch }) => {
  scratch.close();
});

async function withRows<R>(data: string, as: ReadAs, use: (index: RowIndex) => R | Promise<R>): Promise<R> {
  const open = async (): Promise<{ index: RowIndex; scratch: Scratch }> => {
    const scratch = openScratch(scratchFolder(dirname(data)));
    try {
      return { index: await openRowIndex(data, { scratch, ...as }), scratch };
    } catch (error) {
      scratch.close();
      throw error;
    }
  };
  return keptRows(`${await fileStamp([data])} ${JSON.stringify(as)}`, open, ({ index }) => use(index));
}

export const rowCalls: Pick<Calls, 'rowTexts' | 'rowsWith' | 'rowGroups' | 'explain'> = {
  rowTexts: ({ data, format, columns, hashes, most }) =>
    withRows(data, { format, columns }, (index) =>
      hashes.flatMap((hash) => {
        const row = index.find(hash);
        return row ? [rowText(index, row, most)] : [];
      }),
    ),

  rowsWith: ({ data, format, columns, text }, { signal }) =>
    withRows(data, { format, columns }, (index) => rowsWith(index, text, signal)),

  rowGroups: ({ data, format, columns, by }, { signal }) =>
    withRows(data, { format, columns }, (index) => rowGroups(index, by, signal)),

  async explain({ format, columns, hash, ...params }, reporter) {
    const found = await withRows(params.data, { format, columns }, (index) => {
      const row = index.find(hash);
      const content = row && contentOf(index, row);
      return content && { row, content };
    });
    return found ? explained(params, found.content, found.row, reporter) : null;
  },
};
