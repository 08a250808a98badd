import type { Example } from '../../runtime/data/examples.js';

/** A row that has been read, as far as tests of what is asked need it. */
export const example = (row: number, promptText: string, ids = [1]): Example => ({
  ...{ row, line: row + 1, ids, labels: ids, promptIds: [], promptText, answer: 'a' },
});
