import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intoFolder } from '../../extension/commands/intoFolder.js';
import { Cancelled, HostError } from '../../extension/host/errors.js';

const taken = (folder: string) => new HostError({ kind: 'input', code: 'exists', message: 'taken', place: folder });

/** Writes where nothing is, or with force. */
const writer = (...there: string[]) => {
  const calls: string[] = [];
  const write = (folder: string, force: boolean): Promise<string> => {
    calls.push(`${folder}${force ? '!' : ''}`);
    return there.includes(folder) && !force ? Promise.reject(taken(folder)) : Promise.resolve(folder);
  };
  return { calls, write };
};

test('where nothing is in the way nobody is asked', async () => {
  const { write, calls } = writer();
  assert.equal(await intoFolder('m', write, () => assert.fail()), 'm');
  assert.deepEqual(calls, ['m']);
});

test('replace, keep both, or neither', async () => {
  const replaced = writer('m');
  assert.equal(await intoFolder('m', replaced.write, () => Promise.resolve('replace')), 'm');
  assert.deepEqual(replaced.calls, ['m', 'm!']);

  const kept = writer('m', 'm-2');
  let asked = 0;
  const keep = () => (asked++, Promise.resolve('keep' as const));
  assert.equal(await intoFolder('m', kept.write, keep), 'm-3');
  assert.deepEqual([kept.calls, asked], [['m', 'm-2', 'm-3'], 1]);

  const left = writer('m');
  await assert.rejects(
    intoFolder('m', left.write, () => Promise.reject(new Cancelled())),
    Cancelled,
  );
  assert.deepEqual(left.calls, ['m']);
});

test('other errors are not asked about', async () => {
  const error = new HostError({ kind: 'failed', message: 'offline' });
  await assert.rejects(
    intoFolder(
      'm',
      () => Promise.reject(error),
      () => assert.fail(),
    ),
    (found) => found === error,
  );
});
