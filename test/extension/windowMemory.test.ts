/** What a window keeps belongs to it while it lives, and then to one other window of the same workspace. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { WindowMemory, type OtherWindow } from '../../extension/host/windowMemory.js';
import { workingIn } from './otherProcess.js';
import { temporary, until, write } from './support.js';
import { memoryOf } from './windows.js';

/** Follows the others until the test is over. */
async function following(t: TestContext, memory: WindowMemory) {
  const taken: unknown[] = [];
  const seen = { others: [] as readonly OtherWindow[], taken };
  t.after(() => memory.dispose());
  await memory.follow(
    async ({ a }, atBeginning) => void taken.push([a, atBeginning]),
    async (others) => void (seen.others = others),
  );
  return seen;
}

/** It looks once more. */
async function looked(window: { others: readonly OtherWindow[] }): Promise<void> {
  const before = window.others;
  await until(() => window.others !== before, 'it looks');
}

const keptBy = ({ others }: { others: readonly OtherWindow[] }): unknown[] => others.map(({ kept }) => kept['a']);

test('of several windows one takes what a window has kept that has ended, and takes it once', async (t) => {
  const folder = await temporary(t);
  const first = memoryOf(folder);
  await Promise.all([1, 2, 3].map((value) => first.keep('a', value)));
  await first.dispose();
  const next = Array.from({ length: 5 }, () => memoryOf(folder));
  const found = await Promise.all(next.map((memory) => following(t, memory)));
  assert.deepEqual(found.flatMap(({ taken }) => taken), [[3, true]]); // oxfmt-ignore
  assert.deepEqual((await following(t, memoryOf(folder))).taken, []);
  assert.deepEqual(await readdir(folder), [], 'and nothing is left of it');
});

test('what a living window keeps is seen, and taken when that was killed', async (t) => {
  const folder = await temporary(t);
  const { end, pid } = await workingIn(t, join(folder, 'other'));
  await write(join(folder, 'other/kept.json'), { roots: ['/x', '/w'], kept: { a: 1 } });
  const window = await following(t, memoryOf(folder, { isOld: true }));
  const elsewhere = await following(t, memoryOf(folder, { roots: ['/y'] }));
  const noFolder = await following(t, memoryOf(folder, { roots: [] }));
  assert.deepEqual([keptBy(window), window.others[0]!.owner.pid, window.taken], [[1], pid, []]);
  await end();
  await until(() => window.taken.length > 0, 'it is taken');
  await until(() => window.others.length === 0, 'it is gone');
  assert.deepEqual(window.taken, [[1, false]]);
  for (const other of [elsewhere, noFolder]) assert.deepEqual([other.others, other.taken], [[], []]);
});

test('a window that is open for a while leaves it to one that comes back, and shows it until then', async (t) => {
  const folder = await temporary(t);
  const reloaded = memoryOf(folder);
  await reloaded.keep('a', 1);
  const times = { lookMs: 20, beginningMs: 0, leaveMs: Number.POSITIVE_INFINITY };
  const other = await following(t, new WindowMemory(folder, () => ['/w'], assert.ifError, times));
  await reloaded.dispose();
  for (let look = 0; look < 3; look++) await looked(other);
  assert.deepEqual([keptBy(other), other.taken], [[1], []]);
  assert.deepEqual((await following(t, memoryOf(folder))).taken, [[1, true]]);
  await until(() => other.others.length === 0, 'it is gone');
});

test('what ends in the middle of being taken is there for the next window', async (t) => {
  const folder = await temporary(t);
  const first = memoryOf(folder);
  await first.keep('a', 1);
  await first.dispose();
  const second = memoryOf(folder);
  await second.follow(
    () => second.dispose(),
    async () => undefined,
  );
  assert.deepEqual((await following(t, memoryOf(folder))).taken, [[1, true]]);
});

test('a window whose folder was removed keeps what it has in another one, as its own', async (t) => {
  const folder = await temporary(t);
  const first = memoryOf(folder);
  t.after(() => first.dispose());
  await first.keep('a', 1);
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
  await first.keep('a', 1);
  const other = await following(t, memoryOf(folder));
  assert.deepEqual([keptBy(other), other.taken], [[1], []]);
});

test('where nothing can be written that is said once, and nothing else ends with it', async (t) => {
  const file = await write(join(await temporary(t), 'file'), '');
  const said: unknown[] = [];
  const memory = new WindowMemory(file, () => ['/w'], (error) => said.push(error)); // oxfmt-ignore
  for (const value of [1, 2]) await memory.keep('a', value);
  assert.equal(said.length, 1);
  await memory.dispose();
});
