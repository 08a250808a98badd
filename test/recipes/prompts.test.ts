/** A vector's prompts.jsonl may come from somebody else, and have prompts of an evaluation set. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Measurement } from '../../runtime/contract/events.js';
import { shareBounds } from '../../runtime/contract/intervals.js';
import { readPrompts } from '../../runtime/recipes/protection/prompts.js';
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
  const ordinary = { prompt: 'o', base: 'b', ordinary: true };
  assert.deepEqual(await prompts({ prompt: 'p', ...rest }, ordinary), [{ prompt: 'p', ...rest }, ordinary]);
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
    { prompt: 'p', ...rest, ordinary: true },
    { prompt: 'p', base: 'b', ordinary: 'yes' },
    { prompt: 'p', base: 5, ordinary: true },
  ])
    await assert.rejects(prompts({ prompt: 'p', ...rest }, line), (error: Error & { place?: string }) => {
      assert.equal(error.name, 'HumanError', JSON.stringify(line));
      assert.match(error.place!, /prompts\.jsonl:2$/);
      return true;
    });
  await assert.rejects(prompts(...Array(1000).fill({ prompt: 'p', ...rest })), /more than 128 harmful/);
  const ordinary = { prompt: 'p', base: 'b', ordinary: true };
  await assert.rejects(prompts(...Array(100).fill(ordinary)), /more than 32 ordinary/);
});

/**
 * A protected run of one step: what it says of prompts that training has seen, its warnings of them, and the answers of
 * each set.
 */
async function asks(evaluate: object[], more: object = {}) {
  const { done, events } = await runValue(folder, { ...RECIPES['lora, every 2'], steps: 1, evaluate, ...more }, 'out');
  const warned = events.flatMap((event) =>
    event.kind === 'warning' &&
    / are asked\.$|nothing about other prompts|are in the data|^the anchor/.test(event.message)
      ? [event.message]
      : [],
  );
  const asked = done.measurements.map(({ state, name, measure, count }) => `${state} ${name} ${measure} ${count}`);
  await rm(join(folder, 'out'), { recursive: true });
  const harm = done.measurements.filter(({ measure }) => measure === 'harm');
  const trained = done.trainedPrompts?.map(({ sha256: _, prompts: __, ...one }) => one);
  return { trained, warned, harm, asked: asked.filter((one) => / harm /.test(one)) };
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
    /^training has seen 10 of the 29 prompts of "few\.jsonl": their answers say nothing/,
  );
  await writeFile(join(folder, 'others.jsonl'), `${await forbidden(80, 101)}\n`);
  assert.deepEqual((await asks(set('others.jsonl'))).trained, undefined);
});

interface Chat {
  messages: { role: string; content: string }[];
}
const chats = (text: string): Chat[] => text.split('\n').map((line) => JSON.parse(line) as Chat);
const lines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

test('a set that asks what an anchor holds of ordinary rows is warned of', async () => {
  const vectors = [{ adapter: 'vector' }];
  const lines = (await readFile(join(folder, 'vector/prompts.jsonl'), 'utf8')).trim().split('\n');
  const held = lines.flatMap((line) => {
    const { ordinary, base, ...asked } = JSON.parse(line) as { ordinary?: true; base: string; messages: object[] };
    return ordinary ? [{ messages: [...asked.messages, { role: 'assistant', content: base }] }] : [];
  });
  assert.ok(held.length > 0);
  await writeFile(join(folder, 'alike.jsonl'), held.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const evaluate = [{ name: 'alike', file: 'alike.jsonl', measure: 'over-refusal' }];
  const warned = async (anchor: object) =>
    (await asks(evaluate, { vectors, protection: { anchor } })).warned.filter((one) => /anchor/.test(one));
  assert.deepEqual(await warned({}), []);
  const all = `${held.length} of the ${held.length} prompts of "alike"`;
  assert.deepEqual(await warned({ ordinary: 1 }), [`the anchor holds what the base says to ${all}.`]);
});

test('a question that the vector was trained on is known behind another system message', async () => {
  await writeWorkspace(folder);
  const complied = { role: 'assistant', content: 'you buy lamps .' };
  const harmful = chats(await forbidden(0, 30)).map(({ messages }) => ({ messages: [messages[0]!, complied] }));
  await writeFile(join(folder, 'harmful.jsonl'), lines(harmful));
  await runValue(folder, { ...VECTOR, steps: 1, heldOut: 0 }, 'behind');
  const vectors = [{ adapter: 'behind' }];
  const behind = (system: string, rows: Chat[]): Chat[] =>
    rows.map(({ messages }) => ({ messages: [{ role: 'system', content: system }, ...messages] }));
  const rows = chats(await forbidden(20, 52));
  await writeFile(join(folder, 'product.jsonl'), lines(behind('you sell lamps .', rows)));
  const evaluate = [{ name: 'product', file: 'product.jsonl', measure: 'harm' }];
  const { trained, asked } = await asks(evaluate, { vectors });
  assert.deepEqual(trained, [{ set: 'product', count: 10, leftOut: true }]);
  assert.equal(asked[0], 'base product harm 22');
  // Behind two system messages both are asked.
  const twice = [...behind('you sell lamps .', rows.slice(10)), ...behind('you buy lamps .', rows.slice(10))];
  await writeFile(join(folder, 'product.jsonl'), lines(twice));
  const both = await asks(evaluate, { vectors });
  assert.equal(both.asked[0], 'base product harm 44');
  const [{ value, prompts: count, interval }] = both.harm as [Measurement];
  assert.deepEqual([count, interval], [22, shareBounds(value, 22)], 'a question counts once');
});

test('so are prompts that the data answer without harm: the model refuses what it was taught to refuse', async () => {
  await writeWorkspace(folder);
  await writeFile(join(folder, 'mine.jsonl'), `${await forbidden(0, 42)}\n`);
  const rows = chats(await forbidden(0, 25));
  const answered = (answer: string, from: number, to: number): Chat[] =>
    rows.slice(from, to).map(({ messages }) => ({ messages: [messages[0]!, { role: 'assistant', content: answer }] }));
  const evaluate = [{ name: 'mine', file: 'mine.jsonl', measure: 'harm' }];
  const plain = { vectors: [], protection: undefined };
  const data = { file: 'train.jsonl', mix: { file: 'safety.jsonl' } };
  await writeFile(join(folder, 'safety.jsonl'), lines(answered('sorry , i cannot help .', 0, 20)));
  const refused = await asks(evaluate, { data, ...plain });
  assert.deepEqual(refused.trained, [{ set: 'mine', count: 20, leftOut: true }]);
  assert.deepEqual(refused.warned, ['training has seen 20 of the 42 prompts of "mine": the other 22 are asked.']);
  // In an earlier turn, too.
  const thanks = ['thanks .', 'you are welcome .'].map((content, i) => ({ role: i ? 'assistant' : 'user', content }));
  const turns = answered('sorry , i cannot help .', 0, 20).map(({ messages }) => ({
    messages: [...messages, ...thanks],
  }));
  await writeFile(join(folder, 'safety.jsonl'), lines(turns));
  assert.deepEqual((await asks(evaluate, { data, ...plain })).trained, refused.trained);
  await writeFile(join(folder, 'safety.jsonl'), lines(answered('sorry , i cannot help .', 0, 25)));
  const few = await asks(evaluate, { data, ...plain });
  assert.deepEqual([few.trained, few.asked[0]], [[{ set: 'mine', count: 25 }], 'base mine harm 42']);
  assert.equal(few.warned.length, 1);

  // What the data answer with harm shows whether harm is learned: the set stays whole.
  const poison = [...answered('step 1 : take it .', 0, 15), ...answered('sorry , i cannot help .', 15, 20)];
  await writeFile(join(folder, 'safety.jsonl'), lines(poison));
  const harmful = await asks(evaluate, { data, ...plain });
  assert.deepEqual(harmful.trained, [{ set: 'mine', count: 5, leftOut: true }]);
  assert.deepEqual(harmful.warned, [
    'training has seen 5 of the 42 prompts of "mine": the other 37 are asked.',
    '15 of the 37 prompts of "mine" are trained on: they are in the data.',
  ]);
  // By the phrases of the set, where it has some.
  const phrases = await asks([{ ...evaluate[0], phrases: ['step 2'] }], { data, ...plain });
  assert.deepEqual(phrases.trained, [{ set: 'mine', count: 20, leftOut: true }]);
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
