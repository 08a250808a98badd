/**
 * Watches the calls by which this process changes files below a folder (with `reads`, also those that read them), and
 * lets one go wrong:
 *
 *   kill:N     that call is half done, and none after it has an effect: what a disk sees of a process that ends
 *   eio:N      that call fails                             enospc:N   the disk is full from then on
 *   gone:N     the folder is deleted before that call      erofs:N    it is read-only from then on
 *   delay:MS   every call waits for up to MS milliseconds
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { relative, resolve, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

type Data = string | Uint8Array;
export interface WatchedCall {
  /** Counts from 1. */
  readonly number: number;
  readonly name: string;
  readonly file: string;
  /** What is written. */
  readonly data?: Data;
}
interface Watched {
  root: string;
  fault?: string;
  reads?: boolean;
  onCall?: (call: WatchedCall) => void;
}
type Call = (...args: unknown[]) => unknown;

/** What is watched, or nothing. */
let now: (Watched & { kind: string; at: number; calls: number }) | undefined;

/** @returns ends it */
export function watch(options: Watched): () => void {
  const [kind, number] = (options.fault ?? '').split(':');
  const mine = { ...options, kind: kind!, at: Number(number), calls: 0 };
  now = mine;
  return () => {
    if (now === mine) now = undefined;
  };
}

/**
 * Runs `use` with a fault at a call, reads included.
 * @returns the names of the calls that were made, and how it ended.
 */
export async function withFault<T>(
  root: string,
  fault: string,
  use: () => Promise<T>,
): Promise<{ calls: string[]; value?: T; error?: unknown }> {
  const calls: string[] = [];
  const end = watch({ root, fault, reads: true, onCall: ({ name }) => calls.push(name) });
  try {
    return { value: await use(), calls };
  } catch (error) {
    return { error, calls };
  } finally {
    end();
  }
}

/** Half of what is written. */
export const half = (data: Data): Uint8Array => {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return bytes.subarray(0, bytes.length >> 1);
};

/** Which of a call's arguments is the file that changes, or is read. */
const CHANGES = { rename: 1, link: 1, symlink: 1, copyFile: 1, rm: 0, unlink: 0, rmdir: 0, mkdir: 0, truncate: 0 };
const READS = ['readdir', 'lstat', 'stat', 'readFile', 'statfs'];
const HANDLE_CHANGES = ['write', 'writeFile', 'truncate', 'sync'];
const HANDLE_READS = ['read', 'readFile', 'stat'];
/** Calls that need no space. */
const FREE = new Set(['rename', 'rm', 'unlink', 'rmdir', 'truncate', 'handle.sync', 'handle.truncate']);
const MESSAGES = { EIO: 'i/o error', ENOSPC: 'no space left on device', EROFS: 'read-only file system' };

const { openSync, rmSync, writeSync } = fs;
const promises = fs.promises as unknown as Record<string, Call>;
const synchronous = fs as unknown as Record<string, Call>;

/** Counts a call. @returns what it fails with, if it does: `isTorn`, after half of its data was written. */
function faultOf(
  name: string,
  file: unknown,
  isRead: boolean,
  data?: Data,
): { error: Error; isTorn: boolean } | undefined {
  const { root, kind, at, onCall } = now!;
  const number = ++now!.calls;
  onCall?.({ number, name, file: String(file), data });
  if (!(number >= at)) return undefined;
  // calls through a descriptor have no path to name, and go on where a file system becomes read-only
  const isOpen = name.startsWith('handle.');
  const failed = (code: keyof typeof MESSAGES): Error => {
    const place = isOpen ? undefined : String(file);
    const message = `${code}: ${MESSAGES[code]}, ${name}${place === undefined ? '' : ` '${place}'`}`;
    return Object.assign(new Error(message), { code, syscall: name, path: place });
  };
  if (kind === 'kill') return { error: new Error('the process is dead'), isTorn: number === at };
  if (kind === 'gone' && number === at) rmSync(root, { recursive: true, force: true });
  if (kind === 'eio' && number === at) return { error: failed('EIO'), isTorn: false };
  if (kind === 'erofs' && !isRead && !isOpen) return { error: failed('EROFS'), isTorn: false };
  const needsSpace = !isRead && !FREE.has(name.replace('Sync', ''));
  return kind === 'enospc' && needsSpace ? { error: failed('ENOSPC'), isTorn: true } : undefined;
}

interface Change {
  data?: Data;
  /** Writes half of the data. */
  tear?: () => unknown;
}

async function gate(name: string, file: unknown, isRead: boolean, { data, tear }: Change = {}): Promise<void> {
  if (now?.kind === 'delay') await delay(Math.random() * now.at);
  const fault = faultOf(name, file, isRead, data);
  if (fault?.isTorn) await tear?.();
  if (fault) throw fault.error;
}

function gateSync(name: string, file: unknown): void {
  const fault = faultOf(name, file, false);
  if (fault) throw fault.error;
}

const inside = (file: unknown, isRead = false): boolean => {
  if (!now || (isRead && !now.reads)) return false;
  const from = relative(now.root, resolve(String(file)));
  return from !== '..' && !from.startsWith(`..${sep}`);
};
const isReading = (flags: unknown = 'r'): boolean =>
  typeof flags === 'number' ? (flags & 3) === 0 : flags === 'r' || flags === 'rs';

/** Puts another function in the place of one. */
const replace = (target: Record<string, Call>, name: string, by: (original: Call) => Call): void => {
  target[name] = by(target[name]!.bind(target));
};

for (const [name, which] of Object.entries(CHANGES)) {
  replace(promises, name, (original) => async (...args) => {
    if (inside(args[which])) await gate(name, args[which], false);
    return original(...args);
  });
  replace(synchronous, `${name}Sync`, (original) => (...args) => {
    if (inside(args[which])) gateSync(`${name}Sync`, args[which]);
    return original(...args);
  });
}
for (const name of READS) {
  replace(promises, name, (original) => async (...args) => {
    if (inside(args[0], true)) await gate(name, args[0], true);
    return original(...args);
  });
}
for (const name of ['writeFile', 'appendFile']) {
  replace(promises, name, (original) => async (file, data, ...rest) => {
    const tear = () => original(file, half(data as Data), ...rest);
    if (typeof file === 'string' && inside(file)) await gate(name, file, false, { data: data as Data, tear });
    return original(file, data, ...rest);
  });
}
fs.openSync = (file, flags, mode) => {
  if (inside(file) && !isReading(flags)) gateSync('openSync', file);
  return openSync(file, flags, mode);
};
replace(promises, 'open', (open) => async (file, flags, mode) => {
  if (!inside(file)) return open(file, flags, mode);
  if (inside(file, isReading(flags))) await gate('open', file, isReading(flags));
  const handle = (await open(file, flags, mode)) as fs.promises.FileHandle;
  const calls = handle as unknown as Record<string, Call>;
  for (const name of [...HANDLE_CHANGES, ...HANDLE_READS]) {
    const isRead = HANDLE_READS.includes(name);
    replace(calls, name, (original) => async (...args) => {
      if (!inside(file, isRead)) return original(...args);
      const change = name.startsWith('write') ? written(handle, args) : {};
      await gate(`handle.${name}`, file, isRead, change);
      return original(...args);
    });
  }
  return handle;
});
syncBuiltinESMExports();

/** Of `handle.write(data, offset, length, position)` and `handle.writeFile(data)`. */
function written(handle: fs.promises.FileHandle, [data, offset, length, position]: unknown[]): Change {
  if (typeof data === 'string') return { data, tear: () => writeSync(handle.fd, half(data)) };
  const bytes = data as Uint8Array;
  const from = typeof offset === 'number' ? offset : 0;
  const part = bytes.subarray(from, from + (typeof length === 'number' ? length : bytes.length));
  const at = typeof position === 'number' ? position : null;
  return { data: part, tear: () => writeSync(handle.fd, half(part), 0, undefined, at) };
}
