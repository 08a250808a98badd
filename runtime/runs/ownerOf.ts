/** Who works in a run folder: the engine and the extension ask by the same rule. */
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, win32 } from 'node:path';
import { promisify } from 'node:util';
import { OWNER, type RunOwner } from '../contract/owner.js';
import { LOG_FILES } from '../contract/runFiles.js';

/** On Linux what `processStart` begins with while this machine runs; nothing elsewhere. */
export async function bootId(): Promise<string> {
  if (process.platform !== 'linux') return '';
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}

/** When the process began, in words of its system that differ for another process of the same id; undefined when there is none. */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The name, in parentheses, may hold anything; behind it: the state, and as the 20th the start in clock ticks.
    const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
    if (!fields || /^[ZX]/.test(fields[0])) return undefined;
    return `${await bootId()} ${fields[19]}`;
  }
  const [file, args, said] = startCommand(pid);
  const env = { ...process.env, ...said };
  const { stdout } = await promisify(execFile)(file, args, { env }).catch(() => ({ stdout: '' }));
  return stdout.trim() || undefined;
}

/**
 * What tells when a process began, in the same words in every language and time zone. Windows looks for a bare name in the current
 * folder first, which may hold anything.
 */
export function startCommand(
  pid: number,
  platform: string = process.platform,
): [file: string, args: string[], env: Record<string, string>] {
  if (platform !== 'win32') return ['ps', ['-o', 'lstart=', '-p', String(pid)], { LC_ALL: 'C', TZ: 'UTC' }];
  const { SystemRoot = 'C:\\Windows' } = process.env;
  const file = win32.join(SystemRoot, 'System32', 'WindowsPowerShell', 'v1.0', 'powershell.exe');
  return [file, ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`], {}];
}

/**
 * The living process that works in the folder; undefined when nobody does, or one that is dead did.
 * @throws when a process may work in it, but the file that names it cannot be read
 */
export async function ownerOf(folder: string): Promise<RunOwner | undefined> {
  const text = await readFile(join(folder, OWNER.file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw error;
  });
  const owner = parseOwner(text);
  return owner && (await isLiving(owner, folder)) ? owner : undefined;
}

/** Whether a process lives that has, or takes, the folder. */
export async function isLiving(owner: RunOwner, folder: string): Promise<boolean> {
  if (owner.host === hostname()) return lives(owner);
  // Processes of another machine cannot be asked: it is working while it writes.
  const times = await Promise.all(
    [OWNER.file, ...LOG_FILES].map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Date.now() - Math.max(...times, Date.parse(owner.since) || 0) < OWNER.silentMs;
}

/** Processes that were found to be those which they are said to be, and when, by the clock of `performance`. */
const confirmed = new Map<string, number>();

/** Whether the process of this machine is there, and the one that began then. Where a child has to tell, it is asked once a minute. */
export async function lives(
  { pid, started }: Pick<RunOwner, 'pid' | 'started'>,
  {
    startOf = processStart,
    isThere = hasProcess,
    needsChild = process.platform !== 'linux',
    now = performance.now(),
  } = {},
): Promise<boolean> {
  const key = `${pid} ${started}`;
  if (!isThere(pid)) {
    confirmed.delete(key);
    return false;
  }
  const last = confirmed.get(key);
  if (needsChild && last !== undefined && now - last < ASK_MS) return true;
  const isSame = (await startOf(pid)) === started;
  if (isSame && needsChild) confirmed.set(key, now);
  else confirmed.delete(key);
  return isSame;
}

const ASK_MS = 60_000;

/** Whether there is a process of this id, whichever it is; also one that may not be asked. */
function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** The content of owner.json; undefined for what is none. */
export function parseOwner(text: string): RunOwner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<RunOwner> | null;
    return typeof owner?.pid === 'number' && typeof owner.host === 'string' ? (owner as RunOwner) : undefined;
  } catch {
    return undefined;
  }
}
