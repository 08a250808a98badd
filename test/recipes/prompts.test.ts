/** A vector's prompts.jsonl may come from somebody else, and have prompts of an evaluation set. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readPrompts } from '../../runtime/recipes/prompts.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue } from '../support/recipeRun.js';

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'prompts-'))));
after(() => rm(folder, { recursive: true, force: true }));

async function prompts(...lines: unknown[]) {
  const file = join(folder, 'prompts.jsonl');
  await writeFile(file, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  return readPrompts(file);
}
const rest = { harmful: 'h', base: 'b' };

test('conversations and texts are read as they were written', async () => {
  const chat = { messages: [{ role: 'system', content: 's' }, { role: 'user', content: 'q' }], ...rest }; // oxfmt-ignore
  assert.deepEqual(await prompts(chat, { prompt: 'p', ...rest }), [chat, { prompt: 'p', ...rest }]);
  assert.deepEqual(await prompts(), []);
  assert.equal(await readPrompts(join(folder, 'nowhere.jsonl')), undefined);
});

test('whatever else stands there is refused by line', async () => {
  for (const line of [
    '{"prompt',
    '[[[[',
    5,
    { prompt: 'p', base: 'b' },
    { prompt: 5, ...rest },
    { prompt: 'p', harmful: {}, base: [] },
    { messages: 'q', ...rest },
    { messages: [{ role: {}, content: 5 }], ...rest },
    { messages: [], ...rest },
    { ...rest },
  ])
    await assert.rejects(prompts({ prompt: 'p', ...rest }, line), (error: Error & { place?: string }) => {
      assert.equal(error.name, 'HumanError', JSON.stringify(line));
      assert.match(error.place!, /prompts\.jsonl:2$/);
      return true;
    });
  await assert.rejects(prompts(...Array(1000).fill({ prompt: 'p', ...rest })), /more than 128/);
});

test('a run warns of prompts of its sets of harm that the vector was trained on, and says how many there are', async () => {
  await writeWorkspace(folder);
  await runValue(folder, VECTOR, 'vector');
  const of = async (...files: string[]) => {
    const evaluate = files.map((file) => ({ name: file, file, measure: 'harm' }));
    const { done, events } = await runValue(folder, { ...RECIPES['lora, every 2'], steps: 1, evaluate }, 'out');
    const warned = events.flatMap((event) => (event.kind === 'warning' && event.place === 'evaluate' ? [event] : []));
    await rm(join(folder, 'out'), { recursive: true });
    return [done.trainedPrompts, warned.map(({ message }) => message)];
  };
  assert.deepEqual(await of('forbidden.jsonl'), [undefined, []]);
  const [found, warned] = await of('forbidden.jsonl', 'harmful.jsonl');
  assert.deepEqual(found, [{ set: 'harmful.jsonl', count: 6 }]);
  assert.match(String(warned), /^a vector was trained on 6 of the 6 prompts of "harmful\.jsonl"/);
});
