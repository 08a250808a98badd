/** A scan that ends with its window is named by the next one, which can make it again. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScansAtWork } from '../../extension/data/scansAtWork.js';
import type { Button } from '../../extension/host/notices.js';
import { memory } from './fake/memory.js';

const { tellCutOff } = await import('../../extension/commands/scan.js');

const asked = (file: string) => ({ file, model: '/m', vector: '/v' });

/** What a window says when it begins. */
function told(scansAtWork: ScansAtWork): string[] {
  const said: string[] = [];
  const warn = (message: string, ...buttons: Button[]): void =>
    void said.push(message, ...buttons.map(({ title }) => title));
  tellCutOff({ scansAtWork, notices: { warn, info: () => undefined, error: assert.ifError } });
  return said;
}

test('of scans that end with the window the next one tells, once; of those that were done or failed none', async () => {
  const kept = new Map<string, unknown>();
  const first = new ScansAtWork(memory(kept));
  assert.deepEqual(told(first), []);
  assert.equal(await first.during(asked('/w/done.jsonl'), async () => 1), 1);
  await assert.rejects(
    first.during(asked('/w/failed.jsonl'), () => Promise.reject(new Error('no'))),
    /no/,
  );
  let end = (_: Error): void => undefined;
  const cut = first.during(asked('/w/train.jsonl'), () => new Promise((_, reject) => (end = reject)));
  first.dispose();
  // With the window its engine ends.
  end(new Error('the engine ended'));
  await assert.rejects(cut, /the engine ended/);

  assert.deepEqual(told(new ScansAtWork(memory(kept))), [
    'The scan of train.jsonl ended with its window before it was done. Nothing of it is kept.',
    'Scan again',
  ]);
  assert.deepEqual(told(new ScansAtWork(memory(kept))), []);
});
