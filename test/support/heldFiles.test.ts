import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whileHeld } from '../../runtime/contract/heldFiles.js';

const failing = (times: number, code = 'EPERM') => {
  const calls = { count: 0, slept: 0 };
  const rename = async (): Promise<void> => {
    if (++calls.count <= times) throw Object.assign(new Error('held'), { code });
  };
  const sleep = async (ms: number): Promise<void> => void (calls.slept += ms);
  return { calls, rename, sleep };
};

test('on Windows a file that another program holds for a moment is renamed all the same', async () => {
  for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
    const { calls, rename, sleep } = failing(3, code);
    await whileHeld(rename, 'win32', sleep);
    assert.equal(calls.count, 4);
  }
});

test('a file that stays held is an error after two seconds', async () => {
  const { calls, rename, sleep } = failing(Infinity);
  await assert.rejects(whileHeld(rename, 'win32', sleep), { code: 'EPERM' });
  assert.equal(calls.slept, 2000);
});

test('other errors, and those of other systems, are not waited for', async () => {
  for (const [platform, code] of [
    ['win32', 'ENOSPC'],
    ['linux', 'EPERM'],
  ] as const) {
    const { calls, rename, sleep } = failing(1, code);
    await assert.rejects(whileHeld(rename, platform, sleep), { code });
    assert.deepEqual(calls, { count: 1, slept: 0 });
  }
});
