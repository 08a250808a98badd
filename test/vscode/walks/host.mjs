/** What the extension host takes while a walk goes on: memory, and the longest time that it answered nobody. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../workbench.mjs';

const PROBE = path.resolve(import.meta.dirname, '../host/probe.cjs');

/** What the issue asks of the extension host. */
export const MOST_MB = 250;
export const LONGEST_MS = 50;

/**
 * For `prepare` of a walk: the server's options and environment, and `measured`, which says what was seen since it was
 * last asked.
 */
export async function hostProbe() {
  const folder = await mkdtemp(path.join(tmpdir(), 'host-probe-'));
  const file = path.join(folder, 'probe.jsonl');
  const lines = async () => (await readFile(file, 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line)); // oxfmt-ignore
  let from = Date.now();
  return {
    nodeArguments: [`--require=${PROBE}`],
    env: { HOST_PROBE: file },
    stop: () => rm(folder, { recursive: true, force: true }),
    /** The extension host is there. */
    started: () => until(lines, 'an extension host', 60_000),
    /** Prints and gives it. @throws when nothing was measured */
    async measured(what) {
      const asked = Date.now();
      // A line tells of half a second: that of now is still to come.
      await until(async () => (await lines()).some(({ at, busyMs }) => at > asked && busyMs !== undefined), 'a line');
      const seen = (await lines()).filter(({ at, busyMs }) => at >= from && busyMs !== undefined);
      await writeFile(`${file}.collect`, '');
      const collected = async () => (await lines()).find(({ at, heldMB }) => at >= asked && heldMB !== undefined);
      const { heldMB, at: then } = await until(collected, 'a garbage collection');
      // The turn of that collection is nobody's.
      await until(
        async () => (await lines()).some(({ at, busyMs }) => at > then && busyMs !== undefined),
        'the turn after',
      );
      from = Date.now();
      if (seen.length === 0) throw new Error(`${what}: the extension host has written nothing`);
      const most = (key) => Math.max(...seen.map((line) => line[key] ?? 0));
      const busyMs = seen.reduce((sum, line) => sum + line.busyMs, 0);
      const { own } = seen.reduce((a, b) => ((b.longestOwnMs ?? 0) > (a.longestOwnMs ?? 0) ? b : a));
      const result = { heldMB, peakMB: most('rssMB'), longestMs: most('longestMs'), ownMs: most('longestOwnMs'), busyMs }; // oxfmt-ignore
      console.log(
        `    ${what}: extension host ${heldMB} MB, with garbage up to ${result.peakMB}; longest turn ${result.longestMs} ms, of ours ${result.ownMs} (${own?.join(', ')}); ${busyMs} ms in all`,
      );
      return result;
    },
  };
}

/**
 * @param seen what was measured. Turns of VS Code's own and of its other extensions are told, and not counted: a text
 * of 10 MB alone takes it 100 to 200 ms.
 */
export function assertSmall(seen, mostMB = MOST_MB) {
  assert.ok(seen.length > 0);
  assert.deepEqual(
    seen.filter(({ heldMB, ownMs }) => heldMB >= mostMB || ownMs >= LONGEST_MS),
    [],
  );
}
