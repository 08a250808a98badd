/**
 * Runs the scenarios of test/vscode/ui in the real workbench, from a packed extension, with pictures in
 * out/screenshots.
 *
 *   node test/vscode/runScenarios.mjs FILE.vsix [--walks] [--themes] [SCENARIO…]
 *                                       --walks: those of test/vscode/walks, which measure; --themes: all pictures in
 *                                       all themes VSCODE_VERSION=oldest node test/vscode/runScenarios.mjs … in the
 *                                       oldest VS Code that `engines` names
 *
 * A scenario is a module: `title`, `skip?` (why it cannot be run here), `settings?`, `trust?`, `workspace?: 'sample' |
 * 'empty'`, `develop?` (folder of a further extension; there are no notifications then), `prepare?`, and a default
 * function that gets the workbench and `step(name, action)`. A step is a test; after one that fails the rest of the
 * scenario is not run, and the scenario is run once more from its beginning: a window of a loaded machine may lose a
 * key. What failed once is told at the end; what fails twice has failed. `prepare({ workspace })` runs before the
 * server and gives `{ env?, nodeArguments?, stop(), … }`: the server's environment and options of Node, what ends it,
 * and what else the scenario is to get as `prepared`.
 */
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from './host/setup.mjs';
import { ALL_THEMES, workbench } from './workbench.mjs';

await setup();
const { installVsix, openPage, startBrowser, startServer } = await import('./host/server.mjs');

const root = path.resolve(import.meta.dirname, '../..');
const {
  values: { walks, themes },
  positionals: [vsix, ...names],
} = parseArgs({
  allowPositionals: true,
  options: { walks: { type: 'boolean', default: false }, themes: { type: 'boolean', default: false } },
});
if (!vsix) throw new Error('usage: runScenarios.mjs FILE.vsix [--walks] [SCENARIO…]');

const kind = walks ? 'walks' : 'ui';
const place = process.env.VSCODE_VERSION === 'oldest' ? 'oldest' : 'screenshots';
const screenshots = path.join(root, 'out', walks ? 'walks' : place);
const folder = path.join(import.meta.dirname, kind);
const scenarios = [];
for (const file of (await readdir(folder)).sort()) {
  if (!file.endsWith('.mjs') || (names.length && !names.includes(path.basename(file, '.mjs')))) continue;
  const scenario = await import(path.join(folder, file));
  if (scenario.skip) console.log(`skipped: ${scenario.title}  (${file}): ${scenario.skip}`);
  else if (scenario.title) scenarios.push({ file, ...scenario });
}
if (!scenarios.length) throw new Error(`nothing to run: no such scenario in test/vscode/${kind}, or all are skipped`);
const tests = [];
const failedOnce = [];
const temporary = await mkdtemp(path.join(tmpdir(), 'vscode-ui-'));
const extensionsDir = path.join(temporary, 'extensions');

/** A window and a workspace for a scenario; `opened` tells when it shows something. */
async function openWindow({ settings, trust, develop, prepare, workspace: start = 'sample' }, browser) {
  const dataDir = await mkdtemp(path.join(temporary, 'data-'));
  const workspace = path.join(dataDir, 'workspace');
  await mkdir(workspace);
  if (start === 'sample') await cp(path.join(root, 'media/sample'), workspace, { recursive: true });

  const prepared = await prepare?.({ workspace });
  const { env, nodeArguments } = prepared ?? {};
  const driver = develop !== undefined;
  const server = await startServer({ dataDir, extensionsDir, settings, trust, driver, env, nodeArguments });
  const page = await openPage(browser, { viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(30_000);
  const opened = page
    .goto(server.address(workspace, develop ? [['extensionDevelopmentPath', server.uri(develop)]] : []))
    .then(() => page.locator('.monaco-workbench').waitFor());
  opened.catch(() => {}); // a step of the scenario tells it
  const close = async () => {
    await page.close();
    await server.stop();
    await prepared?.stop();
  };
  return { page, workspace, dataDir, prepared, opened, close };
}

/** Runs the scenario in its window; gives its steps as tests. `then` is called when the first of its own is done. */
async function runScenario({ file, default: scenario, title }, window, then) {
  const tests = [];
  console.log(`${title}  (${file})`);
  const { page, workspace, dataDir, prepared } = window;
  const step = async (name, action) => {
    const from = performance.now();
    let error;
    try {
      await action();
    } catch (caught) {
      error = caught;
    }
    const seconds = (performance.now() - from) / 1000;
    tests.push({ name, file: `test/vscode/${kind}/${file}`, seconds, ok: !error });
    console.log(`  ${error ? '✖' : '✔'} ${name}  (${seconds.toFixed(1)} s)`);
    if (!error) {
      if (tests.length === 2) then();
      return;
    }
    await mkdir(screenshots, { recursive: true });
    await page
      .screenshot({ path: path.join(screenshots, `failed-${path.basename(file, '.mjs')}.png`) })
      .catch(() => {});
    throw error;
  };
  try {
    await step('the window opens', () => window.opened);
    await scenario({
      ...workbench(page, screenshots, themes ? ALL_THEMES : undefined),
      workspace,
      dataDir,
      prepared,
      step,
    });
  } catch (error) {
    console.log(`    ${error.stack.replaceAll('\n', '\n    ')}`);
    if (!failures(tests).length) tests.push({ name: `${title}: outside a step`, file, seconds: 0, ok: false });
  } finally {
    await window.close();
  }
  return tests;
}

const failures = (tests) => tests.filter((test) => !test.ok);

try {
  await rm(screenshots, { recursive: true, force: true });
  console.log(await installVsix(vsix, temporary, extensionsDir));
  const browser = await startBrowser();
  const windows = [];
  const windowOf = (i) => (windows[i] ??= openWindow(scenarios[i], browser));
  for (const [i, scenario] of scenarios.entries()) {
    // A window takes ten seconds until its extensions are there, for which a scenario leaves the machine enough; one
    // that measures is alone.
    const openNext = () => {
      if (!walks && i + 1 < scenarios.length) windowOf(i + 1).catch(() => {}); // told in its turn
    };
    let ran = await runScenario(scenario, await windowOf(i), openNext);
    if (failures(ran).length) {
      failedOnce.push(...failures(ran));
      console.log('  once more');
      ran = await runScenario(scenario, await openWindow(scenario, browser), openNext);
    }
    tests.push(...ran);
  }
  await browser.close();
  const failed = failures(tests).length;
  for (const { name, file } of failedOnce) console.log(`failed the first time: ${name}  ${file}`);
  console.log(
    `${tests.length - failed} steps passed, ${failed} failed; pictures in ${path.relative(root, screenshots)}`,
  );
  process.exitCode = failed ? 1 : 0;
} finally {
  if (process.env.TEST_RESULTS) await writeFile(process.env.TEST_RESULTS, JSON.stringify({ tests }));
  await rm(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
process.exit(); // the server's pipes may stay open for some seconds
