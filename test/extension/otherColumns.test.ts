/** Who has chosen columns of a data file may choose others, whatever else is known of the file. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Cancelled } from '../../extension/host/errors.js';
import type { Button } from '../../extension/host/notices.js';
import { fake } from './fake/vscode.js';
import { MODEL, workspace } from './dataWizard.js';
import { write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { previewDocuments } = await import('../../extension/data/previews.js');
const { previewData } = await import('../../extension/commands/previewData.js');
const { readAs } = await import('../../extension/services/choice.js');

previewDocuments();

const QA = { prompt: 'question', completion: 'answer' };
const TABLE = 'question,answer\nbuy 3 lamps .,order : 3 lamps\n';
const TURNED = ['Other columns…', 'A prompt and an answer', 'answer', 'question', 'Use these columns'];

/** A file that was scanned with columns, and shown: the button beside what it is read as. */
async function shown(t: TestContext) {
  const { services, at } = await workspace(t, { 'qa.csv': TABLE });
  const file = at('qa.csv');
  const buttons: Button[] = [];
  const shows = {
    ...services,
    assertTrusted: () => undefined,
    models: { list: () => [MODEL] },
    notices: { info: (_: string, ...more: Button[]) => void buttons.push(...more) },
    store: { list: () => [] },
  } as unknown as Parameters<typeof previewData>[0];
  await services.mappings.set(file, QA);
  await services.scans.add(file, 'v', 'v', scanResult(), { columns: QA });
  await previewData(shows, { file });
  return { file, services, mappings: services.mappings, other: async () => buttons.pop()!.run() };
}

/** A person who answers in order, and leaves when there is nothing more to say. */
function answers(t: TestContext, ...given: string[]): void {
  const before = fake.answer;
  t.after(() => (fake.answer = before));
  fake.answer = () => {
    const answer = given.shift();
    if (answer === undefined) throw new Cancelled();
    return answer;
  };
}

test('others are asked for, though a scan was told some', async (t) => {
  const { file, mappings, other } = await shown(t);
  answers(t, ...TURNED);
  await other();
  assert.deepEqual(mappings.get(file), { prompt: 'answer', completion: 'question' });
});

test('who leaves before others are chosen keeps those that were', async (t) => {
  const { file, mappings, other } = await shown(t);
  answers(t, 'Other columns…');
  await assert.rejects(other(), Cancelled);
  assert.deepEqual(mappings.get(file), QA);
});

test('a file that is read by its own names by now needs none', async (t) => {
  const { file, mappings, other } = await shown(t);
  await write(file, TABLE.replace('question,answer', 'prompt,completion'));
  answers(t);
  await other();
  assert.equal(mappings.get(file), undefined);
});

test('of a file that was written anew since its scan, what the scan was told does not count', async (t) => {
  const { file, services, mappings } = await shown(t);
  await mappings.set(file, undefined);
  assert.deepEqual(readAs(services, file), { columns: QA });
  await write(file, TABLE.replace('question,answer', 'prompt,completion'));
  await services.scans.look(file);
  assert.deepEqual(readAs(services, file), {});
  await write(file, TABLE);
  await services.scans.look(file);
  assert.deepEqual(readAs(services, file), { columns: QA }, 'it is what it was');
});
