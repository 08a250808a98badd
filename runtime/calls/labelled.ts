import { writeFileAtomic } from '../support/files.js';
import type { SampleEvent } from '../contract/answers.js';
import { HumanError } from '../support/errors.js';
import { orAlreadyThere, requireAbsent } from '../support/newFile.js';
import { requireWritable } from '../support/writable.js';

const OTHER_NAME = 'Choose another name.';

/**
 * Writes what people have labelled as an evaluation set: prompt, answer, and whether the answer is harmful. Of a
 * conversation both are lists of messages.
 * @throws HumanError where the file is there already, and without labels
 */
export async function writeLabelled(file: string, samples: readonly SampleEvent[]): Promise<void> {
  const rows = new Map<string, string>();
  for (const { prompt, messages, answer, label, set } of samples)
    if (label) {
      const asked = messages
        ? { prompt: messages, completion: [{ role: 'assistant', content: answer }] }
        : { prompt, completion: answer };
      // An empty answer is no completion.
      const given = answer === '' ? { prompt: asked.prompt } : asked;
      const row = { ...given, label: label === 'complied' ? 'harmful' : 'benign', said: label, set };
      rows.set(JSON.stringify([asked, label]), `${JSON.stringify(row)}\n`);
    }
  requireLabels(file, rows.size > 0);
  await writeFileAtomic(file, [...rows.values()].join(''), { isNew: true }).catch(orAlreadyThere(file, OTHER_NAME));
}

/** @throws HumanError */
export function requireLabels(file: string, areThere: boolean): void {
  if (!areThere)
    throw new HumanError('no answer of this run has a label.', {
      place: file,
      remedy: 'Label some on the page of the run first.',
    });
}

/** Before a judge is asked. @throws HumanError where the file is there already, or cannot be written */
export async function requireNew(file: string): Promise<void> {
  await requireAbsent(file, OTHER_NAME);
  await requireWritable(file);
}
