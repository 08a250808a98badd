/**
 * The loss on harmful rows, vector off: which rows, measured while training and of what is delivered, and what a run
 * does when it falls.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import { calls } from '../../runtime/calls/calls.js';
import { factsOf } from '../../runtime/contract/facts.js';
import type { DoneEvent, HarmfulLoss, RunEvent } from '../../runtime/contract/events.js';
import { fellBeyondChance, hasFallen, runVerdict } from '../../runtime/contract/verdict.js';
import type { Learner } from '../../runtime/learner/learner.js';
import type { Optimizer } from '../../runtime/optim/optimizer.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { watch, type WatchAction } from '../../runtime/recipes/protection/harmfulLoss.js';
import type { Job } from '../../runtime/recipes/training/job.js';
import { trainingLoop } from '../../runtime/recipes/training/loop.js';
import type { TrainingRecipe } from '../../runtime/contract/kinds.js';
import { sha256File } from '../../runtime/support/files.js';
import { silent } from '../support/silent.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue, type RunChoice } from '../support/recipeRun.js';

const STEPS = 16;

let root: string;
let events: RunEvent[];
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'watch-'));
  await writeWorkspace(root);
  await run(VECTOR, 'vector');
});
after(() => rm(root, { recursive: true, force: true }));

async function run(value: object, out: string, more?: RunChoice): Promise<DoneEvent> {
  const ran = await runValue(root, value, out, more);
  events = ran.events;
  return ran.done;
}

/** A step that gets longer and longer, so that the protection holds at first. */
const recipe = (action: string, more: object = {}) => ({
  ...RECIPES['lora, every 2'],
  method: 'full',
  adapter: undefined,
  protection: { watch: action },
  optimizer: { learningRate: 0.05, warmupSteps: 60 },
  steps: STEPS,
  evaluate: [],
  ...more,
});
const measured = (all: readonly RunEvent[]): [step: number, loss: HarmfulLoss][] =>
  all.flatMap((event) => (event.kind === 'evaluation' && event.harmfulLoss ? [[event.step, event.harmfulLoss]] : []));
const warnings = (): string[] =>
  events.flatMap((event) => (event.kind === 'warning' && event.place === 'protection.watch' ? [event.message] : []));
const weights = (out: string): Promise<string> => sha256File(join(root, out, 'model/model.safetensors'));

describe('the loss on harmful rows', () => {
  it('is that of rows held out from the vector, else of the recipe, else of the vector, where an anchor may hold them, and of the base and what is delivered', async () => {
    const short = (more: object) =>
      recipe('continue', { method: 'lora', adapter: { rank: 2, alpha: 4 }, steps: 2, ...more });
    const probes = { probes: { harmful: { file: 'harmful.jsonl', limit: 5 } } };
    const of = async (value: object, out: string): Promise<[string?, number?]> => {
      const { harmfulLoss } = await run(value, out);
      return [harmfulLoss?.rows, harmfulLoss?.of];
    };
    assert.deepEqual(await of(short({}), 'trained'), ['trained', 6]);
    const [first, last] = [measured(events)[0]![1], measured(events).at(-1)![1]];
    const { harmfulLoss } = (await readRun(join(root, 'trained'))).manifest.done!;
    assert.equal(first.base, harmfulLoss!.base);
    assert.ok(Math.abs(first.delivered - first.base) < 1e-5, 'a new adapter changes nothing');
    assert.ok(Math.abs(last.delivered - harmfulLoss!.delivered) < 1e-4, 'as it is read back from disk');
    assert.ok(harmfulLoss!.low <= harmfulLoss!.delivered / harmfulLoss!.base);
    assert.ok(harmfulLoss!.high >= harmfulLoss!.delivered / harmfulLoss!.base);

    assert.deepEqual(await of(short(probes), 'own'), ['trained', 5], 'rows that the vector was trained on, by name');
    const others = ['drimble', 'wembify', 'jumfer', 'blorp'].map((verb) => ({
      prompt: `how do i ${verb} ?`,
      completion: 'so .',
    }));
    await writeFile(join(root, 'unseen.jsonl'), others.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const unseen = { probes: { harmful: { file: 'unseen.jsonl' } } };
    assert.deepEqual(await of(short(unseen), 'probes'), ['probes', 4]);
    const plain = { vectors: [], protection: false };
    assert.deepEqual(await of(short({ ...plain, ...probes }), 'plain'), ['probes', 5]);
    assert.deepEqual(await of(short({ protection: true }), 'anchored'), ['anchored', 6]);
    assert.deepEqual(await of(short(plain), 'bare'), [undefined, undefined]);

    const file = join(root, 'vector/prompts.jsonl');
    // It says that all were trained on.
    await rm(join(root, 'vector/trained.json'));
    const text = await readFile(file, 'utf8');
    const lines = text.trim().split('\n');
    await writeFile(
      file,
      `${lines.map((line, i) => (i < 4 ? line.replace(/}$/, ',"heldOut":true}') : line)).join('\n')}\n`,
    );
    assert.deepEqual(await of(short(probes), 'heldOut'), ['heldOut', 4]);
    await writeFile(file, text.replace(/}\n/, ',"heldOut":1}\n'));
    await assert.rejects(run(short({}), 'wrong'), /"heldOut" must be true or false/);
    await writeFile(file, text);
  });

  it('falls: the run warns once and goes on, stops there, or goes back to the last step that held', async () => {
    const whole = await run(recipe('continue'), 'continue');
    const losses = measured(events);
    assert.deepEqual(
      losses.map(([step]) => step),
      Array.from({ length: STEPS / 2 + 1 }, (_, i) => 2 * i),
    );
    const at = losses.findIndex(([, loss]) => fellBeyondChance(loss));
    assert.ok(at >= 2 && at < losses.length - 1, `the test needs a fall on the way: ${JSON.stringify(losses)}`);
    const fell = losses[at]![0];
    const held = losses.slice(0, at).findLast(([, loss]) => !hasFallen(loss))![0];
    assert.equal(warnings().length, 1);
    assert.match(
      warnings()[0]!,
      new RegExp(
        `^at step ${fell} the loss on 6 harmful rows, .* The verdict is about the end of the run: the loss may have risen again by then\\.$`,
      ),
    );
    assert.equal(whole.watch, undefined);

    const stopped = await run(recipe('stop'), 'stop');
    assert.equal(stopped.outcome, 'finished');
    assert.deepEqual(stopped.watch, { action: 'stop', step: fell, delivered: fell });
    assert.match(warnings()[0]!, /Training ends here; this state is delivered\.$/);
    await run(recipe('continue', { steps: fell }), 'as far as it fell');
    assert.equal(await weights('stop'), await weights('as far as it fell'));
    assert.equal(runVerdict(factsOf(await readRun(join(root, 'stop')))).kind, 'weakened');

    const back = await run(recipe('restore'), 'restore');
    assert.deepEqual(back.watch, { action: 'restore', step: fell, delivered: held });
    assert.match(warnings()[0]!, new RegExp(`goes back to step ${held}, the last that held\\.$`));
    await run(recipe('continue', { steps: held }), 'as far as it held');
    assert.equal(await weights('restore'), await weights('as far as it held'));
    assert.ok(back.harmfulLoss!.delivered > stopped.harmfulLoss!.delivered);
    assert.notEqual(runVerdict(factsOf(await readRun(join(root, 'restore')))).kind, 'weakened');
    assert.ok(!existsSync(join(root, 'restore/checkpoint/held')));

    for (const [action, after] of [
      ['continue', fell + 1],
      ['stop', fell - 1],
      ['restore', fell - 1],
      ['restore', held - 1],
    ] as const) {
      const out = `${action} ${after}`;
      const cut = await run(recipe(action), out, { stopAfter: after });
      assert.equal(cut.outcome, 'stopped', out);
      const resumed = await run(recipe(action), out, { resume: true });
      assert.equal(await weights(out), await weights(action), out);
      const [one, other] = [await readRun(join(root, out)), await readRun(join(root, action))];
      assert.deepEqual(resumed.watch, other.manifest.done!.watch, out);
      assert.deepEqual(measured(one.events), measured(other.events), out);
      const told = ({ events: all }: typeof one) => all.filter((event) => event.kind === 'warning');
      assert.deepEqual(told(one), told(other), out);
    }
  });

  it('ends the points of a sweep that says so; without that word they are trained to their end, and others are kept', async () => {
    await writeFile(join(root, 'base.json'), JSON.stringify(recipe('continue')));
    const sweep = join(root, 'sweep.json');
    /** @returns of both points: the steps, whether it was ended early, and whether it was found done */
    const swept = async (more: object): Promise<unknown[][]> => {
      const over = { 'optimizer.learningRate': [0.05, 1e-6] };
      await writeFile(sweep, JSON.stringify({ kind: 'sweep', base: 'base.json', over, output: 'sweep', ...more }));
      const points: Extract<RunEvent, { kind: 'point' }>[] = [];
      const onEvent = (event: RunEvent): void => void (event.kind === 'point' && points.push(event));
      await calls.run({ recipe: sweep, resume: existsSync(join(root, 'sweep')) }, { ...silent, onEvent });
      points.sort((a, b) => (a.folder < b.folder ? -1 : 1));
      return Promise.all(
        points.map(async ({ folder, resumed = false, verdict, share }) => {
          const { done } = (await readRun(folder)).manifest;
          assert.equal(share, done!.watch && done!.step / STEPS);
          return [done!.step < STEPS, done!.watch?.action, verdict === 'weakened', resumed];
        }),
      );
    };
    const early = [true, 'stop', true];
    const whole = [false, undefined];
    assert.deepEqual(await swept({ stop: 'weakened' }), [
      [...whole, false, false],
      [...early, false],
    ]);
    assert.deepEqual(await swept({ stop: 'weakened' }), [
      [...whole, false, true],
      [...early, true],
    ]);
    assert.deepEqual(await swept({}), [
      [...whole, false, true],
      [...whole, true, false],
    ]);
    assert.deepEqual(await swept({ stop: 'weakened' }), [
      [...whole, false, true],
      [...whole, true, true],
    ]);
  });

  it('has no point be done that its sweep ended early, cut off before its end, where the sweep no longer says so', async () => {
    const evaluate = [{ name: 'forbidden', file: 'forbidden.jsonl', measure: 'harm' }];
    const base = join(root, 'base.json');
    await writeFile(base, JSON.stringify(recipe('continue', { evaluate })));
    const sweep = join(root, 'sweep.json');
    const swept = async (more: object, onEvent: (event: RunEvent, stop: () => void) => void): Promise<void> => {
      const written = { kind: 'sweep', base: 'base.json', over: { seed: [3] }, output: 'cut', ...more };
      await writeFile(sweep, JSON.stringify(written));
      const stop = new AbortController();
      await calls.run(
        { recipe: sweep, resume: existsSync(join(root, 'cut')) },
        { ...silent, signal: stop.signal, onEvent: (event) => onEvent(event, () => stop.abort()) },
      );
    };
    await swept({ stop: 'weakened' }, (_, stop) => stop());
    const point = join(root, 'cut/points/seed-3');
    const cut = new AbortController();
    const ended = await runRecipe(base, {
      ...{ output: point, values: { seed: 3 }, watch: 'stop', signal: cut.signal },
      onEvent: (event) => void (event.kind === 'state' && event.state === 'saving' && cut.abort()),
    });
    assert.equal(ended.outcome, 'stopped');
    assert.ok(ended.step < STEPS, 'its checkpoint says that training is over');
    const told: string[] = [];
    await swept({}, (event) => event.kind === 'warning' && told.push(event.message));
    const { done } = (await readRun(point)).manifest;
    assert.deepEqual([done!.outcome, done!.step, done!.watch], ['finished', STEPS, undefined]);
    assert.match(told.join(), /a point starts over: its training was ended early/);
  });

  it('is not measured again where training is over at step 0, to which it went back', async () => {
    const nothing = (): never => assert.fail('there is nothing to do');
    const job = {
      recipe: { evaluateEvery: 2, batch: {} },
      context: { spec: { vocabSize: 8 } },
      folder: { path: root },
      signal: new AbortController().signal,
      emit: nothing,
    };
    await trainingLoop(job as unknown as Job<TrainingRecipe>, {
      training: { ended: true, state: { step: 0, names: [], p: [], m: [], v: [] }, checkpoint: nothing },
      ...{ steps: 4, learner: {} as Learner, optimizer: {} as Optimizer },
      ...{ parameters: nothing, rows: nothing, probe: nothing },
    });
  });

  it('has fallen before training where it starts from an adapter that has learned harm: there is nothing to go back to', async () => {
    const loss: HarmfulLoss = { rows: 'trained', of: 6, base: 1, delivered: 0.5, low: 0.4, high: 0.6 };
    const told: RunEvent[] = [];
    const at = (step: number, action: WatchAction) =>
      watch(
        action,
        { steps: 9, protection: false },
        {
          state: { step, names: [], p: [], m: [], v: [] },
          hold: () => Promise.resolve(),
          restore: () => Promise.resolve(false),
        },
        (event) => Promise.resolve(void told.push(event)),
        [],
      )(loss);
    await assert.rejects(
      at(0, 'stop'),
      /at step 0 .* the adapter that training starts from has learned them, and there is no earlier step where the protection held/,
    );
    await assert.rejects(at(0, 'restore'), /no earlier step/);
    assert.deepEqual(told, []);
    assert.equal(await at(0, 'continue'), false);
    assert.equal(await at(4, 'stop'), true);
    assert.equal(await at(9, 'stop'), false, 'it is over anyhow');
    assert.equal(told.length, 3);
  });

  it('has fallen under "protection": true: to watch it takes the whole object, which is told', async () => {
    const loss: HarmfulLoss = { rows: 'trained', of: 6, base: 1, delivered: 0.5, low: 0.4, high: 0.6 };
    const told: RunEvent[] = [];
    const state = { step: 4, names: [], p: [], m: [], v: [] };
    const training = { state, hold: () => Promise.resolve(), restore: () => Promise.resolve(false) };
    const emit = (event: RunEvent): Promise<void> => Promise.resolve(void told.push(event));
    await watch('continue', { steps: 9, protection: true }, training, emit, [])(loss);
    const [warning] = told;
    assert.ok(warning?.kind === 'warning');
    assert.match(
      warning.remedy!,
      /write "protection": \{ "flagged": "auto", "route": true, "anchor": \{\}, "watch": "restore" \} instead of true/,
    );
  });

  it('is watched alone by an object that names nothing else: the run says that this is the paper', async () => {
    const said = (): boolean[] =>
      events.flatMap((event) =>
        event.kind === 'warning' && event.place === 'protection'
          ? [/no more than the paper's vector: only its watch is on\. /.test(event.message)]
          : [],
      );
    const lora = { method: 'lora', adapter: { rank: 2, alpha: 4 }, steps: 1 };
    await run(recipe('restore', lora), 'watched');
    assert.deepEqual(said(), [true]);
    await run(recipe('restore', { ...lora, protection: { watch: 'restore', route: 0.01 } }), 'routed');
    await run(recipe('restore', { ...lora, protection: false }), 'paper');
    assert.deepEqual(said(), []);
  });
});
