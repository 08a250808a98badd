/**
 * `npm test`: everything, in sections. A section that fails does not hide the others. The last line is
 * `N passed, N failed`, and the exit code is 1 when anything failed.
 *
 *   node test/run.mjs [--only=SECTION,…] sections: types, long, lint, format, unit, package, supply, vscode, oldest-ui,
 *   ui
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { peersSupported, setupPeers } from './peers/setup.mjs';
import { compiled, longTests, unitTests } from './unitTests.mjs';
import { hostSupported, setup } from './vscode/host/setup.mjs';

const root = path.resolve(import.meta.dirname, '..');
const results = path.join(root, 'out/results');
const vsix = path.join(root, 'out/test.vsix');
const tgz = path.join(root, 'out/test.tgz');
const SLOWEST = 10;
/** Priority of what runs beside the windows, as `nice` counts. */
const LOWER = 5;

const nodeTest = (files, args, { atOnce = 2, seconds = 240 } = {}) => [
  ...['--test', `--test-concurrency=${atOnce}`, `--test-timeout=${seconds}000`],
  ...['--test-reporter=./test/support/reporter.mjs', '--test-reporter-destination=stdout', ...args, ...files],
];
const compiledTest = (files, limits) => nodeTest(files.map(compiled), ['--enable-source-maps'], limits);
const tsTest = (...files) => nodeTest(files, ['--import', 'tsx']);

/**
 * A section: the arguments of one Node process, its time limit, what runs before it, and what it needs to
 * have gone well. Those with `beside` run one after the other beside the windows of the newest VS Code, with a lower
 * priority: a window leaves the machine idle for a third of its time; of these, those with `early` run while hosts and
 * peers are installed. What they print follows when they have ended. The tests of a section are counted from the file
 * TEST_RESULTS if it writes one, else it counts as one test.
 */
const sections = {
  build: { minutes: 2, args: ['build.mjs'], quiet: true },
  types: { minutes: 20, args: ['node_modules/typescript-native/bin/tsc', '--build'], beside: true, early: true },
  lint: { minutes: 20, args: ['node_modules/oxlint/bin/oxlint'], beside: true, early: true },
  format: { minutes: 20, args: ['node_modules/oxfmt/bin/oxfmt', '--check'], beside: true, early: true },
  compile: { minutes: 2, args: ['test/compile.mjs'], quiet: true },
  unit: {
    minutes: 20,
    // three more than cores: tests wait for processes of their own
    args: compiledTest(unitTests, { atOnce: 5 }),
    needs: ['compile'],
    after: ['build'],
    host: true,
  },
  long: {
    minutes: 20,
    args: compiledTest(longTests, { atOnce: 1, seconds: 600 }),
    needs: ['compile'],
    after: ['build'],
    host: true,
    beside: true,
  },
  // Both are built in folders of their own: tests that run meanwhile use dist/.
  vsix: { minutes: 3, args: ['build.mjs', '--package', `--out=${vsix}`], quiet: true },
  tgz: { minutes: 3, args: ['build.mjs', '--pack', `--out=${tgz}`], quiet: true },
  package: {
    minutes: 5,
    args: tsTest('test/package.test.ts', 'test/npmPackage.test.ts'),
    needs: ['build', 'tgz', 'vsix'],
    env: { VSIX: vsix, TGZ: tgz },
    beside: true,
  },
  supply: { minutes: 3, args: tsTest('test/supply.test.ts'), needs: ['vsix'], env: { VSIX: vsix }, beside: true },
  vscode: {
    minutes: 8,
    args: ['test/vscode/runSuite.mjs'],
    needs: ['build'],
    host: true,
    // the windows are those of the newest one
    env: hostSupported ? { VSCODE_VERSION: 'oldest' } : {},
  },
  'oldest-ui': {
    minutes: 4,
    args: ['test/vscode/runScenarios.mjs', vsix, 'recipes'],
    needs: ['vsix'],
    host: true,
    env: { VSCODE_VERSION: 'oldest' },
    beside: true,
  },
  ui: { minutes: 18, args: ['test/vscode/runScenarios.mjs', vsix], needs: ['vsix'], host: true },
};
const shown = ['types', 'long', 'lint', 'format', 'unit', 'package', 'supply', 'vscode', 'oldest-ui', 'ui'];

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
const begun = new Map();
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

function runSection(name) {
  const { args, minutes, env = {}, quiet, beside } = sections[name];
  const later = quiet || beside;
  const file = path.join(results, `${name}.json`);
  rmSync(file, { force: true });
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(process.execPath, args, {
      cwd: root,
      detached: process.platform !== 'win32',
      stdio: ['ignore', later ? 'pipe' : 'inherit', later ? 'pipe' : 'inherit'],
      env: { ...process.env, ...env, TEST_RESULTS: file, NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    if (beside) setPriority(child.pid, LOWER);
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
    const limit = setTimeout(() => {
      console.log(`\n${name}: not ready after ${minutes} minutes, ended`);
      endGroup(child);
      setTimeout(() => endGroup(child, 'SIGKILL'), 5000).unref();
    }, minutes * 60_000);
    child.on(later ? 'close' : 'exit', (code, signal) => {
      clearTimeout(limit);
      running.delete(child);
      const ok = code === 0;
      if (beside) process.stdout.write(`\n── ${name} ──\n${output}`);
      if (quiet) console.log(ok ? output.trim().split('\n').at(-1) : output);
      const counted = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).tests : [];
      for (const test of counted) tests.push({ section: name, ...test });
      // The process itself is a test where none was counted, and where it failed although all counted ones passed.
      if (!counted.length || (!ok && counted.every((test) => test.ok)))
        tests.push({ section: name, name: ok ? name : `${name} (ended with ${code ?? signal})`, ok, seconds: 0 });
      resolve(ok);
    });
  });
}

/**
 * The VS Code host of sections with `host`, and the programs that open our exports: installed while other sections run.
 */
const installs = chosen.some((name) => sections[name].host)
  ? (hostSupported ? setup() : Promise.resolve()).then(() => (peersSupported ? setupPeers() : undefined))
  : Promise.resolve();
const notInstalled = installs.then(
  () => undefined,
  (error) => `not installed: ${error.message}`,
);

/** Runs a section once, after what it needs; false when that failed. */
function complete(name) {
  if (!begun.has(name)) begun.set(name, attempt(name));
  return begun.get(name);
}

async function attempt(name) {
  const section = sections[name];
  for (const earlier of section.after ?? []) await complete(earlier);
  for (const need of section.needs ?? []) if (!(await complete(need))) return fail(name, `${need} failed`);
  if (section.host) {
    const why = await notInstalled;
    if (why) return fail(name, why);
  }
  if (['oldest-ui', 'ui'].includes(name) && !hostSupported) {
    console.log(`\n── ${name} ── skipped: the VS Code host needs Linux on x64`);
    return true;
  }
  const from = performance.now();
  if (!section.beside) console.log(`\n── ${name} ──`);
  const ok = await runSection(name);
  console.log(`── ${name}: ${ok ? 'ok' : 'FAILED'} in ${seconds(from)}`);
  return ok;
}

function fail(name, why) {
  console.log(`\n── ${name} ──\nnot run: ${why}`);
  tests.push({ section: name, name: `${name} (${why})`, ok: false, seconds: 0 });
  return false;
}

mkdirSync(results, { recursive: true });
const order = shown.filter((name) => chosen.includes(name));
const inTurn = async (names) => {
  for (const name of names) await complete(name);
};
// The unit tests keep all cores busy, the windows and installations do not.
const early = inTurn(order.filter((name) => sections[name].early));
if (order.includes('unit')) await complete('unit');
await Promise.all([
  early,
  inTurn(order.filter((name) => sections[name].beside)),
  inTurn(order.filter((name) => !sections[name].beside)),
]);

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
