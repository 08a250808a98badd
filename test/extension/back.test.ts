/** The way back in a wizard: each answer that is left stays with its question. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { mock, test, type TestContext } from 'node:test';
import { Mappings } from '../../extension/data/mappings.js';
import { previewData, type PreviewOptions } from '../../runtime/data/preview.js';
import { memory } from './fake/memory.js';
import { BACK, fake, window } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { askData } = await import('../../extension/commands/dataSource.js');
const { askSets } = await import('../../extension/commands/evaluationSets.js');
const { wizard } = await import('../../extension/commands/wizard.js');

/** Answers in order; keeps the questions that were asked. */
function answers(t: TestContext, ...given: string[]): string[] {
  const asked: string[] = [];
  const before = fake.answer;
  t.after(() => (fake.answer = before));
  fake.answer = (question) => {
    asked.push(question);
    assert.ok(given.length > 0, `one question too many: ${asked.join(' | ')}`);
    return given.shift()!;
  };
  return asked;
}

async function table(t: TestContext) {
  const file = await write(join(await temporary(t), 'qa.csv'), 'question,answer\nbuy 3 lamps .,order : 3 lamps\n');
  const mappings = new Mappings(memory());
  const services = {
    engine: { request: (_: string, params: PreviewOptions) => previewData(params) },
    files: { dataFiles: () => [file] },
    inspector: { get: () => undefined },
    recipes: { list: () => [], isEvaluationSet: () => false },
    scans: { get: () => undefined },
    mappings,
  } as unknown as Parameters<typeof askData>[0];
  return { file, mappings, services };
}

const choice = (label: string) => ({ label, value: label });

test('back behind a question for columns asks what was asked before, and keeps the columns', async (t) => {
  const { file, mappings, services } = await table(t);
  const asked = answers(t, file, 'Use these columns', 'refusals', BACK, 'zorb', 'as in the paper');
  const found = await wizard('Fine-tune', async (ask) => ({
    data: await askData(services, ask, { question: 'Which data?' }),
    vector: await ask.pick('Which vector?', [choice('refusals'), choice('zorb')]),
    how: await ask.pick('How?', [choice('routed'), choice('as in the paper')]),
  }));
  const columns = { prompt: 'question', completion: 'answer' };
  assert.deepEqual(found, { data: { file, columns }, vector: 'zorb', how: 'as in the paper' });
  assert.deepEqual(mappings.get(file), columns);
  assert.match(asked[1]!, /should it be read like this/);
  assert.deepEqual(asked.toSpliced(1, 1), ['Which data?', 'Which vector?', 'How?', 'Which vector?', 'How?']);
});

test('back to a question for columns asks it again', async (t) => {
  const { file, services } = await table(t);
  answers(t, file, 'Use these columns', BACK, 'Other columns…', 'A text', 'answer', 'Use these columns', 'zorb');
  const found = await wizard('Fine-tune', async (ask) => ({
    data: await askData(services, ask, { question: 'Which data?' }),
    vector: await ask.pick('Which vector?', [choice('zorb')]),
  }));
  assert.deepEqual(found, { data: { file, columns: { text: 'answer' } }, vector: 'zorb' });
});

test('back behind measuring nothing asks once more whether that is meant', async (t) => {
  const { file, services } = await table(t);
  const keep = 'Keep 10 % of qa.csv for evaluation';
  const asked = answers(t, '', 'Measure nothing', BACK, keep, 'Loss', 'colours');
  const found = await wizard('Fine-tune', async (ask) => [
    await askSets(services, ask, { path: '/m', name: 'm', adapters: [] }, { file }, false),
    await ask.input('Name?', '', () => undefined),
  ]);
  assert.deepEqual(found, [{ evaluate: [], heldOut: { share: 0.1, measure: 'loss' } }, 'colours']);
  const nothing = 'Nothing measures the result yet.';
  assert.deepEqual(asked.slice(0, 4), ['Which sets measure the result?', nothing, 'Name?', nothing]);
});

test('a question says its number, and none how many there will be: that depends on the answers', async (t) => {
  answers(t, 'a', 'b');
  const create = mock.method(window, 'createQuickPick');
  t.after(() => create.mock.restore());
  await wizard('Fine-tune', async (ask) => [
    await ask.pick('Which?', [choice('a')]),
    await ask.pick('How?', [choice('b')]),
  ]);
  const boxes = create.mock.calls.map(({ result }) => result as { step?: number; totalSteps?: number });
  assert.deepEqual(
    boxes.map(({ step, totalSteps }) => [step, totalSteps]),
    [
      [undefined, undefined],
      [2, undefined],
    ],
  );
});
