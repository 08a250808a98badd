/**
 * `npm run bench`: ours and theirs on the same weights and the same machine, alternately and one at a time, best of
 * several.
 *
 *   node test/bench/run.mjs [--quick] [--json FILE] [--merge] [--only=NAME,…] [--rounds N] [--threads N] [--ours]
 *   [--compile]
 *
 * The peers are transformers and PEFT, in a Python environment made in out/bench/python (or PEERS_PYTHON, a Python that
 * has them), and llama.cpp where SMOLLM2_GGUF names SmolLM2's file. --ours leaves the peers out, --compile adds
 * torch.compile (minutes for each training). Beside the benchmarks --only knows `curves`: how time and memory of a step
 * grow. --merge keeps the results of other benchmarks that FILE has, and its machine. A ratio above 1: we are ahead.
 */
import { build } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchmarks, ESTIMATES, FURTHER, memoryName } from './benchmarks.mjs';
import { CURVES, measure as measureCurve, SHAPE } from './curves.mjs';
import { llamaCpp, pythonPeers } from './peers.mjs';
import { lastLine, out, root, run } from './process.mjs';
import { compared, estimateOf, gemmShare, memoryOf, operators, timeOf } from './results.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: path.join(out, 'result.json') },
    merge: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    ours: { type: 'boolean', default: false },
    compile: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 3));
const known = [...Object.keys(benchmarks), 'curves'];
const wanted = options.only?.split(',') ?? known.filter((name) => !options.quick || benchmarks[name]?.quick);
if (!wanted.every((name) => known.includes(name)) || !(rounds >= 1)) {
  console.error(`Benchmarks: ${known.join(', ')}; --rounds is 1 or more.`);
  process.exit(2);
}
const chosen = wanted.filter((name) => {
  if (name === 'curves') return false;
  const { needs } = benchmarks[name];
  if (needs === undefined || process.env[needs] !== undefined) return true;
  console.error(`${name} is left out: it needs ${needs}.`);
  return false;
});

/** Our scripts as bundles, so that compiling them is in no measurement. */
async function prepare() {
  mkdirSync(out, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['step', 'generate', 'attach', 'weights'].map((name) => `test/bench/${name}.ts`),
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    mainFields: ['module', 'main'],
    external: ['onnxruntime-node'],
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as createRequire__ } from 'node:module'; const require = createRequire__(import.meta.url);",
    },
  });
}

/** The model of a benchmark: its file, or random weights of its shape, with other than its own number of layers. */
async function modelOf({ model, shape, layers }) {
  if (shape === undefined) return model;
  const name = ['shape', shape, ...(layers === undefined ? [] : [layers])].join('-');
  const folder = path.join(out, name);
  if (!existsSync(path.join(folder, 'config.json'))) {
    console.error(`writing random weights of ${shape} …`);
    const args = [shape, folder, ...(layers === undefined ? [] : [String(layers)])];
    await run(process.execPath, [path.join(out, 'weights.mjs'), ...args]);
  }
  return folder;
}

/** The value of what `begin` gives, or undefined after saying why it has none. */
async function reach(name, begin) {
  if (options.ours) return undefined;
  try {
    return await begin();
  } catch (error) {
    console.error(`\nNO PEER: ${name} cannot be run, so only our numbers are given.\n${error.message}\n`);
    return undefined;
  }
}

await prepare();
const isLlama = (name) => benchmarks[name].peer === 'llama.cpp';
const python = chosen.every((name) => isLlama(name) || !benchmarks[name].peer)
  ? undefined
  : await reach('transformers + PEFT', pythonPeers);
const llama = chosen.some(isLlama) ? await reach('llama.cpp', llamaCpp) : undefined;
/** Command line of a peer, without its options; undefined where it cannot be run. */
const peerCommand = ({ peer, script, part }) =>
  part
    ? [process.execPath, path.join(out, `${script}.mjs`)]
    : peer === 'llama.cpp'
      ? llama && [process.execPath, llama.script]
      : peer && python && [python.python, path.join(import.meta.dirname, 'peers', `${script}.py`)];

const load = os.loadavg()[0];
if (load > os.availableParallelism() / 2)
  console.error(`The machine is busy (load ${load.toFixed(1)}): times will be worse than they are.`);

/** In a word, or its last line. A process that the system kills has taken too much. */
const failure = (message) =>
  /allocate memory|out of memory|ended with SIGKILL/i.test(message)
    ? 'out of memory'
    : message.trim().split('\n').at(-1).trim();

/** Lines that both sides print, alternately; a side that fails has none, and says why. */
async function measure(name, benchmark, args, own, without = args) {
  const ours = [process.execPath, path.join(out, `${benchmark.script}.mjs`)];
  const theirs = peerCommand(benchmark);
  const times = Math.min(rounds, benchmark.rounds ?? rounds);
  const compiles = options.compile && benchmark.script === 'step' && !benchmark.part;
  const sides = {
    ours: { command: ours.concat(own, args), times },
    theirs: { command: theirs?.concat(without), times },
    compiled: { command: compiles && theirs?.concat('--compile', args), times: 1 },
  };
  const runs = { ours: [], theirs: [], compiled: [], failed: {} };
  for (let n = 1; n <= times; n++)
    for (const [side, { command, times }] of Object.entries(sides)) {
      if (!command || n > times || runs.failed[side]) continue;
      console.error(`${name} · round ${n} of ${times} · ${side === 'ours' ? side : (benchmark.peer ?? 'without')}`);
      try {
        runs[side].push(lastLine(await run(command[0], command.slice(1))));
      } catch (error) {
        runs.failed[side] = failure(error.message);
        console.error(`${name}: ${side} failed: ${error.message}`);
      }
    }
  return runs;
}

/** Of one step: a run with onnxruntime's profile, whose times are a little longer. */
async function profile(args) {
  const folder = path.join(out, 'profile');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const prefix = path.join(folder, 'node');
  await run(process.execPath, [path.join(out, 'step.mjs'), ...args, '--profile', prefix]);
  const files = readdirSync(folder).map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
  return operators(files.flat());
}

const results = [];
let rates;
let profiled;
for (const name of chosen) {
  const benchmark = benchmarks[name];
  const { peer, result, script, own = [], part, without } = benchmark;
  const argsOf = async (of) => ['--model', await modelOf(of), ...of.args, `--threads=${options.threads}`];
  const args = await argsOf(benchmark);
  const trains = script === 'step' && !part;
  const step = path.join(out, 'step.mjs');
  const expected = trains && lastLine(await run(process.execPath, [step, ...args, ...own, '--expect']));
  if (expected && expected.bytes > os.totalmem()) {
    const reason = `needs ${(expected.bytes / 1e9).toFixed(0)} GB`;
    console.error(`${name} is left out: it ${reason}.`);
    results.push({ ...compared(name, result, peer, { ours: [], theirs: [] }), reason });
    continue;
  }
  const runs = await measure(name, benchmark, args, own, without && (await argsOf({ ...benchmark, ...without })));
  const reason = runs.failed.ours ?? runs.failed.theirs;
  const { weightBytes } = benchmark;
  const measured = { ...compared(name, result, peer, runs), weightBytes, ...(reason && { reason }) };
  if (trains) Object.assign(measured, { gemmShare: gemmShare(runs.ours, expected), ...timeOf(measured, expected) });
  if (runs.compiled.length > 0) {
    const against = compared(name, result, 'torch.compile', { ours: runs.ours, theirs: runs.compiled });
    Object.assign(measured, { compiled: against.theirs, compiledRatio: against.ratio });
  }
  results.push(measured);
  if (trains) results.push(memoryOf(name, peer, runs, expected));
  if (part) results.push(compared(memoryName(name), { unit: 'bytes', of: 'peakBytes' }, peer, runs));
  for (const further of FURTHER) if (further.from === name) results.push(compared(further.name, further, peer, runs));
  if (benchmark.profile && runs.ours.length > 0) {
    const rate = (lines) => (lines.length > 0 ? Math.max(...lines.map((line) => line.gemmRate)) / 1e9 : null);
    rates = { onnxruntime: rate(runs.ours), torch: rate(runs.theirs) };
    profiled = await profile([...args, ...own]);
  }
}

let curves;
if (wanted.includes('curves')) {
  curves = [];
  for (const curve of CURVES) {
    console.error(`curves · ${curve.title}`);
    curves.push(
      await measureCurve(curve, async (args, layers) => {
        const model = await modelOf({ shape: SHAPE, layers });
        const all = ['--model', model, `--threads=${options.threads}`, '--steps=3', ...args];
        return lastLine(await run(process.execPath, [path.join(out, 'step.mjs'), ...all]));
      }),
    );
  }
}

const { version: onnxruntime } = JSON.parse(
  readFileSync(path.join(root, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
);
const file = path.resolve(options.json);
const before = options.merge && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
const cpu = os.cpus()[0]?.model ?? 'unknown';
/** In the order of the benchmarks, whenever they were run. */
const placeOf = ({ name }) => {
  const from = FURTHER.find((further) => further.name === name)?.from ?? name.replace(/^memory-/, '');
  return Object.keys(benchmarks).indexOf(from);
};
/** What joins the report of another machine is marked with this one. */
const isElsewhere = before !== undefined && before.machine.cpu !== cpu;
const marked = (some) => (isElsewhere ? some.map((one) => ({ ...one, machine: cpu })) : some);
const here = {
  cpu,
  cores: os.availableParallelism(),
  threads: Number(options.threads),
  memoryBytes: os.totalmem(),
  /** Of all runs that are merged. */
  load: Math.max(Math.round(10 * load) / 10, before?.machine.load ?? 0),
  os: `${os.type()} ${os.release()} ${os.arch()}`,
  node: process.version,
  onnxruntime,
  peers: { ...before?.machine.peers, ...python?.versions, ...llama?.versions },
  /** Matrix products alone, cold, GFLOP/s. */
  gemm: rates ?? before?.machine.gemm,
};
const machine = isElsewhere ? before.machine : here;
const others = (before?.results ?? []).filter(
  ({ name }) => !(name in ESTIMATES) && !results.some((r) => r.name === name),
);
const all = [...others, ...marked(results)].sort((a, b) => placeOf(a) - placeOf(b));
for (const [name, error] of Object.entries(ESTIMATES))
  if (all.some((result) => result[error] !== undefined)) all.push(estimateOf(name, all, error));
mkdirSync(path.dirname(file), { recursive: true });
const report = {
  machine,
  results: all,
  /** Matrix products alone on other machines, by their processor. */
  elsewhere: { ...before?.elsewhere, ...(isElsewhere && rates && { [cpu]: rates }) },
  profile: (!isElsewhere && profiled) || before?.profile,
  curves: curves ? marked(curves) : before?.curves,
  gpu: before?.gpu,
};
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);

const shown = (value, unit) =>
  value === null ? '–' : unit === 'bytes' ? `${(value / 1e9).toFixed(2)} GB` : `${value} ${unit.split(' ')[0]}`;
const rows = [
  ['', 'ours', 'theirs', 'ratio', 'peer', 'gemmShare'],
  ...all.map((r) => [
    r.name,
    shown(r.ours, r.unit),
    shown(r.theirs, r.unit),
    r.ratio?.toFixed(2) ?? '–',
    r.peer ?? '',
    r.gemmShare?.toFixed(2) ?? '',
  ]),
];
const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
console.log(`\n${cpu}, ${here.cores} cores, onnxruntime ${onnxruntime}; best of ${rounds}; ratio > 1: we are ahead`);
for (const row of rows)
  console.log(
    row
      .map((cell, i) => (i % 4 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  );
console.log(`\n${path.relative(process.cwd(), file)}`);
