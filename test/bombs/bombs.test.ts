/** No input costs more than a second and 256 MB before it is refused: all are loaded in a process of their own. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BOMBS } from './cases.js';
import type { Cost } from './child.js';

/** The work of a file is ended after 0.8 s, which is longer where other programs have the machine, too. */
const MOST_MS = 5000;
const MOST_MB = 256;
const HANGS_MS = 30_000;
const ROOM = process.platform === 'linux' && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

describe('bombs', () => {
  let child: ChildProcess | undefined;
  after(() => child?.kill());

  async function load(name: string, folder: string): Promise<Cost> {
    if (child?.connected !== true)
      child = fork(join(import.meta.dirname, 'child.ts'), { execArgv: ['--expose-gc', '--import', 'tsx'] });
    child.send({ name, folder });
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(new Error('it hangs')), HANGS_MS);
    const { signal } = over;
    const ended = once(child, 'exit', { signal }).then(([code, how]) => {
      throw new Error(`the process ended: ${String(how ?? code)}`);
    });
    ended.catch(() => undefined);
    const [found] = (await Promise.race([once(child, 'message', { signal }), ended])) as [Cost];
    clearTimeout(timer);
    over.abort();
    return found;
  }

  for (const { name, make, says } of BOMBS)
    it(`${name}: ends in bounded time and memory`, async () => {
      const folder = await mkdtemp(join(ROOM, 'bomb-'));
      try {
        await make(folder);
        const { error, ms, mb } = await load(name, folder);
        if (process.env.BOMBS) console.log(`${name}: ${ms.toFixed(0)} ms, ${mb.toFixed(0)} MB: ${error}`);
        if (says) assert.match(error ?? 'it loaded', says);
        assert.doesNotMatch(error ?? '', /^internal:/);
        assert.ok((error ?? '').length < 1000, 'the message stays a sentence');
        assert.ok(ms < MOST_MS, `${ms} ms`);
        assert.ok(mb < MOST_MB, `${mb} MB`);
      } catch (error) {
        child?.kill('SIGKILL');
        child = undefined;
        throw error;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
});
