/**
 * Folders of programs that tests need and that are installed from npm once: nothing is compiled, no install script
 * runs.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const out = path.resolve(import.meta.dirname, '../../out');

/** Runs npm in a folder. @throws with npm's output when it fails */
export function npm(args, cwd) {
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
async function takeLock(lock) {
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

/** Written when everything is in place, with a hash of what was wanted. */
const stampOf = (folder) => path.join(folder, 'node_modules/.ready');

function wanted(folder, files) {
  const hash = createHash('sha256');
  for (const file of ['package.json', 'package-lock.json', ...files])
    hash.update(readFileSync(path.join(folder, file)));
  return hash.digest('hex');
}

export const installed = (folder, files = []) =>
  existsSync(stampOf(folder)) && readFileSync(stampOf(folder), 'utf8') === wanted(folder, files);

/**
 * Installs a folder by `install`, unless what it has is what its package.json, lock and `files` want. Two at once wait
 * for each other. Returns false when there was nothing to do.
 */
export async function installOnce(folder, { name, files = [], install }) {
  if (installed(folder, files)) return false;
  const lock = path.join(out, `${name}.lock`);
  await takeLock(lock);
  try {
    if (installed(folder, files)) return false;
    await rm(path.join(folder, 'node_modules'), { recursive: true, force: true });
    await install();
    writeFileSync(stampOf(folder), wanted(folder, files));
    return true;
  } finally {
    unlinkSync(lock);
  }
}
