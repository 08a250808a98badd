import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { OWNER } from '../../runtime/contract/owner.js';
import { processStart } from '../../runtime/runs/ownerOf.js';
import { write } from './support.js';

/** Another process that works in a run folder, until the test is over or it is ended. */
export async function workingIn(t: TestContext, folder: string): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const pid = child.pid!;
  const owner = { pid, host: hostname(), started: await processStart(pid), since: new Date().toISOString() };
  await write(join(folder, OWNER.file), owner);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { pid, end: () => (child.kill('SIGKILL'), ended) };
}
