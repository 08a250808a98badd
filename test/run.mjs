/**
 * `npm test`: everything, in sections; those in a window run beside those of the code. A section that fails does not hide the
 * others. The last line is `N passed, N failed`, and the exit code is 1 when anything failed.
 *
 *   node test/run.mjs [--only=SECTION,…]     sections: types, lint, format, unit, package, supply, vscode, oldest, oldest-ui, ui
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { peersSupported, setupPeers } from './peers/setup.mjs';
import { compiled, unitTests } from './unitTests.mjs';
import { hostSupported, setup } from './vscode/host/setup.mjs';

const root = path.resolve(import.meta.dirname, '..');
const results = path.join(root, 'out/results');
const vsix = path.join(root, 'out/test.vsix');
const tgz = path.join(root, 'out/test.tgz');
const SLOWEST = 10;

const nodeTest = (...args) => [
  ...['--test', '--test-concurrency=2', '--test-timeout=480000'],
  ...['--test-reporter=./test/support/reporter.mjs', '--test-reporter-destination=stdout', ...args],
];
const tsTest = (...files) => nodeTest('--import', 'tsx', ...files);

/**
 * A section: the arguments of one Node process, its time limit, and what it needs to have gone well. Its tests are counted
 * from the file TEST_RESULTS if it writes one, else it counts as one test. Those without a lane are made first, one after the
 * other.
 */
const sections = {
  vsix: { minutes: 3, args: ['build.mjs', '--package', `--out=${vsix}`] },
  tgz: { minutes: 3, args: ['build.mjs', '--pack', `--out=${tgz}`] },
  build: { minutes: 2, args: ['build.mjs'] }, // last: dist/ is then the development build
  compile: { minutes: 2, args: ['test/compile.mjs'] },
  types: { lane: 'code', minutes: 10, args: ['node_modules/typescript/bin/tsc', '--build'] },
  lint: { lane: 'code', minutes: 10, args: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'] },
  format: { lane: 'code', minutes: 5, args: ['node_modules/prettier/bin/prettier.cjs', '--check', '.'] },
  unit: {
    lane: 'code',
    minutes: 30,
    args: nodeTest('--enable-source-maps', ...unitTests.map(compiled)),
    needs: ['compile', 'build'],
    host: true,
  },
  package: {
    lane: 'code',
    minutes: 5,
    args: tsTest('test/package.test.ts', 'test/npmPackage.test.ts'),
    needs: ['tgz', 'vsix'],
    env: { VSIX: vsix, TGZ: tgz },
  },
  supply: { lane: 'code', minutes: 3, args: tsTest('test/supply.test.ts'), needs: ['vsix'], env: { VSIX: vsix } },
  vscode: { lane: 'window', minutes: 6, args: ['test/vscode/runSuite.mjs'], needs: ['build'], host: true },
  oldest: {
    lane: 'window',
    minutes: 8,
    args: ['test/vscode/runSuite.mjs'],
    needs: ['build'],
    host: true,
    env: { VSCODE_VERSION: 'oldest' },
  },
  'oldest-ui': {
    lane: 'window',
    minutes: 4,
    args: ['test/vscode/runScenarios.mjs', vsix, 'recipes'],
    needs: ['vsix'],
    host: true,
    env: { VSCODE_VERSION: 'oldest' },
  },
  ui: { lane: 'window', minutes: 25, args: ['test/vscode/runScenarios.mjs', vsix], needs: ['vsix'], host: true },
};
const shown = ['types', 'lint', 'format', 'unit', 'package', 'supply', 'vscode', 'oldest', 'oldest-ui', 'ui'];

const { values: options } = parseArgs({ options: { only: { type: 'string', default: shown.join() } } });
const chosen = options.only.split(',');
const unknown = chosen.filter((name) => !shown.includes(name));
if (unknown.length) {
  console.error(`No section named ${unknown.join(', ')}. There are: ${shown.join(', ')}.`);
  process.exit(2);
}

const started = performance.now();
const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`;
const tests = [];
const made = new Map();
const running = new Set();

// Sections are process groups of their own, so that a browser or an engine that hangs ends with them.
const endGroup = (child, signal = 'SIGTERM') => {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // already gone
  }
};
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(code);
  });

/** Of what may wait: it gets a quarter of the time where both want all. */
const NICENESS = 5;

/**
 * The process of a section. A window waits for half of its time and code never does: both at once take little more than one of
 * them, as long as the window goes first. With `autogroup`, Linux shares a core among sessions, whatever their niceness.
 */
function launch({ lane, args, env = {} }, file) {
  const polite = lane === 'code' && process.platform !== 'win32';
  const command = [...(polite ? ['nice', '-n', String(NICENESS)] : []), process.execPath, ...args];
  const child = spawn(command[0], command.slice(1), {
    cwd: root,
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, TEST_RESULTS: file, NO_COLOR: '1', FORCE_COLOR: undefined },
  });
  if (polite)
    try {
      writeFileSync(`/proc/${child.pid}/autogroup`, String(NICENESS));
    } catch {
      // no autogroup: niceness counts
    }
  return child;
}

async function runSection(name) {
  const { minutes, lane } = sections[name];
  const file = path.join(results, `${name}.json`);
  rmSync(file, { force: true });
  const output = [];
  const child = launch(sections[name], file);
  running.add(child);
  for (const stream of [child.stdout, child.stderr])
    readline.createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      if (lane) console.log(`${name.padEnd(9)} │ ${line}`);
    });
  const limit = setTimeout(() => {
    console.log(`── ${name}: not ready after ${minutes} minutes, ended`);
    endGroup(child);
    setTimeout(() => endGroup(child, 'SIGKILL'), 5000).unref();
  }, minutes * 60_000);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(limit);
  running.delete(child);
  // What it printed last; a server that outlives it for some seconds may hold its streams open.
  await Promise.race([once(child, 'close'), sleep(3000)]);
  const ok = code === 0;
  if (!lane) console.log(ok ? output.at(-1) : output.join('\n'));
  const counted = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).tests : [];
  for (const test of counted) tests.push({ section: name, ...test });
  // The process itself is a test where none was counted, and where it failed although all counted ones passed.
  if (!counted.length || (!ok && counted.every((test) => test.ok)))
    tests.push({ section: name, name: ok ? name : `${name} (ended with ${code ?? signal})`, ok, seconds: 0 });
  return ok;
}

/** The VS Code hosts of sections with `host`, and the programs that open our exports: installed while other sections run. */
const installs = chosen.some((name) => sections[name].host)
  ? (hostSupported ? setup() : Promise.resolve()).then(() => (peersSupported ? setupPeers() : undefined))
  : Promise.resolve();
const notInstalled = installs.then(
  () => undefined,
  (error) => `not installed: ${error.message}`,
);

/** Runs a section, after what it needs; false when that failed. */
async function complete(name) {
  const section = sections[name];
  const failedNeed = section.needs?.find((need) => !made.get(need));
  if (failedNeed) return fail(name, `${failedNeed} failed`);
  if (section.host) {
    const why = await notInstalled;
    if (why) return fail(name, why);
  }
  if (section.lane === 'window' && name !== 'vscode' && !hostSupported) {
    console.log(`── ${name}: skipped: the VS Code host needs Linux on x64`);
    return true;
  }
  const from = performance.now();
  const ok = await runSection(name);
  console.log(`── ${name}: ${ok ? 'ok' : 'FAILED'} in ${seconds(from)}`);
  return ok;
}

function fail(name, why) {
  console.log(`── ${name}: not run: ${why}`);
  tests.push({ section: name, name: `${name} (${why})`, ok: false, seconds: 0 });
  return false;
}

async function oneByOne(names) {
  for (const name of names) await complete(name);
}

mkdirSync(results, { recursive: true });
const needed = new Set(chosen.flatMap((name) => sections[name].needs ?? []));
for (const name of Object.keys(sections)) if (needed.has(name)) made.set(name, await complete(name));
const lane = (name) => shown.filter((each) => chosen.includes(each) && sections[each].lane === name);
await Promise.all([oneByOne(lane('code')), oneByOne(lane('window'))]);

const failed = tests.filter((test) => !test.ok);
const skipped = tests.filter((test) => test.skipped);
console.log('\n── slowest tests ──');
for (const test of [...tests].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST))
  console.log(`${test.seconds.toFixed(1).padStart(7)} s  ${test.section}: ${test.name}  ${test.file ?? ''}`);
if (skipped.length) console.log('\n── skipped ──');
for (const test of skipped) console.log(`- ${test.section}: ${test.name}  ${test.file ?? ''}: ${test.why}`);
if (failed.length) console.log('\n── failed ──');
for (const test of failed) console.log(`✖ ${test.section}: ${test.name}  ${test.file ?? ''}`);
console.log(`\n${skipped.length} skipped, ${seconds(started)} in all`);
console.log(`${tests.length - failed.length - skipped.length} passed, ${failed.length} failed`);
process.exit(failed.length ? 1 : 0);
