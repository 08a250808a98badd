/** Who works in a run folder: the engine and the extension ask by the same rule. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, win32 } from 'node:path';
import { promisify } from 'node:util';
import { OWNER, type RunOwner } from '../contract/owner.js';
import { LOG_FILES } from '../contract/runFiles.js';
import { ifThere } from '../support/ifThere.js';

/** A process, so that others can ask whether it lives. */
export type NamedProcess = Pick<RunOwner, 'pid' | 'host' | 'started' | 'system'>;

/** Asked once: on Windows that takes a second. */
let ownStart: Promise<string | undefined> | undefined;

export const thisProcess = async (): Promise<NamedProcess> => ({
  pid: process.pid,
  host: hostname(),
  started: (await (ownStart ??= processStart(process.pid))) ?? '',
  system: await systemId(),
});

/** On Linux what `processStart` begins with while this machine runs. */
const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();

/** On Linux it differs after a restart, and where there is another table of processes. */
async function systemId(): Promise<string> {
  if (process.platform !== 'linux') return process.platform;
  return `${await bootId()} ${await readlink('/proc/self/ns/pid').catch(() => '')}`;
}

/** Of owners of earlier versions the start tells: on Linux it begins with the boot. */
async function isOfThisSystem({ host, started, system }: NamedProcess): Promise<boolean> {
  if (host !== hostname()) return false;
  if (system !== undefined) return system === (await systemId());
  return process.platform === 'linux' ? started.startsWith(`${await bootId()} `) : !/^[0-9a-f-]{36} /.test(started);
}

/**
 * When the process began, in words of its system that differ for another process of the same id; empty for one that has
 * ended and still has the id, undefined where it cannot be told.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The name, in parentheses, may hold anything; behind it: the state, and as the 20th the start in clock ticks.
    const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
    if (!fields) return undefined;
    if (/^[ZX]/.test(fields[0])) return '';
    return `${await bootId()} ${fields[19]}`;
  }
  const [file, args, said] = startCommand(pid);
  const env = { ...process.env, ...said };
  const { stdout } = await promisify(execFile)(file, args, { env }).catch(() => ({ stdout: '' }));
  return stdout.trim() || undefined;
}

/**
 * What tells when a process began, in the same words in every language and time zone. Windows looks for a bare name in
 * the current folder first, which may hold anything.
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
 * @param now by which clock; `folderClock` for who is about to change the folder
 * @throws when a process may work in it, but the file that names it cannot be read
 */
export async function ownerOf(folder: string, now?: Clock): Promise<RunOwner | undefined> {
  const text = await ifThere(readFile(join(folder, OWNER.file), 'utf8'), ['ENOENT', 'ENOTDIR']);
  const owner = parseOwner(text ?? '');
  return owner && (await isLiving(owner, folder, now)) ? owner : undefined;
}

/** Milliseconds. */
type Clock = (folder: string) => number | Promise<number>;

/**
 * The clock of its file system, which all who look have in common: this machine's may be another. It is told by
 * writing.
 */
export async function folderClock(folder: string): Promise<number> {
  const file = join(folder, `${OWNER.file}.${randomBytes(8).toString('hex')}.claim`);
  try {
    await writeFile(file, '', { flag: 'wx' });
    return (await stat(file)).mtimeMs;
  } catch {
    // Who cannot write there changes nothing.
    return Date.now();
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** Whether the process lives; undefined where it cannot be asked from here. */
export const asked = async (one: NamedProcess): Promise<boolean | undefined> =>
  (await isOfThisSystem(one)) ? lives(one) : undefined;

/** Whether a process lives that has, or takes, the folder. */
export async function isLiving(owner: RunOwner, folder: string, now: Clock = () => Date.now()): Promise<boolean> {
  const answer = await asked(owner);
  if (answer !== undefined) return answer;
  // One that cannot be asked is working while it writes.
  const times = await Promise.all(
    [OWNER.file, ...LOG_FILES].map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  const present = await now(folder);
  // What lies far ahead was written before a clock was set back: one that lives has touched its file since.
  return [...times, Date.parse(owner.since)].some((time) => Math.abs(present - time) < OWNER.silentMs);
}

/** What was found of processes that are there, and when, by the clock of `performance`. */
const found = new Map<string, { answer: true | undefined; at: number }>();

/**
 * Whether the process of this system is there, and the one that began then; undefined where one is there that does not
 * say when it began, as with more rights than this one. Where a child has to tell, it is asked once a minute.
 */
export async function lives(
  { pid, started }: Pick<RunOwner, 'pid' | 'started'>,
  {
    startOf = processStart,
    isThere = hasProcess,
    needsChild = process.platform !== 'linux',
    now = performance.now(),
  } = {},
): Promise<boolean | undefined> {
  const key = `${pid} ${started}`;
  if (!isThere(pid)) {
    found.delete(key);
    return false;
  }
  const last = found.get(key);
  if (needsChild && last !== undefined && now - last.at < ASK_MS) return last.answer;
  const began = started ? await startOf(pid) : undefined;
  // One that does not say may have ended while it was asked.
  const answer = began !== undefined ? began === started : isThere(pid) ? undefined : false;
  if (needsChild && answer !== false) found.set(key, { answer, at: now });
  else found.delete(key);
  return answer;
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
    return typeof owner?.pid === 'number' && typeof owner.host === 'string' && typeof owner.started === 'string'
      ? (owner as RunOwner)
      : undefined;
  } catch {
    return undefined;
  }
}
