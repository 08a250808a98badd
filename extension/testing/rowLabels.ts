import { stat } from 'node:fs/promises';
import { MAX_HASH_LISTS_BYTES } from '../../runtime/contract/hashLists.js';
import { labelsFile, labelsText, parseLabels, type Labels } from '../../runtime/contract/labels.js';
import { readText } from '../host/checkedFile.js';
import { changeFile, replaceFile } from '../host/state.js';

/**
 * What people said of a set's answers counts where some of its rows are tested, too, beside what they said on the page of such a
 * test. Of an answer that has both, the file that was written last knows. One that is no file of labels stays as it is: the
 * engine says so.
 */
export async function bringLabels(set: string, rows: string): Promise<void> {
  const ofSet = await labelsOf(set);
  if (!ofSet || ofSet.labels.size === 0) return;
  const file = labelsFile(rows);
  await changeFile(file, async () => {
    const own = await labelsOf(rows);
    if (!own) return;
    const [older, newer] = own.writtenMs > ofSet.writtenMs ? [ofSet, own] : [own, ofSet];
    await replaceFile(file, labelsText(new Map([...older.labels, ...newer.labels])));
  });
}

/** Undefined for a file that cannot be read. */
async function labelsOf(set: string): Promise<{ labels: Labels; writtenMs: number } | undefined> {
  const file = labelsFile(set);
  try {
    const text = await readText(file, MAX_HASH_LISTS_BYTES);
    if (text === undefined) return { labels: new Map(), writtenMs: 0 };
    const read = parseLabels(text);
    return 'fault' in read ? undefined : { labels: read.labels, writtenMs: (await stat(file)).mtimeMs };
  } catch {
    return undefined;
  }
}
