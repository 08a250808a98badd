import { MAX_HASH_LISTS_BYTES } from '../../runtime/contract/hashLists.js';
import { labelsFile, labelsText, parseLabels, type Labels } from '../../runtime/contract/labels.js';
import { newerFile, readText, unreadable } from '../host/checkedFile.js';
import { changeFile, replaceFile } from '../host/state.js';
import { t } from '../host/text.js';

/**
 * What people said of a set's answers counts where some of its rows are tested, too: as the set has it now, save for
 * what they said otherwise on the page of such a test.
 * @throws HostError for a file that is none of labels: nothing is written then
 */
export async function bringLabels(set: string, rows: string): Promise<void> {
  const file = labelsFile(rows);
  // What was brought last: only by it is a copy known from what was said of the rows.
  const copy = `${rows}.brought.json`;
  await changeFile(file, async () => {
    const [ofSet, own, brought] = [await readLabels(labelsFile(set)), await readLabels(file), await readLabels(copy)];
    if (ofSet.size + own.size + brought.size === 0) return;
    const labels = new Map(ofSet);
    for (const hash of new Set([...own.keys(), ...brought.keys()])) {
      const said = own.get(hash);
      if (said === brought.get(hash)) continue;
      if (said === undefined) labels.delete(hash);
      else labels.set(hash, said);
    }
    await replaceFile(file, labelsText(labels));
    await replaceFile(copy, labelsText(ofSet));
  });
}

/** None where there is no such file. */
async function readLabels(file: string): Promise<Labels> {
  const text = await readText(file, MAX_HASH_LISTS_BYTES);
  if (text === undefined) return new Map();
  const read = parseLabels(text);
  if ('fault' in read)
    throw read.fault.kind === 'newer' ? newerFile(file) : unreadable(file, t('this is not a file of labels.'));
  return read.labels;
}
