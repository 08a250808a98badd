/**
 * `npm run fuzz`: every kind of input with 100,000 damaged inputs, each kind in a process of its own, and a table of what
 * came out. The exit code is 1 when anything failed.
 *
 *   npm run fuzz [-- --rounds N] [--from N] [--only KIND,…]      kinds: the names of the files beside this one
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
/** A process that ends no round for so long hangs. */
const HANGS_MS = 120_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100000' },
    from: { type: 'string', default: '0' },
    only: { type: 'string' },
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

const folder = mkdtempSync(path.join(tmpdir(), 'fuzz-results-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8') || 'null') : null);

/** The counts of a kind, and what was wrong. */
function run(kind) {
  const file = path.join(folder, `${kind}.json`);
  const env = { ...process.env, FUZZ_ROUNDS: options.rounds, FUZZ_FROM: options.from, FUZZ_RESULTS: file };
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(process.execPath, ['--import', 'tsx', `test/fuzz/${kind}.test.ts`], { cwd: root, env });
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    let [done, since, hangs] = [0, Date.now(), false];
    const watch = setInterval(() => {
      const now = read(file)?.done ?? 0;
      if (now > done) [done, since] = [now, Date.now()];
      else if (Date.now() - since > HANGS_MS) {
        hangs = true;
        child.kill('SIGKILL');
      }
    }, 5000);
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      const results = read(file);
      const faults = results?.faults ?? [];
      if (hangs) faults.push(`it hangs after round ${Number(options.from) + (results?.done ?? 0)}`);
      else if (code !== 0 && faults.length === 0)
        faults.push(`it ended with ${code ?? signal}\n${output.slice(-4000)}`);
      resolve({ kind, ...results, faults });
    });
  });
}

const head = ['kind', 'rounds', 'valid loads', 'refused', 'slowest ms', 'peak MB over start'];
const widths = [18, 9, 12, 9, 11, 19];
const line = (cells) =>
  `| ${cells.map((cell, i) => (i ? String(cell).padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
console.log(line(head));
console.log(`| ${widths.map((width, i) => '-'.repeat(width - (i ? 1 : 0)) + (i ? ':' : '')).join(' | ')} |`);
let failed = false;
for (const name of chosen) {
  const { kind, done = 0, valid = 0, refused = 0, slowestMs = 0, peakMb = 0, faults } = await run(name);
  console.log(line([kind, done, valid, refused, Math.round(slowestMs), Math.round(peakMb)]));
  for (const fault of faults) console.log(`  ✖ ${fault.replaceAll('\n', '\n    ')}`);
  failed ||= faults.length > 0;
}
process.exit(failed ? 1 : 0);
