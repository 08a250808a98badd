/**
 * Watches the calls by which this process changes files below a folder, and lets one go wrong. Imported, `watch` sets it up;
 * preloaded (`node --import`), FAULT_ROOT and FAULT do: FAULT=eio:N, …
 *
 *   kill:N     the process is killed instead of the Nth call       eio:N      that call fails
 *   gone:N     the folder is deleted before that call              enospc:N   the disk is full from then on
 *   delay:MS   every call waits for up to MS milliseconds          erofs:N    it is read-only from then on
 *
 * What is opened for reading only is not counted.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const real = { rmSync: fs.rmSync };
/** What is watched, or nothing. */
let now;

/**
 * @param {{ root: string, fault?: string, onCall?: (call: { number: number, name: string, file: string, data?: string | Uint8Array }) => void }} options
 * @returns {() => void} ends it
 */
export function watch({ root, fault = '', onCall }) {
  const [kind, number] = fault.split(':');
  const mine = { root, kind, at: Number(number), onCall, calls: 0 };
  now = mine;
  return () => {
    if (now === mine) now = undefined;
  };
}

const MESSAGES = { EIO: 'i/o error', ENOSPC: 'no space left on device', EROFS: 'read-only file system' };
function fail(code, syscall, file) {
  const place = file === undefined ? '' : ` '${file}'`;
  throw Object.assign(new Error(`${code}: ${MESSAGES[code]}, ${syscall}${place}`), { code, syscall, path: file });
}

/** Calls that need no space. */
const FREE = new Set(['rename', 'rm', 'unlink', 'rmdir', 'truncate', 'handle.sync', 'handle.truncate']);

/** Before a call. `tear` writes half of the data. */
function before(name, file, data, tear) {
  const { root, kind, at, onCall } = now;
  const number = ++now.calls;
  const since = number >= at;
  onCall?.({ number, name, file: String(file), data });
  // calls through a descriptor have no path to name, and go on where a file system becomes read-only
  const open = name.startsWith('handle.');
  const place = open ? undefined : file;
  if (kind === 'kill' && number === at) process.kill(process.pid, 'SIGKILL');
  if (kind === 'gone' && number === at) real.rmSync(root, { recursive: true, force: true });
  if (kind === 'eio' && number === at) fail('EIO', name, place);
  if (kind === 'erofs' && since && !open) fail('EROFS', name, place);
  if (kind === 'enospc' && since && !FREE.has(name.replace('Sync', ''))) {
    tear?.();
    fail('ENOSPC', name, place);
  }
}

const pause = () => (now?.kind === 'delay' ? delay(Math.random() * now.at) : undefined);
const inside = (file) => {
  if (!now) return false;
  const from = path.relative(now.root, path.resolve(String(file)));
  return from !== '..' && !from.startsWith(`..${path.sep}`);
};
const writes = (flags = 'r') => (typeof flags === 'number' ? (flags & 3) !== 0 : flags !== 'r' && flags !== 'rs');

/** Half of what is written. */
export const half = (data) => {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return bytes.subarray(0, bytes.length >> 1);
};

/** Which of a call's arguments is the file that changes. */
const CHANGES = { rename: 1, link: 1, symlink: 1, copyFile: 1, rm: 0, unlink: 0, rmdir: 0, mkdir: 0, truncate: 0 };
for (const [name, which] of Object.entries(CHANGES)) {
  const original = fs.promises[name];
  fs.promises[name] = async (...args) => {
    if (inside(args[which])) {
      await pause();
      before(name, args[which]);
    }
    return original.apply(fs.promises, args);
  };
  const sync = fs[`${name}Sync`];
  fs[`${name}Sync`] = (...args) => {
    if (inside(args[which])) before(`${name}Sync`, args[which]);
    return sync.apply(fs, args);
  };
}
for (const name of ['writeFile', 'appendFile']) {
  const original = fs.promises[name];
  fs.promises[name] = async (file, data, ...rest) => {
    if (typeof file === 'string' && inside(file)) {
      await pause();
      before(name, file, data);
    }
    return original.call(fs.promises, file, data, ...rest);
  };
}
const openSync = fs.openSync;
fs.openSync = (file, flags, mode) => {
  if (inside(file) && writes(flags)) before('openSync', file);
  return openSync.call(fs, file, flags, mode);
};
const open = fs.promises.open;
fs.promises.open = async (file, flags, mode) => {
  if (!inside(file)) return open.call(fs.promises, file, flags, mode);
  if (writes(flags)) {
    await pause();
    before('open', file);
  }
  const handle = await open.call(fs.promises, file, flags, mode);
  for (const name of ['write', 'writeFile', 'truncate', 'sync']) {
    const original = handle[name].bind(handle);
    handle[name] = async (data, ...rest) => {
      if (now) {
        await pause();
        const isData = name.startsWith('write');
        before(
          `handle.${name}`,
          file,
          isData ? data : undefined,
          isData && (() => fs.writeSync(handle.fd, half(data))),
        );
      }
      return original(data, ...rest);
    };
  }
  return handle;
};
syncBuiltinESMExports();

if (process.env.FAULT) watch({ root: process.env.FAULT_ROOT ?? '/', fault: process.env.FAULT });
