/**
 * `npm run test:large`: a data file that is larger than memory should be. It is made of the sample's rows, inspected,
 * and fine-tuned on for four steps with all of its rows to choose from; time and peak memory of each are measured.
 *
 *   node test/large/run.mjs [--inspect MB] [--train MB]     default 2000 and 100: tokenising takes about a second a MB
 *
 * Results: out/large/result.json. Exit codes: 0 within the limits · 1 more memory, or another end · 2 wrong use.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';

/** What may be resident beyond the same with the sample's own file, bytes. */
const LIMITS = { inspect: 128 * 2 ** 20, train: 384 * 2 ** 20 };

const root = path.resolve(import.meta.dirname, '../..');
const sample = path.join(root, 'media/sample');
const out = path.join(root, 'out/large');
const { values } = parseArgs({
  options: { inspect: { type: 'string', default: '2000' }, train: { type: 'string', default: '100' } },
});
const sizes = { inspect: Number(values.inspect), train: Number(values.train) };
if (Object.values(sizes).some((size) => !(size > 0))) {
  console.error('--inspect and --train are megabytes.');
  process.exit(2);
}

/** Runs the command line. @returns seconds and peak memory in bytes @throws when it fails */
async function measured(args) {
  const file = path.join(out, 'peak.txt');
  const began = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', path.join(root, 'test/smollm2/peak.mjs'), path.join(root, 'dist/cli.js'), ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PEAK_FILE: file } },
  );
  let stdout = '';
  child.stdout.on('data', (text) => (stdout += text));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return { seconds: (performance.now() - began) / 1000, peak: Number(readFileSync(file, 'utf8')), stdout };
}

/** The sample's rows again and again. @returns how many */
async function make(file, megabytes) {
  const rows = readFileSync(path.join(sample, 'data/train.jsonl'), 'utf8').trim().split('\n');
  const block = Buffer.from(`${rows.join('\n')}\n`);
  const stream = createWriteStream(file);
  const blocks = Math.ceil((megabytes * 1e6) / block.length);
  for (let i = 0; i < blocks; i++) if (!stream.write(block)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'finish');
  return blocks * rows.length;
}

/** The sample's plain recipe on this file, without evaluations. */
function recipe(name, file) {
  const plain = JSON.parse(readFileSync(path.join(sample, 'recipes/plain.json'), 'utf8'));
  const at = (source) => ({ ...source, file: path.join(sample, 'recipes', source.file) });
  const changed = {
    ...plain,
    epochs: undefined,
    model: path.join(sample, 'tiny-assistant'),
    data: { file },
    probes: { harmful: at(plain.probes.harmful), benign: at(plain.probes.benign) },
    evaluate: [],
    steps: 4,
    output: path.join(out, name),
  };
  const place = path.join(out, `${name}.json`);
  writeFileSync(place, JSON.stringify(changed, null, 2));
  return place;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await once(spawn(process.execPath, ['build.mjs'], { cwd: root, stdio: 'inherit' }), 'exit');
const small = path.join(sample, 'data/train.jsonl');
const results = [];
let ok = true;
for (const [what, command] of [
  ['inspect', (file) => ['inspect', file]],
  ['train', (file, name) => ['train', recipe(name, file)]],
]) {
  const base = await measured(command(small, 'small'));
  const large = path.join(out, `${what}.jsonl`);
  const rows = await make(large, sizes[what]);
  const { seconds, peak, stdout } = await measured(command(large, 'large'));
  rmSync(large);
  const counted = what === 'inspect' ? JSON.parse(stdout).rows : JSON.parse(readFileSync(path.join(out, 'large/manifest.json'), 'utf8')).data[0].rows; // oxfmt-ignore
  const held = peak - base.peak <= LIMITS[what] && counted === rows;
  ok &&= held;
  results.push({ what, megabytes: sizes[what], rows, counted, seconds, peak, small: base.peak, ok: held });
  const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(
    `${held ? '✔' : '✖'}  ${what}: ${sizes[what]} MB, ${counted} of ${rows} rows, ${seconds.toFixed(0)} s, peak ${mb(peak)} (with ${mb(base.peak)} for the sample's file)`,
  );
}
writeFileSync(path.join(out, 'result.json'), `${JSON.stringify(results, null, 2)}\n`);
process.exit(ok ? 0 : 1);
