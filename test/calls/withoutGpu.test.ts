import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutGpu } from '../../runtime/calls/withoutGpu.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { DeviceChoice } from '../../runtime/contract/recipeWords.js';
import { DeviceFailure } from '../../runtime/device/failures.js';

interface Options {
  readonly device?: DeviceChoice;
  readonly resume?: boolean;
  readonly shared?: unknown;
}

/** A run whose GPU fails: what it was asked for, and what was said. */
async function failing(choice: DeviceChoice, given: Options, error: Error) {
  const asked: Options[] = [];
  const events: RunEvent[] = [];
  const options = { ...given, onEvent: (event: RunEvent): void => void events.push(event) };
  const ended = await withoutGpu(choice, options, async ({ device, resume }) => {
    asked.push({ device, resume });
    if (device !== 'cpu') throw error;
    return 'done';
  }).catch((thrown: unknown) => thrown);
  return { asked, events, ended };
}
const gone = (isResumable: boolean): DeviceFailure =>
  new DeviceFailure('the GPU is gone.', 'Use the CPU.', isResumable);

test('where auto chose a GPU that fails, a run goes on on the CPU from its checkpoint', async () => {
  const { asked, events, ended } = await failing('auto', { device: 'auto' }, gone(true));
  assert.equal(ended, 'done');
  assert.deepEqual(asked, [
    { device: 'auto', resume: undefined },
    { device: 'cpu', resume: true },
  ]);
  const message = 'the GPU is gone: the run goes on on the CPU from its checkpoint';
  assert.deepEqual(events, [{ kind: 'state', state: 'preparing', message }]);
});

test('without a checkpoint it starts again, unless it was itself resumed before it took its folder', async () => {
  const started = await failing('auto', {}, gone(false));
  assert.equal(started.asked[1]!.resume, false);
  const resumed = await failing('auto', { resume: true }, gone(false));
  assert.equal(resumed.asked[1]!.resume, true);
});

test('a GPU that was asked for by name, a point of a sweep and other errors end it', async () => {
  for (const [choice, given, error] of [
    ['webgpu', {}, gone(true)],
    ['auto', { shared: {} }, gone(true)],
    ['auto', {}, new Error('a fault')],
  ] as const) {
    const { asked, ended } = await failing(choice, given, error);
    assert.equal(ended, error);
    assert.equal(asked.length, 1);
  }
});
