import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import { withoutGpu } from '../../runtime/calls/withoutGpu.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { DeviceChoice } from '../../runtime/contract/recipeWords.js';
import { DeviceFailure } from '../../runtime/device/failures.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { RECIPES } from '../kills/workspace.js';
import { runSweep, sweepsFolder } from '../support/sweeps.js';
import { sampleWorkspace, type Workspace } from './support.js';

interface Options {
  readonly device?: DeviceChoice;
  readonly resume?: boolean;
  readonly shared?: { withoutGpu?: string };
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

test('a GPU that was asked for by name and other errors end it', async () => {
  for (const [choice, error] of [
    ['webgpu', gone(true)],
    ['auto', new Error('a fault')],
  ] as const) {
    const shared = {};
    const { asked, ended } = await failing(choice, { shared }, error);
    assert.equal(ended, error);
    assert.equal(asked.length, 1);
    assert.deepEqual(shared, {});
  }
});

test('a point of a sweep continues, too, and those that follow begin on the CPU, also after one that cannot', async () => {
  for (const isResumable of [true, false]) {
    const shared = {};
    const { asked, ended } = await failing('auto', { shared }, gone(isResumable), [SAMPLE]);
    assert.equal(asked.length, isResumable ? 2 : 1);
    assert.equal(ended === 'done', isResumable);
    const next = await failing('auto', { shared }, gone(true));
    assert.deepEqual(next.asked, [
      {
        device: 'cpu',
        resume: undefined,
        reason: 'the GPU is gone, so the points that follow compute on the CPU',
      },
    ]);
    const named = await failing('webgpu', { shared }, gone(true));
    assert.deepEqual(named.asked.map(({ device }) => device), [undefined]); // oxfmt-ignore
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

test('a sweep whose device fails finishes on the CPU, with the table of an undisturbed one', async () => {
  const at = await sweepsFolder();
  const sweep = async (name: string, stopAt?: (event: RunEvent) => boolean) => {
    const over = { seed: [1, 2] };
    await runSweep(await at.write(name, { kind: 'sweep', base: 'auto.json', over, output: `sweeps/${name}` }), {
      stopAt,
    });
    return (await at.table(name)).points;
  };
  const results = (points: readonly SweepPoint[]) =>
    points.map(({ values, verdict, measurements }) => ({ values, verdict, measurements }));
  try {
    await at.write('auto', { ...RECIPES['lora, absorbs flagged rows'], device: 'auto' });
    let hasFailed = false;
    const failed = await sweep('failed', (event) => {
      if (hasFailed || event.kind !== 'state' || !/^point 1 of 2/.test(event.message)) return false;
      hasFailed = true;
      throw new DeviceFailure('the GPU (WebGPU) no longer responds.', 'Start again.');
    });
    assert.deepEqual(results(failed), results(await sweep('whole')));
    const [first, second] = await Promise.all(
      failed.map(({ folder }) => readFile(join(at.root, 'sweeps/failed', folder, 'events.jsonl'), 'utf8')),
    );
    assert.match(first!, /cpu: the GPU .WebGPU. no longer responds, so the run continues on the CPU from the begin/);
    assert.match(second!, /cpu: the GPU .WebGPU. no longer responds, so the points that follow compute on the CPU/);
  } finally {
    await at.remove();
  }
});
