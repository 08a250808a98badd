import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HumanError } from '../errors.js';
import { OWNER, type RunOwner } from '../protocol.js';

/**
 * Who works in a run folder: one living process at a time, named in the folder's owner.json while it works there. A process
 * that was killed leaves the file; its id and the time it began tell that it is gone, also when the id was given again.
 */

/** When the process began, in words of its system that differ for another process of the same id; undefined when there is none. */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The name, in parentheses, may hold anything; behind it: the state, and as the 20th the start in clock ticks.
    const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
    if (!fields || /^[ZX]/.test(fields[0]!)) return undefined;
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
    return `${boot.trim()} ${fields[19]}`;
  }
  const [file, args]: [string, string[]] =
    process.platform === 'win32'
      ? ['powershell', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`]]
      : ['ps', ['-o', 'lstart=', '-p', String(pid)]];
  const env = { ...process.env, LC_ALL: 'C' };
  const { stdout } = await promisify(execFile)(file, args, { env }).catch(() => ({ stdout: '' }));
  return stdout.trim() || undefined;
}

/** The living process that works in the folder; undefined when nobody does, or one that is dead did. */
export async function ownerOf(folder: string): Promise<RunOwner | undefined> {
  const owner = parse(await readFile(join(folder, OWNER.file), 'utf8').catch(() => ''));
  if (!owner) return undefined;
  if (owner.host === hostname()) return (await processStart(owner.pid)) === owner.started ? owner : undefined;
  // Processes of another machine cannot be asked: it is working while it writes.
  const times = await Promise.all(
    [OWNER.file, 'events.jsonl', 'answers.jsonl'].map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Date.now() - Math.max(...times) < OWNER.silentMs ? owner : undefined;
}

/** Refuses a folder that a living process works in. */
export async function requireFree(folder: string): Promise<void> {
  const owner = await ownerOf(folder);
  if (owner) throw taken(folder, owner);
}

/**
 * Makes this process the owner of an existing folder. @returns what ends that.
 * @throws HumanError while another living process is the owner
 */
export async function claim(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, OWNER.file);
  const started = await processStart(process.pid);
  const owner: RunOwner = {
    pid: process.pid,
    host: hostname(),
    started: started ?? '',
    since: new Date().toISOString(),
  };
  const text = `${JSON.stringify(owner)}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      // Exclusive: of two that come at once one gets it.
      await writeFile(file, text, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 3) throw error;
      await requireFree(folder);
      await removeDead(file);
    }
  }
  return async () => {
    if ((await readFile(file, 'utf8').catch(() => '')) === text) await rm(file, { force: true });
  };
}

/** Takes away what a dead process left; what a living one has put there meanwhile is put back. */
async function removeDead(file: string): Promise<void> {
  let dead = await readFile(file, 'utf8').catch(() => '');
  if (!parse(dead)) {
    // Its writer may be about to write it.
    await delay(100);
    dead = await readFile(file, 'utf8').catch(() => '');
    if (parse(dead)) return;
  }
  const aside = `${file}.${randomBytes(4).toString('hex')}.part`;
  await rename(file, aside).catch(() => undefined);
  const moved = await readFile(aside, 'utf8').catch(() => dead);
  if (moved !== dead) await writeFile(file, moved, { flag: 'wx' }).catch(() => undefined);
  await rm(aside, { force: true });
}

function parse(text: string): RunOwner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<RunOwner> | null;
    return typeof owner?.pid === 'number' && typeof owner.host === 'string' ? (owner as RunOwner) : undefined;
  } catch {
    return undefined;
  }
}

const taken = (folder: string, { pid, host, since }: RunOwner): HumanError =>
  new HumanError(`another process is working in this run folder (process ${pid} on ${host}, since ${since}).`, {
    place: folder,
    remedy: 'Wait until it has ended, stop it, or choose another output folder.',
  });
