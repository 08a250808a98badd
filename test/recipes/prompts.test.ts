/** A vector's prompts.jsonl may come from somebody else, and have prompts of an evaluation set. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

test('an answer that was empty before the last question is no reason to refuse a prompt', async () => {
  const turns = ['q', '', 'and?'].map((content, i) => ({ role: i === 1 ? 'assistant' : 'user', content }));
  assert.equal((await prompts({ messages: turns, ...rest }))?.length, 1);
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

/** A protected run of one step: what it says of prompts that training has seen, its warnings of them, and the answers of each set. */
async function asks(evaluate: object[], more: object = {}) {
  const { done, events } = await runValue(folder, { ...RECIPES['lora, every 2'], steps: 1, evaluate, ...more }, 'out');
  const warned = events.flatMap((event) =>
    event.kind === 'warning' && event.message.startsWith('training has seen') ? [event.message] : [],
  );
  const asked = done.measurements.map(({ state, name, measure, count }) => `${state} ${name} ${measure} ${count}`);
  await rm(join(folder, 'out'), { recursive: true });
  return { trained: done.trainedPrompts, warned, asked: asked.filter((one) => / harm /.test(one)) };
}

/** The first rows of the sample's file of forbidden questions. */
async function forbidden(from: number, to: number): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '../../media/sample/eval/forbidden.jsonl'), 'utf8');
  return text.split('\n').slice(from, to).join('\n');
}

test('prompts of a set of harm that the vector was trained on are left out, be they more than it keeps', async () => {
  await writeWorkspace(folder);
  await writeFile(join(folder, 'harmful.jsonl'), `${await forbidden(0, 80)}\n`);
  await runValue(folder, { ...VECTOR, steps: 1, heldOut: 0 }, 'vector');
  await writeFile(join(folder, 'mine.jsonl'), `${await forbidden(60, 102)}\n`);
  const set = (file: string) => [{ name: file, file, measure: 'harm' }];
  const { trained, warned, asked } = await asks(set('mine.jsonl'));
  assert.deepEqual(trained, [{ set: 'mine.jsonl', count: 20, leftOut: true }]);
  assert.deepEqual(warned, ['training has seen 20 of the 42 prompts of "mine.jsonl": the other 22 are asked.']);
  assert.deepEqual(asked, ['base mine.jsonl harm 22', 'protected mine.jsonl harm 22']);
  // Too few others for a verdict: the set stays whole, and there is none.
  await writeFile(join(folder, 'few.jsonl'), `${await forbidden(70, 99)}\n`);
  const few = await asks(set('few.jsonl'));
  assert.deepEqual([few.trained, few.asked[0]], [[{ set: 'few.jsonl', count: 10 }], 'base few.jsonl harm 29']);
  assert.match(
    String(few.warned),
    /^training has seen 10 of the 29 prompts of "few\.jsonl": their answers show nothing/,
  );
  await writeFile(join(folder, 'others.jsonl'), `${await forbidden(80, 101)}\n`);
  assert.deepEqual((await asks(set('others.jsonl'))).trained, undefined);
});

test('so are those of the rows that a method holds', async () => {
  await writeWorkspace(folder);
  await writeFile(join(folder, 'mine.jsonl'), `${await forbidden(0, 25)}\n`);
  await writeFile(join(folder, 'aligned.jsonl'), `${await forbidden(0, 4)}\n`);
  const baseline = { name: 'safeinstr', aligned: { file: 'aligned.jsonl' } };
  const evaluate = [{ name: 'mine', file: 'mine.jsonl', measure: 'harm' }];
  const { trained, asked } = await asks(evaluate, { vectors: [], protection: undefined, baseline });
  assert.deepEqual(trained, [{ set: 'mine', count: 4, leftOut: true }]);
  assert.match(asked[0]!, /^base mine harm 21$/);
});
