/** What the points of a sweep may share: only what would be the same for each of them alone. */
import assert from 'node:assert/strict';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openShared } from '../../runtime/calls/sweepShared.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import { absorbKey } from '../../runtime/recipes/protection/absorb.js';
import { dependenciesOf } from '../../runtime/recipes/training/dependencies.js';
import { baseKey } from '../../runtime/recipes/fineTune/fineTuneRun.js';
import { strategyOf } from '../../runtime/recipes/protection/strategy.js';
import { scanKey } from '../../runtime/recipes/protection/vectors.js';
import { sha256, sha256File } from '../../runtime/support/files.js';
import { rememberedHash } from '../../runtime/support/rememberedHash.js';
import { temporary } from '../support/temporary.js';

const BASE = {
  kind: 'finetune',
  model: 'm',
  data: { file: 'd.jsonl' },
  vectors: [{ adapter: 'v' }],
  output: 'o',
  steps: 1,
};
const ORDINARY = { ordinary: { file: 'ordinary.jsonl', limit: 100 } };

/** Which keys differ from those of the first recipe. */
async function differs(first: object, second: object, threads = '1'): Promise<string[]> {
  const keys = async (change: object, threads: string): Promise<Record<string, string>> => {
    const recipe = recipeSchemas.finetune.parse({ ...BASE, ...change });
    const context = { model: { folder: import.meta.dirname } } as Parameters<typeof dependenciesOf>[1]['context'];
    const path = (written: string): string => `/nowhere/${written}`;
    const dependencies = await dependenciesOf(recipe, { path, context, modelSha256: 'weights' });
    const job = { recipe, dependencies, machine: { device: 'cpu', threads } };
    const made = { scan: scanKey(job, strategyOf(recipe)), absorb: absorbKey(job), base: baseKey(job, {}) };
    return Object.fromEntries(Object.entries(made).map(([name, key]) => [name, JSON.stringify(key)]));
  };
  const [before, now] = [await keys(first, '1'), await keys(second, threads)];
  return Object.keys(before).filter((name) => before[name] !== now[name]);
}

test('what is trained later changes nothing of what is shared', async () => {
  assert.deepEqual(await differs({}, { optimizer: { learningRate: 0.5 }, epochs: undefined, steps: 9 }), []);
});

test('a scan depends on which rows it compares with, and with them the absorbed vector; the base does not', async () => {
  const fewer = { ordinary: { ...ORDINARY.ordinary, limit: 50 } };
  assert.deepEqual(await differs({ protection: ORDINARY }, { protection: fewer }), ['scan', 'absorb']);
  const columns = { ordinary: { ...ORDINARY.ordinary, columns: { text: 'other' } } };
  assert.deepEqual(await differs({ protection: ORDINARY }, { protection: columns }), ['scan', 'absorb']);
  assert.deepEqual(await differs({ protection: ORDINARY }, { protection: { ...ORDINARY, flagged: 'exclude' } }), [
    'absorb',
  ]);
});

test('what is shared was computed as the point itself computes', async () => {
  assert.deepEqual(await differs({}, {}, '2'), ['scan', 'absorb', 'base']);
});

test('what is used often stays, however much is made beside it', async () => {
  const { once } = openShared();
  let hashed = 0;
  const weights = (): Promise<string> => once(['weights', 'm'], async () => `hash ${++hashed}`);
  for (let point = 0; point < 100; point++) {
    assert.equal(await weights(), 'hash 1');
    await once(['scan', point], async () => point);
  }
  await assert.rejects(once(['fails'], () => Promise.reject(new Error('no'))));
  assert.equal(await once(['fails'], async () => 'again'), 'again');
});

test('the hash of a file is remembered until the file changes', async (t) => {
  const folder = await temporary(t);
  const file = join(folder, 'weights');
  const long = new Date('2020-01-01');
  const write = async (text: string): Promise<void> => {
    await writeFile(file, text);
    await utimes(file, long, long);
  };
  let read = 0;
  const hash = (): Promise<string> => rememberedHash(file, (name) => (read++, sha256File(name)));
  await write('one');
  assert.deepEqual([await hash(), await hash(), read], [sha256('one'), sha256('one'), 1]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await write('two');
  assert.deepEqual([await hash(), read], [sha256('two'), 2], 'of the same size, and dated back');
  await writeFile(file, 'six');
  assert.deepEqual([await hash(), await hash(), read], [sha256('six'), sha256('six'), 4], 'it may be changing now');
});
