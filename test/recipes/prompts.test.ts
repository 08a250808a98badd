/** A vector's prompts.jsonl may come from somebody else. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readPrompts } from '../../runtime/recipes/prompts.js';

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
