/** What people have said of answers, in a file beside the evaluation set (contract/labels.ts). */
import { MAX_HASH_LISTS_BYTES } from '../contract/hashLists.js';
import { labelledText, labelsFile, labelsText, parseLabels, type Label, type Labels } from '../contract/labels.js';
import { sha256, textName, writeFileAtomic } from '../support/files.js';
import { ifThere } from '../support/ifThere.js';
import { readText } from '../support/jsonFile.js';
import { whileLocked } from '../support/lockFile.js';
import { hashListsError } from './hashListsError.js';

/** Names an answer to a prompt. */
export const answerHash = (prompt: string, answer: string): string => textName(labelledText(prompt, answer));

export interface LabelFile {
  readonly path: string;
  /** Of the file's text. */
  readonly sha256: string;
  readonly labels: Labels;
}

/**
 * Undefined where there is no such file.
 * @throws HumanError when the file is not what was written
 */
export async function readLabelFile(set: string): Promise<LabelFile | undefined> {
  const file = labelsFile(set);
  const text = await ifThere(readText(file, MAX_HASH_LISTS_BYTES));
  if (text === undefined) return undefined;
  const read = parseLabels(text);
  if (!('fault' in read)) return { path: file, sha256: sha256(text), labels: read.labels };
  throw hashListsError(file, read.fault, {
    form: 'this is not what a file of labels has there.',
    twice: (hash) => `the answer ${hash} has two labels.`,
    remedy: 'Repair the file, or delete it and label the answers again.',
  });
}

/** None where there is no such file. @throws HumanError as `readLabelFile` */
export const readLabels = async (set: string): Promise<Labels> => (await readLabelFile(set))?.labels ?? new Map();

/**
 * Changes the file, which is read anew first; who else changes it meanwhile waits.
 * @throws HumanError as `readLabelFile`: nothing is written then
 */
export function changeLabels(set: string, changes: ReadonlyMap<string, Label | null>): Promise<Labels> {
  const file = labelsFile(set);
  return whileLocked(file, async () => {
    const labels = new Map(await readLabels(set));
    for (const [hash, label] of changes) {
      if (label === null) labels.delete(hash);
      else labels.set(hash, label);
    }
    await writeFileAtomic(file, labelsText(labels), { makeFolder: false, throughLinks: true });
    return labels;
  });
}
