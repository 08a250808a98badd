import { readFileSync } from 'node:fs';

/**
 * How many processes the system has ended because its memory was used up, containers included; undefined where it does
 * not tell.
 */
export function oomKills(): number | undefined {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8')) ?? [];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
