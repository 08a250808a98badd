/**
 * `npm run fuzz`: fuzzing steered by coverage, each kind of input in a process of its own, and a table of what came
 * out. New inputs for the corpus and findings stay in test/fuzz/corpus and test/fuzz/findings. The exit code is 1 when
 * anything failed.
 *
 *   npm run fuzz -- --minutes N [--only KIND,…] [--seed N]    kinds: the names of the files beside this one
 *   npm run fuzz -- --rounds N [--only KIND,…] [--seed N] so many inputs of each kind: the same again from the same
 *   corpus
 *
 * A campaign in parts: out/fuzz/totals.json adds up what all parts since it was deleted have done, and gives each part
 * that names no seed the next one.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const totalsFile = path.join(root, 'out/fuzz/totals.json');
/** A process that ends no input for so long hangs. */
const HANGS_MS = 60_000;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    seed: { type: 'string' },
  },
});
const kinds = readdirSync(import.meta.dirname).flatMap((file) =>
  file.endsWith('.test.ts') ? [file.slice(0, -8)] : [],
);
const chosen = options.only?.split(',') ?? kinds;
const unknown = chosen.filter((kind) => !kinds.includes(kind));
if (unknown.length) {
  console.error(`No kind named ${unknown.join(', ')}. There are: ${kinds.join(', ')}.`);
  process.exit(2);
}

const folder = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fuzz-run-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8') || 'null') : null);
const totals = read(totalsFile) ?? { parts: 0, kinds: {} };
const seed = options.seed ?? String(++totals.parts);
const seconds = options.minutes && (Number(options.minutes) * 60) / chosen.length;
const rounds = options.rounds ?? (seconds ? undefined : '10000');

/** The counts of a kind, and what was wrong. */
function run(kind) {
  const [results, input] = [path.join(folder, `${kind}.json`), path.join(folder, `${kind}.input`)];
  const env = { ...process.env, FUZZ_CAMPAIGN: seed, FUZZ_RESULTS: results, FUZZ_INPUT: input };
  if (seconds) env.FUZZ_SECONDS = String(seconds);
  if (rounds) env.FUZZ_ROUNDS = rounds;
  const args = ['--import', 'tsx', '--import', './test/fuzz/instrument.mjs', `test/fuzz/${kind}.test.ts`];
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(process.execPath, args, { cwd: root, env });
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    let [last, since, hangs] = ['', Date.now(), false];
    const watch = setInterval(() => {
      const now = existsSync(input) ? readFileSync(input, 'utf8') : '';
      if (now !== last) [last, since] = [now, Date.now()];
      else if (Date.now() - since > HANGS_MS) {
        hangs = true;
        child.kill('SIGKILL');
      }
    }, 5000);
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      const counts = read(results) ?? {};
      counts.findings ??= [];
      if (code !== 0) {
        const what = hangs ? 'it hangs' : `it ended with ${code ?? signal}`;
        counts.findings.push(`${what}; ${save(kind, what, input)}\n${output.slice(-4000)}`);
      }
      resolve(counts);
    });
  });
}

/** The input that ended a process becomes a finding. */
function save(kind, what, input) {
  if (!existsSync(input)) return 'before its first input';
  const text = `{"what":${JSON.stringify(what)},"must":"refused","input":${readFileSync(input, 'utf8')}}\n`;
  const name = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const file = path.join(import.meta.dirname, 'findings', kind, `${name}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const COLUMNS = {
  kind: 18,
  executions: 10,
  'a second': 8,
  branches: 8,
  corpus: 6,
  valid: 8,
  refused: 8,
  'slowest ms': 10,
  'peak MB': 7,
  findings: 8,
};
const widths = Object.values(COLUMNS);
const line = (cells) =>
  `| ${cells.map((cell, i) => (i ? String(cell).padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
console.log(`seed ${seed}`);
console.log(line(Object.keys(COLUMNS)));
console.log(`| ${widths.map((width, i) => '-'.repeat(width - (i ? 1 : 0)) + (i ? ':' : '')).join(' | ')} |`);
let failed = false;
for (const name of chosen) {
  const counts = await run(name);
  const { executions = 0, findings, slowestMs = 0, peakMb = 0 } = counts;
  const speed = counts.seconds ? executions / counts.seconds : 0;
  const numbers = [speed, counts.branches, counts.corpus, counts.valid, counts.refused, slowestMs, peakMb];
  console.log(line([name, executions, ...numbers.map((number) => Math.round(number ?? 0)), findings.length]));
  for (const finding of findings) console.log(`  ✖ ${finding.replaceAll('\n', '\n    ')}`);
  failed ||= findings.length > 0;
  const before = totals.kinds[name];
  totals.kinds[name] = {
    executions: (before?.executions ?? 0) + executions,
    findings: (before?.findings ?? 0) + findings.length,
    slowestMs: Math.max(before?.slowestMs ?? 0, slowestMs),
    peakMb: Math.max(before?.peakMb ?? 0, peakMb),
  };
  mkdirSync(path.dirname(totalsFile), { recursive: true });
  writeFileSync(totalsFile, JSON.stringify(totals, undefined, 2));
}
const all = Object.values(totals.kinds);
const sum = (key) => all.reduce((total, counts) => total + counts[key], 0);
const most = (key) => Math.round(Math.max(...all.map((counts) => counts[key])));
console.log(
  `in all parts: ${sum('executions')} executions, ${sum('findings')} findings, slowest ${most('slowestMs')} ms, peak ${most('peakMb')} MB`,
);
process.exit(failed ? 1 : 0);
