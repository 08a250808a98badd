/**
 * `npm run bench`: ours and theirs on the same weights and the same machine, alternately and one at a time, best of several.
 *
 *   node test/bench/run.mjs [--quick] [--json FILE] [--only=NAME,…] [--rounds N] [--threads N] [--ours]
 *
 * The peers are transformers and PEFT, in a Python environment made in out/bench/python (or PEERS_PYTHON, a Python that has
 * them), and llama.cpp where SMOLLM2_GGUF names SmolLM2's file. --ours leaves the peers out. A ratio above 1: we are ahead.
 */
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const out = path.join(root, 'out/bench');
const weights = path.join(out, 'smollm2-135m');
const peers = path.join(import.meta.dirname, 'peers');
const gguf = process.env.SMOLLM2_GGUF;

/**
 * A benchmark: the script, which ours and the peer's have in common, its options, and what is taken from the line it prints.
 * `quick` ones are the share of --quick.
 */
const benchmarks = {
  'train-lora': {
    quick: true,
    peer: 'peft',
    script: 'step',
    args: ['--method=lora', '--rows=4', '--tokens=128', '--rank=8', '--steps=6'],
    results: {
      'train-lora-135m': { unit: 'ms/step', of: 'bestStepMs' },
      'train-lora-135m-memory': { unit: 'bytes', of: 'peakBytes' },
      'load-lora-135m': { unit: 'ms to the end of the first step', of: 'firstStepMs' },
    },
  },
  'train-full': {
    peer: 'transformers',
    script: 'step',
    args: ['--method=full', '--rows=4', '--tokens=128', '--steps=4'],
    results: {
      'train-full-135m': { unit: 'ms/step', of: 'bestStepMs' },
      'train-full-135m-memory': { unit: 'bytes', of: 'peakBytes' },
    },
  },
  generate: {
    quick: true,
    peer: 'transformers',
    script: 'generate',
    args: ['--rows=1', '--new=96'],
    results: { 'generate-135m': { unit: 'tokens/s', of: 'tokensPerSecond', higherIsBetter: true } },
  },
  'generate-16': {
    quick: true,
    peer: 'transformers',
    script: 'generate',
    args: ['--rows=16', '--new=64'],
    results: { 'generate-135m-batch-16': { unit: 'tokens/s', of: 'tokensPerSecond', higherIsBetter: true } },
  },
  // The file is in 4 bits: llama.cpp computes with them, we with the numbers they stand for.
  'generate-gguf': {
    peer: 'llama.cpp',
    script: 'generate',
    model: gguf,
    args: ['--new=96'],
    results: { 'generate-smollm2-q4_1': { unit: 'tokens/s', of: 'tokensPerSecond', higherIsBetter: true } },
  },
};

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: path.join(out, 'result.json') },
    only: { type: 'string' },
    rounds: { type: 'string' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    ours: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 3));
const wanted = options.only?.split(',') ?? Object.keys(benchmarks).filter((b) => !options.quick || benchmarks[b].quick);
const unknown = wanted.find((name) => !benchmarks[name]);
if (unknown !== undefined || !(rounds >= 1)) {
  console.error(`Benchmarks: ${Object.keys(benchmarks).join(', ')}; --rounds is 1 or more.`);
  process.exit(2);
}
const chosen = wanted.filter((name) => name !== 'generate-gguf' || gguf !== undefined);
if (chosen.length < wanted.length) console.error('generate-gguf is left out: it needs SMOLLM2_GGUF.');

/** Runs a program to its end; its stdout. @throws with the end of its stderr */
function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', (error) => reject(new Error(`${command}: ${error.message}`)));
    child.on('close', (code, signal) =>
      code === 0
        ? resolve(stdout)
        : reject(new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}\n${stderr.slice(-2000)}`)),
    );
  });
}
const lastLine = (stdout) => JSON.parse(stdout.trim().split('\n').at(-1));

/** Our scripts as bundles, so that compiling them is in no measurement; and the weights. */
async function prepare() {
  mkdirSync(out, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['step', 'generate', 'weights'].map((name) => `test/bench/${name}.ts`),
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
  if (existsSync(path.join(weights, 'config.json'))) return;
  console.error('writing random weights (0.5 GB) …');
  await run(process.execPath, [path.join(out, 'weights.mjs'), weights]);
}

/** A Python with transformers and PEFT, and their versions. */
async function pythonPeers() {
  const windows = process.platform === 'win32';
  const own = path.join(out, 'python', windows ? 'Scripts/python.exe' : 'bin/python');
  const python = process.env.PEERS_PYTHON ?? own;
  const versions = () =>
    run(python, [
      '-c',
      'import json, torch, transformers, peft; print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers, peft)}))',
    ]).then(lastLine);
  if (python !== own) return { python, versions: await versions() };
  const found = existsSync(own) ? await versions().catch(() => undefined) : undefined;
  if (found) return { python, versions: found };
  console.error('installing the peers into out/bench/python (some minutes, several GB) …');
  await run(windows ? 'python' : 'python3', ['-m', 'venv', path.join(out, 'python')]);
  await run(own, ['-m', 'pip', 'install', '--quiet', '-r', path.join(import.meta.dirname, 'requirements.txt')]);
  return { python, versions: await versions() };
}

/** llama.cpp for Node in a folder of its own; the peer's script, copied to where it finds it. */
async function llamaCpp() {
  const folder = path.join(out, 'llama-cpp');
  const script = path.join(folder, 'generate-llama-cpp.mjs');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(path.join(folder, 'node_modules/node-llama-cpp'))) {
    console.error('installing node-llama-cpp into out/bench/llama-cpp …');
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    await run(
      process.platform === 'win32' ? 'npm.cmd' : 'npm',
      ['install', '--prefix', folder, '--no-audit', '--no-fund', 'node-llama-cpp@3.22.1'],
      { NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' },
    );
  }
  copyFileSync(path.join(peers, 'generate-llama-cpp.mjs'), script);
  return { script, versions: { 'node-llama-cpp': '3.22.1' } };
}

/** The value of what `start` gives, or undefined after saying why it has none. */
async function reach(name, start) {
  if (options.ours) return undefined;
  try {
    return await start();
  } catch (error) {
    console.error(`\nNO PEER: ${name} cannot be run, so only our numbers are given.\n${error.message}\n`);
    return undefined;
  }
}

await prepare();
const python = chosen.some((name) => benchmarks[name].peer !== 'llama.cpp')
  ? await reach('transformers + PEFT', pythonPeers)
  : undefined;
const llama = chosen.includes('generate-gguf') ? await reach('llama.cpp', llamaCpp) : undefined;
/** Command line of a peer, without its options; undefined where it cannot be run. */
const peerCommand = ({ peer, script }) =>
  peer === 'llama.cpp'
    ? llama && [process.execPath, llama.script]
    : python && [python.python, path.join(peers, `${script}.py`)];

const load = os.loadavg()[0];
if (load > os.availableParallelism() / 2)
  console.error(`The machine is busy (load ${load.toFixed(1)}): times will be worse than they are.`);

const results = [];
for (const name of chosen) {
  const benchmark = benchmarks[name];
  const args = ['--model', benchmark.model ?? weights, ...benchmark.args, `--threads=${options.threads}`];
  const sides = {
    ours: [process.execPath, path.join(out, `${benchmark.script}.mjs`)],
    theirs: peerCommand(benchmark),
  };
  const runs = { ours: [], theirs: [] };
  for (let round = 1; round <= rounds; round++)
    for (const [side, command] of Object.entries(sides)) {
      if (!command) continue;
      console.error(`${name} · round ${round} of ${rounds} · ${side === 'ours' ? side : benchmark.peer}`);
      runs[side].push(lastLine(await run(command[0], [...command.slice(1), ...args])));
    }
  for (const [result, { unit, of, higherIsBetter = false }] of Object.entries(benchmark.results)) {
    const all = { ours: runs.ours.map((line) => line[of]), theirs: runs.theirs.map((line) => line[of]) };
    const best = (numbers) => (numbers.length === 0 ? null : (higherIsBetter ? Math.max : Math.min)(...numbers));
    const [ours, theirs] = [best(all.ours), best(all.theirs)];
    const ratio = theirs === null ? null : Math.round(1000 * (higherIsBetter ? ours / theirs : theirs / ours)) / 1000;
    results.push({ name: result, ours, peer: benchmark.peer, theirs, ratio, unit, runs: all });
  }
}

const { version: onnxruntime } = JSON.parse(
  readFileSync(path.join(root, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
);
const machine = {
  cpu: os.cpus()[0]?.model ?? 'unknown',
  cores: os.availableParallelism(),
  threads: Number(options.threads),
  memoryBytes: os.totalmem(),
  load: Math.round(10 * load) / 10,
  os: `${os.type()} ${os.release()} ${os.arch()}`,
  node: process.version,
  onnxruntime,
  peers: { ...python?.versions, ...llama?.versions },
};
const file = path.resolve(options.json);
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify({ machine, results }, null, 2)}\n`);

const shown = (value, unit) =>
  value === null ? '–' : unit === 'bytes' ? `${(value / 1e9).toFixed(2)} GB` : `${value} ${unit.split(' ')[0]}`;
const rows = [
  ['', 'ours', 'theirs', 'ratio', 'peer'],
  ...results.map((r) => [r.name, shown(r.ours, r.unit), shown(r.theirs, r.unit), r.ratio?.toFixed(2) ?? '–', r.peer]),
];
const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
console.log(
  `\n${machine.cpu}, ${machine.cores} cores, onnxruntime ${onnxruntime}; best of ${rounds}; ratio > 1: we are ahead`,
);
for (const row of rows)
  console.log(
    row
      .map((cell, i) => (i % 4 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  );
console.log(`\n${path.relative(process.cwd(), file)}`);
