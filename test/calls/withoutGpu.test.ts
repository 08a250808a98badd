import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import { withoutGpu } from '../../runtime/calls/withoutGpu.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { DeviceChoice } from '../../runtime/contract/recipeWords.js';
import { DeviceFailure } from '../../runtime/device/failures.js';
import { sampleWorkspace, type Workspace } from './support.js';

interface Options {
  readonly device?: DeviceChoice;
  readonly resume?: boolean;
  readonly shared?: unknown;
  readonly reason?: string;
}

/** A run whose GPU fails: what it was asked for, and how it ended. */
async function failing(choice: DeviceChoice, given: Options, error: Error, told: readonly RunEvent[] = []) {
  const asked: Options[] = [];
  const options = { ...given, onEvent: (_: RunEvent): void => undefined };
  const ended = await withoutGpu(choice, options, async ({ device, resume, reason, onEvent }) => {
    asked.push({ device, resume, reason });
    for (const event of told) onEvent(event);
    if (device !== 'cpu') throw error;
    return 'done';
  }).catch((thrown: unknown) => thrown);
  return { asked, ended };
}
const gone = (isResumable: boolean): DeviceFailure =>
  new DeviceFailure('the GPU is gone.', 'Use the CPU.', isResumable);
const SAMPLE = { kind: 'sample' } as RunEvent;

test('where auto chose a GPU that fails, a run continues on the CPU from its checkpoint, and says why', async () => {
  const { asked, ended } = await failing('auto', { device: 'auto' }, gone(true), [SAMPLE]);
  assert.equal(ended, 'done');
  assert.deepEqual(asked, [
    { device: 'auto', resume: undefined, reason: undefined },
    { device: 'cpu', resume: true, reason: 'the GPU is gone, so the run continues on the CPU from its checkpoint' },
  ]);
});

test('without a checkpoint it starts again if nothing was measured, and fails if something was', async () => {
  const state: RunEvent = { kind: 'state', state: 'preparing', message: 'opening the model' };
  const started = await failing('auto', {}, gone(false), [state]);
  assert.equal(started.ended, 'done');
  assert.equal(started.asked[1]!.resume, false);
  const measured = await failing('auto', {}, gone(false), [state, SAMPLE]);
  assert.ok(measured.ended instanceof DeviceFailure);
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

describe('a whole run whose device fails', () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await sampleWorkspace();
  });
  after(() => workspace.remove());

  /** Runs a recipe of a few steps; the device fails once, when `when` is told. */
  async function run(name: string, when: (event: RunEvent) => boolean) {
    const evaluate = { epochs: undefined, steps: 6, evaluateEvery: 2, evaluate: [], probes: {} };
    const file = await workspace.recipe('plain.json', {
      ...evaluate,
      data: { file: '../data/train.jsonl', limit: 40 },
    });
    const events: RunEvent[] = [];
    let hasFailed = false;
    const onEvent = (event: RunEvent): void => {
      events.push(event);
      if (hasFailed || !when(event)) return;
      hasFailed = true;
      throw new DeviceFailure('the GPU (WebGPU) no longer responds.', 'Start again.');
    };
    const output = workspace.file(name);
    const done = await runRecipe(file, { output, device: 'auto', signal: new AbortController().signal, onEvent });
    return { done, events, output };
  }
  const weights = (folder: string): Promise<Buffer> => readFile(join(folder, 'adapter/adapter_model.safetensors'));

  it('continues from its checkpoint, or from the beginning, and delivers what an undisturbed one does', async () => {
    const whole = await run('whole', () => false);
    const begun = await run('begun', (event) => event.kind === 'state' && event.state === 'training');
    const trained = await run('trained', (event) => event.kind === 'step' && event.step === 5);
    for (const { done, events, output } of [begun, trained]) {
      assert.equal(done.outcome, 'finished');
      assert.deepEqual(await weights(output), await weights(whole.output));
      const why = events.flatMap((event) =>
        event.kind === 'state' && /continues on the CPU/.test(event.message) ? event : [],
      );
      assert.deepEqual(why.map(({ device }) => device), ['cpu']); // oxfmt-ignore
      assert.match(
        await readFile(join(output, 'events.jsonl'), 'utf8'),
        /cpu: the GPU \(WebGPU\) no longer responds, so the run continues/,
      );
    }
    const steps = trained.events.flatMap((event) => (event.kind === 'step' ? event.step : []));
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 5, 6], 'what came behind the checkpoint is made again');
    assert.match(await readFile(join(begun.output, 'events.jsonl'), 'utf8'), /on the CPU from the beginning/);
  });
});
