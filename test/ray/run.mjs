/**
 * `npm run test:ray`: the sample on a real Ray with two CPU workers, beside the same runs here.
 *
 *   node test/ray/run.mjs [--only=vector,protected,faults,head]
 *
 * Python is made in out/ray/python with the packages that jobs need (several GB), or is RAY_PYTHON. What is measured is written to
 * out/ray/result.json. Exit codes: 0 all holds · 1 something does not · 2 wrong use.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const out = path.join(root, 'out/ray');
const workspace = path.join(out, 'workspace');
const STEPS = 20;
const LIMITS = { firstLoss: 1e-4, adapter: 1e-2 };
const SECTIONS = ['vector', 'protected', 'faults', 'head'];
const { values: options } = parseArgs({ options: { only: { type: 'string', default: SECTIONS.join() } } });
const chosen = options.only.split(',');
if (chosen.some((name) => !SECTIONS.includes(name))) {
  console.error(`--only is of ${SECTIONS.join()}.`);
  process.exit(2);
}
const exec = promisify(execFile);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A Python with Ray, PyTorch and PEFT. */
async function python() {
  if (process.env.RAY_PYTHON) return process.env.RAY_PYTHON;
  const own = path.join(out, 'python/bin/python');
  const has = await exec(own, ['-c', 'import ray, torch, transformers, peft']).catch(() => undefined);
  if (has) return own;
  console.log('installing Ray and PyTorch into out/ray/python (some minutes, several GB) …');
  await exec('python3', ['-m', 'venv', path.join(out, 'python')]);
  const list = path.join(root, 'runtime/cluster/job/requirements.txt');
  await exec(own, ['-m', 'pip', 'install', '--quiet', '-r', list], { maxBuffer: 2 ** 26 });
  return own;
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Process → its parent and command. */
async function processes() {
  const { stdout } = await exec('ps', ['-eo', 'pid=,ppid=,args='], { maxBuffer: 2 ** 26 });
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
      return { pid: Number(pid), parent: Number(parent), command };
    });
}

/** A head that this script started, and everything below it. */
async function descendants(pid) {
  const all = await processes();
  const found = [];
  for (let level = [pid]; level.length > 0;) {
    const next = all.filter(({ parent }) => level.includes(parent));
    found.push(...next);
    level = next.map((one) => one.pid);
  }
  return found;
}

async function startHead(interpreter, port, temporary) {
  const ray = path.join(path.dirname(interpreter), 'ray');
  const dashboard = ['--include-dashboard=true', '--dashboard-host=127.0.0.1', `--dashboard-port=${port}`];
  const size = ['--num-cpus=4', '--num-gpus=0', '--object-store-memory=200000000', `--port=${await freePort()}`];
  const args = [
    'start',
    '--head',
    '--block',
    '--disable-usage-stats',
    `--temp-dir=${temporary}`,
    ...dashboard,
    ...size,
  ];
  const env = {
    ...process.env,
    PATH: `${path.dirname(interpreter)}${path.delimiter}${process.env.PATH}`,
    // A loaded machine starts Python slowly, and Ray's workers give way to everything else by default.
    RAY_worker_niceness: '0',
    RAY_worker_register_timeout_seconds: '600',
    RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S: '600',
    RAY_memory_monitor_refresh_ms: '0',
  };
  const head = spawn(ray, args, { env, stdio: 'ignore' });
  const address = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 300; i++) {
    if (
      await fetch(`${address}/api/version`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return { address, head };
    await pause(1000);
  }
  throw new Error('Ray does not start');
}

async function killAll({ head }) {
  const below = await descendants(head.pid);
  for (const { pid } of [...below, head]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  }
  await pause(2000);
}

/** The command line on a recipe; `seen` is called with all events so far whenever there is a new one. */
function train(recipe, { resume = false, seen = () => undefined } = {}) {
  const args = [path.join(root, 'dist/cli.js'), 'train', recipe, '--json', ...(resume ? ['--resume'] : [])];
  const child = spawn(process.execPath, args);
  const events = [];
  let [rest, said] = ['', ''];
  child.stdout.on('data', (data) => {
    const lines = `${rest}${data}`.split('\n');
    rest = lines.pop();
    for (const line of lines) {
      events.push(JSON.parse(line));
      seen(events, child);
    }
  });
  child.stderr.on('data', (data) => (said += data));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, events, said })));
}

const stepsOf = (events) => events.filter(({ kind }) => kind === 'step');
const recorded = async (folder) =>
  (await readFile(path.join(workspace, folder, 'events.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const allOnce = async (folder, count) =>
  assert.deepEqual(
    stepsOf(await recorded(folder)).map(({ step }) => step),
    Array.from({ length: count }, (_, i) => i + 1),
  );
const verdict = async (folder) => {
  const { done } = JSON.parse(await readFile(path.join(workspace, folder, 'manifest.json'), 'utf8'));
  return { laws: done.laws, weakened: done.protectionWeakened ?? null };
};

/** |a − b| / |a| over all matrices of two adapters. */
async function apart(a, b) {
  const read = async (folder) => {
    const bytes = await readFile(path.join(workspace, folder, 'adapter/adapter_model.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    delete header.__metadata__;
    const data = bytes.subarray(8 + length);
    return new Map(
      Object.entries(header).map(
        ([
          name,
          {
            data_offsets: [start, end],
          },
        ]) => [name, new Float32Array(data.buffer.slice(data.byteOffset + start, data.byteOffset + end))],
      ),
    );
  };
  const [one, other] = [await read(a), await read(b)];
  assert.deepEqual([...one.keys()].sort(), [...other.keys()].sort());
  let [difference, size] = [0, 0];
  for (const [name, values] of one)
    values.forEach((value, i) => {
      difference += (value - other.get(name)[i]) ** 2;
      size += value ** 2;
    });
  return Math.sqrt(difference / size);
}

const result = {};
const note = (name, value) => {
  result[name] = value;
  console.log(`${name}: ${JSON.stringify(value)}`);
};

async function recipe(from, name, change) {
  const written = JSON.parse(await readFile(path.join(root, 'media/sample/recipes', from), 'utf8'));
  delete written.epochs;
  const file = path.join(workspace, 'recipes', `${name}.json`);
  await writeFile(file, JSON.stringify({ ...written, steps: STEPS, output: `../${name}`, ...change }, null, 2));
  return file;
}

/** The same recipe here and there: first loss, adapter, kinds of events. */
async function same(from, name, change, on) {
  const here = await train(await recipe(from, `${name}-here`, change));
  assert.ok(here.code === 0 || here.code === 4, here.said);
  const there = await train(await recipe(from, `${name}-there`, { ...change, on }));
  assert.equal(there.code, here.code, there.said);
  const losses = [here, there].map(({ events }) => stepsOf(events)[0].lossNatsPerToken);
  note(`${name}: first losses`, losses);
  assert.ok(Math.abs(losses[0] - losses[1]) < LIMITS.firstLoss);
  const distance = await apart(`${name}-here`, `${name}-there`);
  note(`${name}: adapters apart after ${STEPS} steps`, distance);
  assert.ok(distance < LIMITS.adapter);
  const drawn = ({ events }) =>
    events.filter(({ kind }) => ['step', 'evaluation', 'checkpoint'].includes(kind)).map((e) => [e.kind, e.step]);
  assert.deepEqual(drawn(there), drawn(here), 'the same events');
  assert.deepEqual(await verdict(`${name}-there`), await verdict(`${name}-here`), 'the same verdict');
}

await rm(workspace, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await cp(path.join(root, 'media/sample'), workspace, { recursive: true });
const interpreter = await python();
const port = await freePort();
const temporary = await mkdtemp(path.join(os.tmpdir(), 'ray-'));
let cluster = await startHead(interpreter, port, temporary);
const on = (change = {}) => ({
  ...{ ray: cluster.address, model: path.join(workspace, 'tiny-assistant'), workers: 2, gpu: 0 },
  ...{ storage: path.join(out, 'storage'), ...change },
});
await mkdir(path.join(out, 'storage'), { recursive: true });
const sets = JSON.parse(await readFile(path.join(root, 'media/sample/recipes/protected.json'), 'utf8')).evaluate.map(
  (set) => ({ ...set, limit: 24 }),
);
const long = { ...{ steps: 60, evaluateEvery: 10, evaluate: [] } };

const sections = {
  /** A vector, each worker with the whole model. */
  vector: () => same('vector.json', 'vector', {}, on()),
  /** A protected fine-tuning, scanned there, the model cut over both workers. */
  async protected() {
    const made = await train(await recipe('vector.json', 'vector-of-protected', { steps: 80 }));
    assert.equal(made.code, 0, made.said);
    const vectors = [{ adapter: '../vector-of-protected', scale: 1 }];
    await same('protected.json', 'protected', { vectors, evaluate: sets }, on({ strategy: 'fsdp' }));
  },
  /** Two runs at once; of one a worker is killed, the other is stopped and resumed. */
  async faults() {
    let killed = false;
    const lost = train(await recipe('plain.json', 'lost', { ...long, on: on({ workers: 1 }) }), {
      seen(events) {
        if (killed || stepsOf(events).length < 15) return;
        killed = true;
        void descendants(cluster.head.pid).then((all) => {
          const worker = all.find(({ command }) => /RayTrainWorker/.test(command));
          if (worker) process.kill(worker.pid, 'SIGKILL');
          note('a worker was killed', Boolean(worker));
        });
      },
    });
    const file = await recipe('plain.json', 'stopped', { ...long, seed: 2, on: on({ workers: 1 }) });
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
    await allOnce('stopped', 60);
    const ended = await lost;
    assert.equal(ended.code, 0, ended.said);
    assert.ok(killed);
    await allOnce('lost', 60);
    note('stopped and resumed, and a lost worker: steps, each once', 60);
  },
  /** The head goes away with everything in it, and comes back. */
  async head() {
    const file = await recipe('plain.json', 'head', { ...long, on: on({ workers: 1 }) });
    let gone;
    const first = train(file, {
      seen(events) {
        if (!gone && stepsOf(events).length >= 15)
          gone = killAll(cluster).then(async () => {
            cluster = await startHead(interpreter, port, temporary);
          });
      },
    });
    const { code, said } = await first;
    await gone;
    assert.equal(code, 1, said);
    assert.match(said, /no longer knows the job/);
    const resumed = await train(file, { resume: true });
    assert.equal(resumed.code, 0, resumed.said);
    await allOnce('head', 60);
    note('head restarted and resumed: steps, each once', 60);
  },
};

let failed = 0;
try {
  for (const name of chosen) {
    const began = performance.now();
    try {
      await sections[name]();
      console.log(`✓ ${name} (${Math.round((performance.now() - began) / 1000)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`✗ ${name}: ${error.stack}`);
    }
  }
} finally {
  await killAll(cluster);
  await rm(temporary, { recursive: true, force: true });
}
await writeFile(path.join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
process.exit(failed > 0 ? 1 : 0);
