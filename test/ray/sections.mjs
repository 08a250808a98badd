/** What is tried on a real Ray, each by itself; it gets the bench of run.mjs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { descendants } from './head.mjs';
import { allOnce, apart, stepsOf, train, verdict } from './runs.mjs';
import { smollm2 } from './smollm2.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const exec = promisify(execFile);
const STEPS = 20;
const LIMITS = { firstLoss: 1e-4, adapter: 1e-2 };
const LONG = { steps: 60, evaluateEvery: 10, evaluate: [] };
const read = async (file) => JSON.parse(await readFile(file, 'utf8'));

/** The same recipe at two places: first losses, adapters, kinds of events, verdict. */
async function same({ recipe, note, folder }, from, name, change, [one, other]) {
  const runs = [];
  for (const [place, more] of [one, other]) {
    const run = await train(await recipe(from, `${name}-${place}`, { steps: STEPS, ...change, ...more }));
    assert.ok(run.code === 0 || run.code === 4, run.said);
    runs.push({ ...run, folder: folder(`${name}-${place}`) });
  }
  const [first, second] = runs;
  const losses = runs.map(({ events }) => stepsOf(events)[0].lossNatsPerToken);
  note(`${name}: first losses`, losses);
  assert.ok(Math.abs(losses[0] - losses[1]) < LIMITS.firstLoss);
  const steps = stepsOf(first.events).length;
  const distance = await apart(...runs.map((run) => path.join(run.folder, 'adapter')));
  note(`${name}: adapters apart after ${steps} steps`, distance);
  assert.ok(distance < LIMITS.adapter);
  assert.equal(second.code, first.code, second.said);
  const drawn = ({ events }) =>
    events.filter(({ kind }) => ['step', 'evaluation', 'checkpoint'].includes(kind)).map((e) => [e.kind, e.step]);
  assert.deepEqual(drawn(second), drawn(first), 'the same events');
  assert.deepEqual(await verdict(second.folder), await verdict(first.folder), 'the same verdict');
  return runs;
}

const hereAndThere = (on) => [
  ['here', {}],
  ['there', { on }],
];

/** A vector that protects, made here once. */
async function vectors({ recipe, folder }) {
  const made = folder('vector-of-protected');
  if (
    !(await access(path.join(made, 'adapter')).then(
      () => true,
      () => false,
    ))
  ) {
    const { code, said } = await train(await recipe('vector.json', 'vector-of-protected', { steps: 80 }));
    assert.equal(code, 0, said);
  }
  return [{ adapter: '../vector-of-protected', scale: 1 }];
}

const fewRows = async ({ folder }) =>
  (await read(folder('recipes/protected.json'))).evaluate.map((set) => ({ ...set, limit: 24 }));

/** A vector, each worker with the whole model. */
export const vector = (bench) => same(bench, 'vector.json', 'vector', {}, hereAndThere(bench.on()));

/** A protected fine-tuning, scanned there, the model cut over both workers. */
async function protectedRun(bench) {
  const change = { vectors: await vectors(bench), evaluate: await fewRows(bench) };
  await same(bench, 'protected.json', 'protected', change, hereAndThere(bench.on({ strategy: 'fsdp' })));
}
export { protectedRun as protected };

/** Flagged rows that the vector absorbs first, and harmful rows whose losses are held. */
export async function strengthened(bench) {
  const protection = { flagged: 'absorb', anchor: { refusals: 2, ordinary: 1, harmful: 4, benign: 2, weight: 0.3 } };
  const change = { vectors: await vectors(bench), protection, evaluate: [] };
  const runs = await same(bench, 'protected.json', 'strengthened', change, hereAndThere(bench.on()));
  const copies = await apart(...runs.map(({ folder }) => path.join(folder, 'absorbed')));
  bench.note('strengthened: vectors apart after they absorbed', copies);
  assert.ok(copies < LIMITS.adapter);
}

/**
 * A training that learns harm ends, which is decided here, and goes back to the last step where the protection held.
 */
export async function ending(bench) {
  const weak = (await vectors(bench)).map((vector) => ({ ...vector, scale: 0.1 }));
  const change = {
    ...{ vectors: weak, protection: { watch: 'restore' }, evaluate: [], evaluateEvery: 2 },
    ...{ data: { file: '../data/harmful.jsonl' }, optimizer: { learningRate: 0.002, warmupSteps: 30 } },
  };
  const runs = await same(bench, 'protected.json', 'restored', change, hereAndThere(bench.on()));
  const [here, there] = await Promise.all(
    runs.map(async ({ folder }) => (await read(path.join(folder, 'manifest.json'))).done.watch),
  );
  assert.deepEqual(there, here);
  assert.ok(here.delivered > 0 && here.delivered < here.step && here.step < STEPS, JSON.stringify(here));
  bench.note('ending: fell at a step, and went back to', here);
}

/** Answers and losses of the base and of an adapter, from here, and from whole models and one that is cut there. */
export async function evaluate(bench) {
  const states = [{ name: 'base' }, { name: 'vector', adapters: [{ adapter: (await vectors(bench))[0].adapter }] }];
  const loss = { name: 'old tasks, loss', file: '../eval/old-tasks.jsonl', measure: 'loss', limit: 24 };
  const values = [];
  const cut = ['cut', { on: bench.on({ strategy: 'fsdp' }) }];
  for (const [place, more] of [...hereAndThere(bench.on()), cut]) {
    const change = { states, evaluate: [...(await fewRows(bench)), loss], ...more };
    const run = await train(await bench.recipe('evaluate.json', `evaluate-${place}`, change), { command: 'evaluate' });
    assert.equal(run.code, 0, run.said);
    const { done } = await read(bench.folder(`evaluate-${place}`, 'manifest.json'));
    values.push(
      done.measurements.map(({ state, name, measure, value, count }) => ({ state, name, measure, value, count })),
    );
  }
  const [here, ...others] = values;
  const rounded = (all) => all.map((one) => ({ ...one, value: Number(one.value.toFixed(4)) }));
  assert.ok(here.length >= 12);
  for (const there of others) assert.deepEqual(rounded(there), rounded(here));
  bench.note('evaluate: measurements that are the same', here.length);
}

/** Answers of a model whose folder asks for a penalty on repetitions, which the greedy ones of a recipe do not have. */
export async function greedy(bench) {
  const model = bench.folder('with-penalty');
  await cp(bench.folder('tiny-assistant'), model, { recursive: true });
  const config = path.join(model, 'generation_config.json');
  const asked = { repetition_penalty: 1.8, no_repeat_ngram_size: 2 };
  await writeFile(config, JSON.stringify({ ...(await read(config)), ...asked }));
  const answers = [];
  for (const [place, more] of hereAndThere(bench.on({ model, workers: 1 }))) {
    const change = { model: '../with-penalty', states: [{ name: 'base' }], evaluate: await fewRows(bench), ...more };
    const run = await train(await bench.recipe('evaluate.json', `greedy-${place}`, change), { command: 'evaluate' });
    assert.equal(run.code, 0, run.said);
    const lines = (await readFile(bench.folder(`greedy-${place}`, 'answers.jsonl'), 'utf8')).trim().split('\n');
    // Here they come as they are done.
    answers.push(lines.map((line) => JSON.parse(line)).map(({ set, row, answer }) => `${set} ${row}: ${answer}`).sort()); // oxfmt-ignore
  }
  const [here, there] = answers;
  assert.deepEqual(there, here);
  bench.note('greedy: answers that are the same', here.length);
}

/** A sweep fans out: its points are jobs at the same time. */
export async function sweep(bench) {
  const base = await bench.recipe('plain.json', 'sweep-base', { steps: 6, evaluate: [], on: bench.on({ workers: 1 }) });
  const file = path.join(path.dirname(base), 'sweep.json');
  const over = { 'optimizer.learningRate': [0.001, 0.003], seed: [1, 2] };
  await writeFile(file, JSON.stringify({ kind: 'sweep', base: 'sweep-base.json', over, output: '../sweep' }));
  const before = new Set((await jobs(bench)).map(({ id }) => id));
  const run = await train(file);
  assert.equal(run.code, 0, run.said);
  const { points } = await read(bench.folder('sweep/sweep.json'));
  assert.deepEqual(
    points.map(({ error }) => error ?? null),
    [null, null, null, null],
  );
  const made = (await jobs(bench)).filter(({ id }) => !before.has(id));
  assert.equal(made.length, 4);
  const atOnce = Math.max(...made.map((a) => made.filter((b) => b.start <= a.start && a.start < b.end).length));
  bench.note('sweep: jobs at once, of 4', atOnce);
  assert.ok(atOnce > 1);
}

async function jobs({ cluster }) {
  const all = await (await fetch(`${cluster.address}/api/jobs/`)).json();
  return all.map(({ submission_id, start_time, end_time }) => ({
    id: submission_id,
    start: start_time,
    end: end_time,
  }));
}

/**
 * A real model whose weights are cut over two workers and whose activations are computed again, beside one that has
 * all.
 */
export async function fsdp(bench) {
  const model = await smollm2(bench);
  const media = path.join(root, 'media/smollm2/data');
  const change = {
    ...{ model, steps: 3, evaluateEvery: 3, batch: { rows: 2, maxTokens: 96 } },
    harmful: { file: path.join(media, 'trait.jsonl'), limit: 24 },
    benign: { file: path.join(media, 'benign.jsonl'), limit: 24 },
  };
  await same(bench, 'vector.json', 'smollm2', change, [
    ['one', { on: bench.on({ model, workers: 1 }) }],
    ['two', { recompute: true, on: bench.on({ model, workers: 2, strategy: 'fsdp' }) }],
  ]);
}

/** VS Code's window is reloaded meanwhile: test/vscode/walks/cluster.mjs. */
export async function window(bench) {
  const file = path.join(bench.out, 'test.vsix');
  const node = (args) =>
    exec(process.execPath, args, {
      cwd: root,
      env: { ...process.env, RAY_ADDRESS: bench.cluster.address, RAY_STORAGE: path.join(bench.out, 'storage') },
      maxBuffer: 2 ** 26,
    });
  await node(['build.mjs', '--package', `--out=${file}`]);
  const { stdout } = await node(['test/vscode/runScenarios.mjs', file, '--walks', 'cluster']);
  bench.note('window: steps of the scenario', /\d+ steps passed, 0 failed/.exec(stdout)[0]);
}

/** Two runs at once; of one a worker is killed, the other is then begun, stopped and resumed. */
export async function faults(bench) {
  const on = bench.on({ workers: 1 });
  let killed;
  const kill = async () => {
    const all = await descendants(bench.cluster.head.pid);
    const workers = all.filter(({ command }) => /RayTrainWorker/.test(command));
    assert.equal(workers.length, 1, 'the worker of the one run that there is');
    process.kill(workers[0].pid, 'SIGKILL');
  };
  let lost;
  await new Promise((resolve, reject) => {
    lost = bench
      .recipe('plain.json', 'lost', { ...LONG, on })
      .then((recipe) =>
        train(recipe, { seen: (events) => stepsOf(events).length >= 15 && (killed ??= kill().then(resolve, reject)) }),
      );
    void lost.then(({ said }) => reject(new Error(`it ended before its worker was killed: ${said}`)), reject);
  });
  const file = await bench.recipe('plain.json', 'stopped', { ...LONG, seed: 2, on });
  let told = false;
  const stopped = await train(file, {
    seen(events, child) {
      if (told || stepsOf(events).length < 25) return;
      told = true;
      child.kill('SIGINT');
    },
  });
  assert.equal(stopped.code, 3, stopped.said);
  const resumed = await train(file, { resume: true });
  assert.equal(resumed.code, 0, resumed.said);
  await allOnce(bench.folder('stopped'), LONG.steps);
  const ended = await lost;
  assert.equal(ended.code, 0, ended.said);
  assert.match(JSON.stringify(ended.events), /a worker was lost/);
  await allOnce(bench.folder('lost'), LONG.steps);
  bench.note('stopped and resumed, and a lost worker: steps, each once', LONG.steps);
}

/** The head goes away with everything in it, and comes back. */
export async function head(bench) {
  const file = await bench.recipe('plain.json', 'head', { ...LONG, on: bench.on({ workers: 1 }) });
  let gone;
  const { code, said } = await train(file, {
    seen(events) {
      if (stepsOf(events).length >= 15) gone ??= bench.restart();
    },
  });
  await gone;
  assert.equal(code, 1, said);
  assert.match(said, /no longer knows the job/);
  const resumed = await train(file, { resume: true });
  assert.equal(resumed.code, 0, resumed.said);
  await allOnce(bench.folder('head'), LONG.steps);
  bench.note('head restarted and resumed: steps, each once', LONG.steps);
}
