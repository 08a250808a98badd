/** One living process at a time works in a run folder. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { requireFree as requireFreeInWindow } from '../../extension/runs/owner.js';
import { HumanError } from '../../runtime/errors.js';
import { OWNER, type Manifest, type Recipe, type RunOwner } from '../../runtime/protocol.js';
import { claim, requireFree } from '../../runtime/training/owner.js';
import { ownerOf, processStart } from '../../runtime/training/protocol.js';
import { openRunFolder, readEvents } from '../../runtime/training/runFolder.js';

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'owner-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Another process, which lives until the test is over or it is killed. */
function sleeper(t: TestContext): ChildProcess & { pid: number } {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child as ChildProcess & { pid: number };
}

const owned = async (folder: string, owner: Partial<RunOwner>): Promise<void> =>
  writeFile(
    join(folder, OWNER.file),
    JSON.stringify({ pid: 1, host: hostname(), started: '', since: '2026-01-01T00:00:00.000Z', ...owner }),
  );

/** The extension refuses what the engine refuses. */
async function owner(folder: string): Promise<number | undefined> {
  const found = await ownerOf(folder);
  if (found) await assert.rejects(requireFreeInWindow(folder), new RegExp(`process ${found.pid} on`));
  else await requireFreeInWindow(folder);
  return found?.pid;
}

test('a folder that another living process works in is refused, with who it is', async (t) => {
  const folder = await temporary(t);
  const child = sleeper(t);
  await owned(folder, { pid: child.pid, started: await processStart(child.pid) });
  assert.equal(await owner(folder), child.pid);
  const refused = (error: unknown): boolean =>
    error instanceof HumanError && error.message.includes(`process ${child.pid} on`) && error.place === folder;
  await assert.rejects(requireFree(folder), refused);
  await assert.rejects(claim(folder), refused);
  assert.deepEqual(await readdir(folder), [OWNER.file]);
});

test('an owner that was killed, and a process that got its id later, are no owners; the folder can be taken', async (t) => {
  const folder = await temporary(t);
  const child = sleeper(t);
  const started = await processStart(child.pid);
  assert.ok(started);
  await owned(folder, { pid: child.pid, started: `${started}0` });
  assert.equal(await owner(folder), undefined);
  await owned(folder, { pid: child.pid, started });
  assert.equal(await owner(folder), child.pid);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  assert.equal(await owner(folder), undefined);
  const release = await claim(folder);
  assert.equal(await owner(folder), process.pid);
  await release();
  assert.deepEqual(await readdir(folder), []);
});

test('of many that come at once one gets the folder, also over what a dead one left', async (t) => {
  for (const left of [undefined, '{"pid": 1, "host": "x'] as const) {
    const folder = await temporary(t);
    if (left !== undefined) await writeFile(join(folder, OWNER.file), left);
    const claims = await Promise.allSettled(Array.from({ length: 8 }, () => claim(folder)));
    const got = claims.flatMap((c) => (c.status === 'fulfilled' ? [c.value] : []));
    assert.equal(got.length, 1, `${got.length} of 8, over ${left ?? 'nothing'}`);
    await got[0]!();
    assert.deepEqual(await readdir(folder), []);
  }
});

test('an owner on another machine is one while the folder is written to', async (t) => {
  const folder = await temporary(t);
  await owned(folder, { pid: 7, host: 'another-machine' });
  assert.equal(await owner(folder), 7);
  const before = new Date(Date.now() - OWNER.silentMs - 60_000);
  await utimes(join(folder, OWNER.file), before, before);
  assert.equal(await owner(folder), undefined);
  await appendFile(join(folder, 'events.jsonl'), '\n');
  assert.equal(await owner(folder), 7);
});

const first = { version: 1, outcome: 'running', name: 'r' } as Manifest;

test('a run folder is taken from its beginning to its release, and an open one is not cleared by another run', async (t) => {
  const path = await temporary(t);
  const folder = openRunFolder(path, {} as Recipe, first, false);
  await folder.begin();
  assert.equal(await owner(path), process.pid);
  await folder.record({ kind: 'checkpoint', step: 1, path });
  await assert.rejects(openRunFolder(path, {} as Recipe, first, false).begin(), /another process is working/);
  assert.equal((await readEvents(path)).length, 1);
  await folder.release();
  assert.equal(await owner(path), undefined);
  assert.ok(!(await readdir(path)).includes(OWNER.file));
});

test('what a resumed run writes does not become part of the half line that a killed one left', async (t) => {
  const path = await temporary(t);
  await writeFile(join(path, 'events.jsonl'), '{"kind":"checkpoint","step":1,"path":""}\n{"kind":"st');
  const folder = openRunFolder(path, {} as Recipe, first, true);
  await folder.begin();
  await folder.record({ kind: 'checkpoint', step: 2, path });
  await folder.release();
  const steps = (await readEvents(path)).map((event) => event.kind === 'checkpoint' && event.step);
  assert.deepEqual(steps, [1, 2], await readFile(join(path, 'events.jsonl'), 'utf8'));
});
