/**
 * The training panel after a review: rows that somebody has excluded are trained on by no recipe that does not say so.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Reviews } from '../../extension/data/reviews.js';
import { reviewFile, reviewText as fileText } from '../../runtime/contract/review.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';
import { trainingForm } from '../../extension/views/trainingState.js';
import { opened } from './trainingPanel.js';
import { known, TEXT, written } from './trainingRecipe.js';

const { fineTune } = await import('../../extension/commands/training.js');

const said = (exclude: number, text = TEXT, fine = 0) => {
  const { form, notices } = trainingForm(written(text), known({ review: () => ({ exclude, fine, unsure: 1 }) }));
  return [form.canStart, ...notices.map(({ text }) => text)];
};

test('a recipe that ignores a review says how many rows that are', () => {
  assert.deepEqual(said(0), [true]);
  assert.deepEqual(said(12), [true, 'The review beside train.jsonl excludes 12 rows. This recipe trains on them.']);
  assert.deepEqual(said(1), [true, 'The review beside train.jsonl excludes one row. This recipe trains on it.']);
});

test('a recipe that uses a review says what it does', () => {
  const reviewed = TEXT.replace('train.jsonl" }', 'train.jsonl", "exclude": "reviewed" }');
  assert.deepEqual(said(3, reviewed, 171), [true, 'With the review beside train.jsonl: rows fine: 171, left out: 3.']);
  assert.deepEqual(said(0, reviewed), [true]);
});

test('its button puts the review into the recipe, and another one takes it out', async (t) => {
  const panel = await opened(t, { reviewed: ['train.jsonl'] });
  const notice = panel.state().notices.find(({ text }) => text.startsWith('The review'));
  assert.deepEqual(notice?.buttons, [{ action: 'useReview', label: 'Use the review' }]);
  const before = await panel.read('protected');
  assert.deepEqual(await panel.ask({ type: 'act', action: 'useReview' }), { kind: 'result' });
  assert.equal(
    await panel.read('protected'),
    before.replace('train.jsonl" }', 'train.jsonl", "exclude": "reviewed" }'),
  );
  const [used] = panel.state().notices.filter(({ text }) => /review/.test(text));
  assert.equal(used?.text, 'With the review beside train.jsonl: rows fine: 0, left out: 1.');
  assert.deepEqual(used.buttons, [{ action: 'leaveReview', label: 'Train without the review' }]);
  assert.deepEqual(await panel.ask({ type: 'act', action: 'leaveReview' }), { kind: 'result' });
  assert.equal(await panel.read('protected'), before);
});

test('the wizard asks whether a review counts, which may have come with the data, and says what it does', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'train.jsonl'), '{"prompt":"a","completion":"b"}\n');
  const before = { answer: fake.answer };
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  fake.settings.set('device', 'cpu').set('threads', 0);
  t.after(() => {
    fake.answer = before.answer;
    workspace.workspaceFolders = undefined;
  });
  const columns = { prompt: 'prompt', completion: 'completion' };
  const data = async (answers: Record<string, string>, name: string): Promise<{ exclude?: string }> => {
    fake.answer = (question) => answers[question] ?? assert.fail(question);
    const training = { learningRate: 1e-3, epochs: 1, batch: { rows: 1, accumulate: 1, maxTokens: 64 } };
    const services = {
      assertTrusted: () => undefined,
      engine: { request: async (request: string) => (request === 'defaults' ? training : null) },
      models: { list: () => [{ path: join(root, 'tiny'), name: 'tiny', adapters: [] }] },
      recipes: { list: () => [], read: () => Promise.reject(new Error('it is written')) },
      reviews: new Reviews(),
      scans: { get: () => undefined },
      mappings: { get: () => undefined, set: async () => undefined },
    };
    const given = { data: file, columns, method: 'lora' as const, evaluate: [], name };
    await assert.rejects(fineTune(services as never, given, false), /it is written/);
    const recipe = JSON.parse(await readFile(join(root, `recipes/${name}.json`), 'utf8')) as { data: object };
    return recipe.data;
  };
  assert.equal((await data({}, 'none')).exclude, undefined);
  const hashes = ['a', 'b', 'c'].map((letter) => letter.repeat(16));
  await write(reviewFile(file), fileText(new Map([[hashes[0]!, 'fine'], [hashes[1]!, 'exclude'], [hashes[2]!, 'exclude']]))); // oxfmt-ignore
  const question = 'train.jsonl has been reviewed. Use the review?';
  assert.equal((await data({ [question]: 'With the review: rows fine: 1, left out: 2' }, 'with')).exclude, 'reviewed');
  assert.equal((await data({ [question]: 'Without it' }, 'without')).exclude, undefined);
});
