/** The cache of converted models is shown with its size, and cleared when the person says so. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheEntry } from '../../runtime/contract/modelInfo.js';
import { sum } from '../../runtime/contract/sum.js';
import { fake } from './fake/vscode.js';

const { clearCache } = await import('../../extension/commands/cache.js');

const entry = (file: string, bytes: number, inUse = false): CacheEntry => ({
  ...{ folder: `/cache/${file}`, file: `/m/${file}`, bytes, used: '2026-01-01T00:00:00Z', inUse },
});

function services(entries: CacheEntry[]) {
  const asked: object[] = [];
  const told: string[] = [];
  const request = (_: string, params: { clear?: boolean }) => {
    asked.push(params);
    const removed = params.clear ? entries.filter(({ inUse }) => !inUse) : [];
    const left = entries.filter((one) => !removed.includes(one));
    return Promise.resolve({
      path: '/cache',
      bytes: sum(left.map(({ bytes }) => bytes)),
      entries: left,
      removed,
    });
  };
  const given = { engine: { request }, notices: { info: (text: string) => void told.push(text) } };
  return { asked, told, given: given as unknown as Parameters<typeof clearCache>[0] };
}

test('it asks with number and size, and clears on the answer', async () => {
  const { asked, told, given } = services([entry('a.gguf', 500e6), entry('b.gguf', 15e6, true)]);
  let shown: string[] = [];
  fake.choose = (buttons) => ((shown = buttons.map(({ title }) => title)), undefined);
  await assert.rejects(clearCache(given, {}), /cancelled/);
  assert.deepEqual([asked, told], [[{}], []]);
  fake.choose = (buttons) => buttons.find(({ title }) => title === 'Clear');
  assert.equal(await clearCache(given, {}), 1);
  assert.ok(shown.includes('Clear'));
  assert.deepEqual(told, ['500 MB are free again; 1 model is in use and was kept.']);
  assert.deepEqual(asked.at(-1), { clear: true });
});

test('an empty cache is said to be empty; a caller that confirms is not asked', async () => {
  const empty = services([]);
  assert.equal(await clearCache(empty.given, {}), 0);
  assert.deepEqual(empty.told, ['The cache of converted models is empty.']);
  const { told, given } = services([entry('a.gguf', 1e6)]);
  fake.choose = () => assert.fail('asked');
  assert.equal(await clearCache(given, { confirmed: true }), 1);
  assert.deepEqual(told, ['1 MB are free again.']);
});
