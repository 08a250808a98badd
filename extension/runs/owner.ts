import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OWNER, type RunOwner } from '../../runtime/protocol.js';
import { inputError } from '../errors.js';
import { readJson } from '../jsonLines.js';
import { t } from '../text.js';

/** The living process that works in a run folder, by the engine's own rule; undefined when nobody does. */
export async function livingOwner(folder: string): Promise<RunOwner | undefined> {
  const owner = (await readJson(join(folder, OWNER.file)).catch(() => undefined)) as Partial<RunOwner> | undefined;
  if (typeof owner?.pid !== 'number' || typeof owner.host !== 'string') return undefined;
  if (owner.host === hostname()) {
    return (await processStart(owner.pid)) === owner.started ? (owner as RunOwner) : undefined;
  }
  const times = await Promise.all(
    [OWNER.file, 'events.jsonl', 'answers.jsonl'].map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Date.now() - Math.max(...times) < OWNER.silentMs ? (owner as RunOwner) : undefined;
}

/** As the engine asks its system: state and start in clock ticks from Linux, the start in words from others. */
async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
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

/** Refuses what must not be done to a folder that a process which is not of this window works in. */
export async function requireFree(folder: string): Promise<void> {
  const owner = await livingOwner(folder);
  if (!owner) return;
  throw inputError(t('another process is working on this run ({0}).', ownerText(owner)), {
    place: folder,
    remedy: t('Wait until it has ended, or stop it where it was started.'),
  });
}

/** "process 4711 on workstation". */
export const ownerText = ({ pid, host }: RunOwner): string => t('process {0} on {1}', pid, host);
