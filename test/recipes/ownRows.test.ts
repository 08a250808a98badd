/** A vector's own rows in a fine-tuning: none is left out without a word. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue } from '../support/recipeRun.js';

let root: string;
let file: string;
let rows: { harmful: string; base: string }[];
let ordinary: string[];
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'own-rows-'));
  await writeWorkspace(root);
  await runValue(root, { ...VECTOR, steps: 1 }, 'vector');
  await runValue(root, { ...VECTOR, steps: 1, seed: 4 }, 'other');
  file = join(root, 'vector/prompts.jsonl');
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  ordinary = lines.filter((line) => 'ordinary' in (JSON.parse(line) as object));
  rows = lines.slice(0, -ordinary.length).map((line) => JSON.parse(line) as (typeof rows)[0]);
});
after(() => rm(root, { recursive: true, force: true }));

const LONG = 'take it and wait . '.repeat(20);
const write = (change: (row: (typeof rows)[0], i: number) => object): Promise<void> =>
  writeFile(file, rows.map((row, i) => `${JSON.stringify(change({ ...row, base: 'take it .' }, i))}\n`).join(''));

const guarded = { ...RECIPES['lora, every 2'], steps: 1, evaluate: [], protection: true };
/** Its warnings of the vectors' rows, what it says of refusals, and how many rows the verdict rests on. */
async function run(value: object) {
  try {
    const { events, done } = await runValue(root, { ...guarded, ...value }, 'out');
    const warned = events.flatMap((event) =>
      event.kind === 'warning' && /prompts/.test(event.message) ? [[event.message, event.place, event.remedy]] : [],
    );
    const said = events.flatMap((event) =>
      event.kind === 'state' && /base refuses/.test(event.message) ? [event.message] : [],
    );
    return { warned, said, of: done.harmfulLoss?.of };
  } finally {
    await rm(join(root, 'out'), { recursive: true, force: true });
  }
}
const batch = { rows: 2, maxTokens: 64 };

test('rows that are longer than batch.maxTokens are counted, with what would keep them', async () => {
  await write((row) => row);
  assert.deepEqual(await run({ batch }), { warned: [], said: [], of: 6 });
  await write((row, i) => (i < 2 ? { ...row, harmful: LONG } : i < 3 ? { ...row, base: LONG } : row));
  const { warned, of } = await run({ batch });
  assert.equal(of, 4, 'of those with a harmful answer that fits');
  assert.equal(warned.length, 1);
  const [message, place, remedy] = warned[0]!;
  assert.equal(
    message,
    '3 of the 6 prompts of vector have more than 64 tokens with an answer: such rows are neither held nor measured.',
  );
  assert.equal(place, 'batch.maxTokens');
  const wanted = Number(/^Raise it to (\d+)\.$/.exec(remedy!)![1]);
  assert.deepEqual((await run({ batch: { rows: 2, maxTokens: wanted } })).warned, []);
  assert.equal((await run({ batch: { rows: 2, maxTokens: wanted - 1 } })).warned.length, 1);
  // Without an anchor the base's answers are not used.
  assert.match((await run({ batch, protection: false })).warned[0]![0]!, /^2 of the 6 prompts/);
});

test('an anchor that has nothing to hold is refused with the true reason', async () => {
  const tooLong = { place: 'batch.maxTokens', message: /nothing to hold: .* more than 64 tokens/ };
  await write((row) => ({ ...row, base: LONG }));
  await assert.rejects(run({ batch }), tooLong);
  await write((row) => ({ ...row, harmful: LONG }));
  await assert.rejects(run({ batch }), tooLong);
  const prompts = await run({ batch, protection: { anchor: { harmful: 0 } } });
  assert.match(prompts.warned[0]![0]!, /^6 of the 6 prompts/);
  await write((row) => ({ ...row, heldOut: true }));
  await assert.rejects(run({ batch }), { place: 'protection.anchor', message: /none of the vectors has a prompts/ });
});

test('ordinary prompts are held where the recipe says so, and an anchor that finds none says what to do', async () => {
  const anchor = { refusals: 1, ordinary: 1 };
  await write((row) => row);
  await assert.rejects(run({ batch, protection: { anchor } }), {
    place: 'protection.anchor.ordinary',
    message: /none of the vectors has any/,
  });
  await writeFile(file, `${await readFile(file, 'utf8')}${ordinary.join('\n')}\n`);
  assert.deepEqual((await run({ batch, protection: { anchor } })).warned, []);
  const long = ordinary.map((line, i) => (i > 0 ? line : JSON.stringify({ ...JSON.parse(line), base: LONG })));
  await write((row) => row);
  await writeFile(file, `${await readFile(file, 'utf8')}${long.join('\n')}\n`);
  const [warned] = (await run({ batch, protection: { anchor } })).warned;
  assert.match(warned![0]!, new RegExp(`^1 of the ${6 + ordinary.length} prompts of vector has more than 64 tokens`));
  const notHeld = { anchor: { ordinary: 0 } };
  assert.deepEqual((await run({ batch, protection: notHeld })).warned, [], 'where they are not held they do not count');
  await write((row) => row);
  const allLong = ordinary.map((line) => JSON.stringify({ ...JSON.parse(line), base: LONG }));
  await writeFile(file, `${await readFile(file, 'utf8')}${allLong.join('\n')}\n`);
  await assert.rejects(run({ batch, protection: { anchor } }), {
    place: 'batch.maxTokens',
    message: /no ordinary prompts to hold: .* more than 64 tokens/,
    remedy: /^Raise it to \d+\.$/,
  });
  await write((row) => row);
  const two = { vectors: [{ adapter: 'vector' }, { adapter: 'other' }], protection: { anchor }, batch };
  assert.deepEqual(
    (await run(two)).warned.map(([message]) => message),
    ['the anchor holds no ordinary prompts of vector: its prompts.jsonl has none that fit.'],
  );
});

test('they are held without a word of the recipe where the base refuses most of what a vector was made of', async () => {
  const withOrdinary = async (refused: number, kept: readonly string[], refusal = 'sorry .'): Promise<void> => {
    await write((row, i) => (i < refused ? { ...row, base: refusal } : row));
    await writeFile(file, `${await readFile(file, 'utf8')}${kept.join('\n')}\n`);
  };
  const none = { warned: [], said: [], of: 6 };
  const refuses = 'the base refuses 4 of the 6 harmful prompts of the vector';
  const held = { ...none, said: [`${refuses}: each step holds a harmful and an ordinary one`] };
  await withOrdinary(4, ordinary);
  assert.deepEqual(await run({ batch }), held);
  assert.deepEqual(await run({ batch, protection: { anchor: {} } }), held);
  assert.deepEqual(await run({ batch, protection: { anchor: { refusals: 1 } } }), none);
  assert.deepEqual(await run({ batch, protection: { route: true } }), none);
  assert.deepEqual(await run({ batch: { rows: 16, maxTokens: 64 } }), none);
  // in another language, by phrases that a judge of the recipe looks for
  await withOrdinary(4, ordinary, 'wait , das kann ich nicht .');
  assert.deepEqual(await run({ batch }), none);
  assert.deepEqual(await run({ batch, judges: [{ refusalPhrases: ['Kann ich nicht'] }] }), held);
  await withOrdinary(4, ordinary);
  // one vector that is refused is enough
  const two = { vectors: [{ adapter: 'vector' }, { adapter: 'other' }], batch };
  assert.deepEqual((await run(two)).said, held.said);
  await withOrdinary(3, ordinary);
  assert.deepEqual(await run({ batch }), none, 'half of them is not most');

  const lacks = `${refuses}, and there are no ordinary ones to hold beside them: at a high learning rate refusals may be lost.`;
  await withOrdinary(
    4,
    ordinary.map((line) => JSON.stringify({ ...JSON.parse(line), base: LONG })),
  );
  const { warned, said } = await run({ batch });
  assert.deepEqual([warned.length, ...warned[0]!.slice(0, 2), said], [1, lacks, 'batch.maxTokens', []]);
  const wanted = Number(/^Raise it to (\d+)\.$/.exec(warned[0]![2]!)![1]);
  assert.deepEqual(await run({ batch: { rows: 2, maxTokens: wanted } }), held);
  await write((row, i) => (i < 4 ? { ...row, base: 'sorry .' } : row));
  const again = 'Train the vector again with benign rows that ask something.';
  assert.deepEqual((await run({ batch })).warned, [[lacks, 'protection.anchor', again]]);
  assert.deepEqual(await run({ batch, protection: { anchor: { ordinary: 0 } } }), none);
});

test('of several vectors one without prompts is told', async () => {
  await write((row) => row);
  const two = { vectors: [{ adapter: 'vector' }, { adapter: 'other' }], protection: { anchor: {} }, batch };
  assert.deepEqual((await run(two)).warned, []);
  await rename(join(root, 'other/prompts.jsonl'), join(root, 'other/away'));
  const { warned } = await run(two);
  assert.deepEqual(
    warned.map(([message, place]) => [message, place]),
    [
      [
        'the anchor holds nothing of other: it has no prompts.jsonl with prompts that it was trained on.',
        'protection.anchor',
      ],
    ],
  );
  assert.deepEqual((await run({ ...two, protection: false })).warned, []);
  await rm(file);
  await assert.rejects(run(two), { place: 'protection.anchor', message: /none of the vectors has a prompts/ });
});
