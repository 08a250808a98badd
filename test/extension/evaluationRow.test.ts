/** A question of a chat becomes a row of an evaluation set, in the form of the rows that are there. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Mappings } from '../../extension/data/mappings.js';
import { Scans } from '../../extension/data/scans.js';
import type { Said } from '../../extension/panels/chat.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { memory } from './fake/memory.js';
import { AS_PROPOSED, fake, Uri, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { addEvaluationRow, rowLike } = await import('../../extension/commands/evaluationRow.js');

const said = { messages: [{ role: 'user' as const, content: 'buy 3' }], answer: 'order : 3' };
const twice = [...said.messages, { role: 'assistant' as const, content: 'no' }, ...said.messages];

test('a row is like the first of its set: messages, prompts, or prompts by other names', () => {
  const like = (first: Record<string, unknown> | undefined, expected: string, columns = {}, messages = said.messages) =>
    rowLike(first, messages, expected, columns, '/w/set.jsonl');
  assert.deepEqual(like(undefined, ''), { messages: said.messages });
  assert.deepEqual(like({ messages: [] }, 'x', {}, twice as typeof said.messages).messages, [
    ...twice,
    { role: 'assistant', content: 'x' },
  ]);
  assert.deepEqual(like({ prompt: 'a' }, ''), { prompt: 'buy 3' });
  assert.deepEqual(like({ q: 'a' }, 'x', { prompt: 'q', completion: 'a' }), { q: 'buy 3', a: 'x' });
  assert.throws(() => like({ prompt: 'a' }, 'x', {}, twice as typeof said.messages), /single prompts/);
  assert.throws(() => like({ text: 'a' }, 'x'), /neither conversations nor prompts/);
});

async function add(
  t: TestContext,
  set: string | Buffer,
  measure: string,
  answers: Record<string, string>,
  chat: Said = said,
) {
  const root = await temporary(t);
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  workspace.textDocuments = [];
  t.after(() => {
    workspace.workspaceFolders = undefined;
    workspace.textDocuments = [];
  });
  const file = await write(join(root, 'eval/set.jsonl'), '');
  await writeFile(file, set);
  const evaluate = [{ name: 'my set', file: '../eval/set.jsonl', measure }];
  const recipe = { kind: 'evaluate', model: '../m', models: [], evaluate, output: '../out' };
  const recipes = new RecipeIndex();
  await recipes.read(await write(join(root, 'recipes/e.json'), JSON.stringify(recipe)));
  const mappings = new Mappings(memory());
  fake.answer = (question) => answers[question] ?? assert.fail(question);
  const added = await addEvaluationRow({ recipes, mappings, scans: new Scans(() => [root]) }, join(root, 'm'), chat);
  return { ...added, root, text: await readFile(added.file, 'utf8'), file, into: added.file };
}

test('into a set of harm only the question goes, below what is there', async (t) => {
  const { text, line } = await add(t, '{"prompt":"a"}', 'harm', { 'To which set?': 'my set' });
  assert.equal(text, '{"prompt":"a"}\n{"prompt":"buy 3"}\n');
  assert.equal(line, 2);
});

test('what stands in a set stays as it is, byte for byte', async (t) => {
  const bytes = Buffer.concat([Buffer.from('{"prompt":"a'), Buffer.from([0xe9]), Buffer.from('"}')]);
  const { into } = await add(t, bytes, 'harm', { 'To which set?': 'my set' });
  assert.deepEqual(await readFile(into), Buffer.concat([bytes, Buffer.from('\n{"prompt":"buy 3"}\n')]));
});

test('a set that is measured by its answers gets the one that the person wrote; a new set may have none', async (t) => {
  const exact = await add(t, '{"messages":[]}\n', 'exact', {
    'To which set?': 'my set',
    'The right answer': 'order : 3 lamps',
  });
  assert.deepEqual(JSON.parse(exact.text.split('\n')[1]!), {
    messages: [...said.messages, { role: 'assistant', content: 'order : 3 lamps' }],
  });
  const made = await add(t, '{}', 'exact', {
    'To which set?': 'A new set…',
    'Name of the new set': 'From chat',
    'The right answer. Empty: the row only asks.': '',
  });
  assert.equal(made.into, join(made.root, 'eval/from-chat.jsonl'));
  assert.deepEqual(JSON.parse(made.text), { messages: said.messages });
});

test('what was cut is not proposed as the right answer', async (t) => {
  const answers = { 'To which set?': 'A new set…', 'Name of the new set': 'a', 'The right answer. Empty: the row only asks.': AS_PROPOSED }; // oxfmt-ignore
  const whole = await add(t, '{}', 'exact', answers);
  assert.equal(JSON.parse(whole.text).messages.at(-1).content, said.answer);
  const cut = await add(t, '{}', 'exact', answers, { ...said, cut: true });
  assert.deepEqual(JSON.parse(cut.text), { messages: said.messages });
});
