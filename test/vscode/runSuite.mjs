/**
 * Runs test/vscode/suite in the extension host of a real VS Code: the one of test/vscode/host, elsewhere than on Linux
 * x64 a downloaded desktop VS Code. TEST_RESULTS names a file for the counts.
 *
 *   node test/vscode/runSuite.mjs [NAME…]      only the suites NAME.suite.ts
 */
import { runTests } from '@vscode/test-electron';
import { build } from 'esbuild';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostSupported, setup } from './host/setup.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const source = path.join(root, 'test/vscode/suite');
const out = path.join(root, 'out/suite');
const names = process.argv.slice(2);
const suites = (await readdir(source)).filter(
  (file) => file.endsWith('.suite.ts') && (!names.length || names.includes(file.slice(0, -'.suite.ts'.length))),
);

await rm(out, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: ['index.ts', ...suites].map((file) => path.join(source, file)),
  outdir: out,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: 'inline',
  external: ['vscode', 'mocha'],
  logLevel: 'warning',
});

if (hostSupported) await setup();
const temporary = await mkdtemp(path.join(tmpdir(), 'suite-workspace-'));
const workspace = path.join(temporary, 'workspace');
try {
  await mkdir(workspace);
  await runTests({
    vscodeExecutablePath: hostSupported ? path.join(import.meta.dirname, 'host/code') : undefined,
    extensionDevelopmentPath: root,
    extensionTestsPath: path.join(out, 'index.cjs'),
    launchArgs: [workspace, `--user-data-dir=${temporary}/user`, `--extensions-dir=${temporary}/extensions`],
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
