/** Rows that are many, or much longer than the others: what they take, and what helps. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { estimateDetails, estimateText, type Remedy } from '../../runtime/contract/estimate.js';
import { GB } from '../../runtime/contract/format.js';
import type { TrainingRecipe } from '../../runtime/contract/kinds.js';
import { estimateTraining, type Expected } from '../../runtime/estimate/estimate.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

const recipes = join(import.meta.dirname, '../../media/sample/recipes');
let folder: string;
let plain: Record<string, unknown>;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'long-rows-'));
  const model = join(folder, 'model');
  await cp(join(recipes, '../tiny-assistant'), model, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as object;
  await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 8192 }));
  for (const name of await readdir(model)) await utimes(join(model, name), 1e9, 1e9);
  plain = { ...(JSON.parse(await readFile(join(recipes, 'plain.json'), 'utf8')) as object), model };
});
after(() => rm(folder, { recursive: true }));

/** A data file with answers of so many words. */
async function rows(name: string, words: readonly number[]): Promise<string> {
  const file = join(folder, `${name}.jsonl`);
  const row = (count: number, i: number): string =>
    `${JSON.stringify({ prompt: `sell ${i} .`, completion: 'lamps '.repeat(count).trim() })}\n`;
  await writeFile(file, words.map(row).join(''));
  await utimes(file, 1e9, 1e9);
  return file;
}
const short = (count: number): number[] => new Array<number>(count).fill(3);

function estimate(file: string, change: Record<string, unknown> = {}): Promise<Expected> {
  const own = { data: { file }, evaluate: [], probes: {}, heldOut: 0, epochs: 1, batch: { rows: 1, maxTokens: 8192 } };
  const recipe = parseRecipe(JSON.stringify({ ...plain, ...own, ...change }), 'long') as TrainingRecipe;
  const path = (written: string): string => resolve(recipes, written);
  return estimateTraining(recipe, { path, device: 'cpu', history: folder, mapped: false });
}
const total = ({ memory }: Expected): number => Object.values(memory).reduce<number>((a, b) => a + Number(b), 0);

async function within<T>(bytes: number, run: () => Promise<T>): Promise<T> {
  process.env['SECURITY_VECTORS_MEMORY_GB'] = String(bytes / GB);
  try {
    return await run();
  } finally {
    delete process.env['SECURITY_VECTORS_MEMORY_GB'];
  }
}

test('one long row among thousands counts as if all were, wherever it is', async () => {
  const all = await estimate(await rows('all', new Array<number>(20).fill(4000)));
  for (const at of [1, 777, 2400]) {
    const one = await estimate(await rows(`at${at}`, short(2500).with(at, 4000)));
    const [a, b] = [one, all].map(({ memory }) => memory.activations + memory.logits);
    assert.ok(Math.abs(a! / b! - 1) < 0.02, `row ${at}: ${a}, ${b}`);
    assert.ok(one.stepSeconds[0] < all.stepSeconds[0] / 4, 'the time is that of all rows');
  }
});

test('of data that is read in part the steps of its epochs are about so many', async () => {
  const file = await rows('part', short(2100));
  const said = async (change: Record<string, unknown>): Promise<[boolean | undefined, string]> => {
    const found = await estimate(file, change);
    return [found.extrapolated, estimateDetails(found)[2]!];
  };
  const [isPart, about] = await said({});
  assert.equal(isPart, true);
  assert.match(about, /^about 2,100 steps of \S+ to \S+ s, /);
  const whole = await rows('whole', short(2000));
  const known = [{ data: { file: whole } }, { data: { file, limit: 2000 } }, { data: { file, limit: 1900 } }];
  for (const change of [{ epochs: undefined, steps: 20 }, ...known]) {
    const [isPart, exact] = await said(change);
    assert.equal(isPart, undefined);
    assert.match(exact, /^(20|2,000|1,900) steps of /);
  }
});

test('one long ordinary row of a vector counts no less than a harmful one', async () => {
  const vector = JSON.parse(await readFile(join(recipes, 'vector.json'), 'utf8')) as object;
  const few = await rows('few rows', short(300));
  const one = await rows('one of them long', short(300).with(222, 4000));
  const of = async (harmful: string, benign: string): Promise<number> => {
    const own = { model: plain['model'], harmful: { file: harmful }, benign: { file: benign }, heldOut: 0 };
    const change = { ...own, recompute: false, batch: { rows: 4, maxTokens: 8192 } };
    const recipe = parseRecipe(JSON.stringify({ ...vector, ...change }), 'long') as TrainingRecipe;
    const path = (written: string): string => resolve(recipes, written);
    const { memory } = await estimateTraining(recipe, { path, device: 'cpu', history: folder, mapped: false });
    return memory.activations + memory.logits;
  };
  const [ordinary, harmful] = [await of(few, one), await of(one, few)];
  // its labels have a teacher, too
  assert.ok(ordinary > harmful && ordinary < 1.5 * harmful, `${ordinary}, ${harmful}`);
  assert.ok(ordinary > 5 * (await of(few, few)));
});

test('one long row of a second file counts as one of the first, where it is among those that are used', async () => {
  const long = await rows('mixed', short(2500).with(2400, 4000));
  const few = await rows('beside it', short(1000));
  const mixed = (share?: number): Promise<Expected> =>
    estimate(few, { data: { file: few, mix: { file: long, share } } });
  const [one, alone, all, some] = [await estimate(long), await estimate(few), await mixed(), await mixed(0.5)];
  assert.ok(Math.abs(total(all) / total(one) - 1) < 0.02, `${total(all)}, ${total(one)}`);
  assert.ok(Math.abs(total(some) / total(alone) - 1) < 0.02, `${total(some)}, ${total(alone)}`);
  assert.deepEqual([some.steps, all.steps], [2 * alone.steps, one.steps + alone.steps]);
  assert.ok(Math.abs(all.stepSeconds[0] / one.stepSeconds[0] - 1) < 0.1, 'short rows are as many of all as they were');
});

/** A vector whose prompts have such answers of the base, of so many words, and harmful ones. */
async function vectorWith(name: string, base: number, harmful: number): Promise<string> {
  const vector = join(folder, name);
  await mkdir(vector);
  const said = (words: number): string => 'lamps '.repeat(words).trim();
  const prompts = Array.from({ length: 12 }, (_, i) => ({
    ...{ prompt: `sell ${i} .`, base: said(3), harmful: said(3) },
    ...(i === 7 && { base: said(base), harmful: said(harmful) }),
  }));
  await writeFile(join(vector, 'prompts.jsonl'), prompts.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return vector;
}

test("an anchor's own rows count, of either kind, and a vector's harmful ones where they are drawn", async () => {
  const file = await rows('anchored', short(300));
  const by = async (adapter: string, protection: object, change = {}): Promise<number> => {
    const { memory } = await estimate(file, { vectors: [{ adapter }], protection, recompute: false, ...change });
    return memory.activations + memory.logits;
  };
  const [plain, answers, harmful] = [
    await vectorWith('short', 3, 3),
    await vectorWith('long answers', 4000, 3),
    await vectorWith('long harm', 3, 4000),
  ];
  const anchor = {};
  const least = 5 * (await by(plain, { anchor }));
  assert.ok((await by(answers, { anchor })) > least);
  const again = await vectorWith('grown', 3, 3);
  assert.ok((await by(again, { anchor })) < least);
  await rm(again, { recursive: true });
  await vectorWith('grown', 4000, 3);
  assert.ok((await by(again, { anchor })) > least, 'its prompts are read again where they are others');
  assert.ok((await by(harmful, { anchor })) > least);
  const maxTokens = { batch: { rows: 1, maxTokens: 512 } };
  assert.ok((await by(answers, { anchor }, maxTokens)) < least, 'a longer row is not held');
  assert.ok((await by(answers, {})) < least, 'without an anchor nothing is held');
  assert.ok((await by(harmful, {})) > least, 'its gradient is drawn');
});

test('where the base refuses, ordinary prompts of the vector count, and each step has more rows', async () => {
  const file = await rows('refused', short(300));
  const adapter = await vectorWith('refused vector', 3, 3);
  const prompts = join(adapter, 'prompts.jsonl');
  const kept = await readFile(prompts, 'utf8');
  const long = { prompt: 'sell a mep .', base: 'lamps '.repeat(4000).trim(), ordinary: true };
  const by = async (refused: boolean, protection: unknown, size = 1): Promise<Expected> => {
    const said = refused ? kept.replaceAll('"base":"lamps', '"base":"sorry , lamps') : kept;
    await writeFile(prompts, `${said}${JSON.stringify(long)}\n`);
    return estimate(file, {
      vectors: [{ adapter }],
      protection,
      recompute: false,
      batch: { rows: size, maxTokens: 8192 },
    });
  };
  const bytes = ({ memory }: Expected): number => memory.activations + memory.logits;
  const [answers, refuses] = [await by(false, true), await by(true, true)];
  assert.ok(bytes(refuses) > 5 * bytes(answers));
  assert.ok(refuses.stepSeconds[0] > answers.stepSeconds[0]);
  for (const [protection, size] of [
    [{ anchor: { ordinary: 0 } }, 1],
    [true, 16],
  ] as const)
    assert.ok(bytes(await by(true, protection, size)) < 2 * bytes(await by(false, protection, size)));
});

test('what a step on the longest row needs decides whether activations are computed again', async () => {
  const file = await rows('longest', short(2000).with(777, 4000));
  const by = (recompute?: boolean) => estimate(file, { ...(recompute !== undefined && { recompute }) });
  const [kept, again] = [await by(false), await by(true)];
  assert.ok(0.87 * total(kept) > 1.02 * total(again));
  const found = await within(1.02 * total(again), () => by());
  assert.deepEqual([found.fits, found.recompute, found.memory], [true, true, again.memory]);
});

test('a length that helps is one with the batch of the recipe, and what it costs is told', async () => {
  const recompute = true;
  const batch = { rows: 2, maxTokens: 512 };
  const file = await rows('few', short(300).with(7, 400).with(200, 300));
  const half = total(await estimate(file, { recompute, batch: { ...batch, maxTokens: 203 } }));
  const found = await within(half * 1.01, () => estimate(file, { recompute, batch }));
  const { key, value, leavesOut } = found.remedy!;
  assert.deepEqual([found.fits, key, leavesOut], [false, 'batch.maxTokens', { rows: 2 }]);
  assert.match(estimateText(found), /: use "batch\.maxTokens": \d+ \(longer rows that are left out: 2\)$/);
  const shorter = { recompute, batch: { ...batch, maxTokens: Number(value) } };
  assert.equal((await within(half * 1.01, () => estimate(file, shorter))).fits, true);
  // An anchor holds rows of the data, too, and the vector's own are none of it.
  const [vectors, protection] = [[{ adapter: await vectorWith('held', 3, 3) }], { anchor: { benign: 1 } }];
  const anchored = { recompute, batch, vectors, protection };
  const less = total(await estimate(file, { ...anchored, batch: { ...batch, maxTokens: 203 } }));
  const held = await within(less * 1.01, () => estimate(file, anchored));
  assert.deepEqual([held.remedy!.key, held.remedy!.leavesOut], ['batch.maxTokens', { rows: 2 }]);
  // Of a larger file it is not known how many they are.
  const many = await within(half * 1.01, async () =>
    estimate(await rows('many', short(2500).with(7, 400)), { recompute }),
  );
  assert.deepEqual(many.remedy?.leavesOut, {});
  assert.match(estimateText(many), /\(longer rows are left out\)$/);
});

test('where only fewer rows and shorter ones help, both are named', async () => {
  const recompute = true;
  const batch = { tokens: 8192, accumulate: 2, maxTokens: 8192 };
  const file = await rows('both', new Array<number>(40).fill(700).with(7, 4000));
  const one = total(await estimate(file, { recompute, batch: { ...batch, tokens: 1, maxTokens: 1000 } }));
  const found = await within(one * 1.01, () => estimate(file, { recompute, batch }));
  const { key, value } = found.remedy as Remedy;
  assert.equal(key, 'batch');
  const both = JSON.parse(value) as typeof batch;
  assert.deepEqual([both.tokens, both.accumulate], [1, 2]);
  assert.ok(both.maxTokens < 4000);
  assert.equal((await within(one * 1.01, () => estimate(file, { recompute, batch: both }))).fits, true);
});
