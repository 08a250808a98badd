/** One living process at a time works in a run folder. */
import assert from 'node:assert/strict';
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { requireFree as requireFreeInWindow } from '../../extension/runs/owner.js';
import { HumanError } from '../../runtime/support/errors.js';
import { sha256 } from '../../runtime/support/files.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { OWNER, type RunOwner } from '../../runtime/contract/owner.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { claim, removeAbandoned, requireFree } from '../../runtime/runs/owner.js';
import { lives, ownerOf, processStart, startCommand, thisProcess } from '../../runtime/runs/ownerOf.js';
import { openRunFolder, readEvents } from '../../runtime/runs/runFolder.js';
import { watch } from '../support/faults.js';
import { program } from '../support/program.js';
import { asOnWindows, held } from '../support/windows.js';

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

/** When a process began that this machine had, and has no longer. */
const LONG_AGO = `${await processStart(process.pid)}0`;

/** What dead processes leave: an owner; half an owner; an owner, and one that died while it followed that one. */
const LEFT: ((folder: string) => Promise<void>)[] = [
  (folder) => owned(folder, { pid: 1, started: LONG_AGO }),
  (folder) => writeFile(join(folder, OWNER.file), '{"pid": 1, "host": "x'),
  async (folder) => {
    await owned(folder, { pid: 1, started: LONG_AGO });
    const name = `${OWNER.file}.${sha256(await readFile(join(folder, OWNER.file), 'utf8')).slice(0, 32)}.next`;
    await writeFile(join(folder, name), JSON.stringify({ pid: 2, host: hostname(), started: LONG_AGO, since: '' }));
  },
  async () => undefined,
];
const ROUNDS = 60;
const CONTENDERS = 5;

test('of many processes that come at once, and are slow at every call, exactly one gets the folder', async (t) => {
  const root = await temporary(t);
  const { file, execArgv } = program('test/runs/contender.ts');
  const contenders = Array.from({ length: CONTENDERS }, () => fork(file, { execArgv }));
  t.after(() => contenders.forEach((child) => child.kill('SIGKILL')));
  await Promise.all(contenders.map((child) => once(child, 'message')));
  for (let round = 0; round < ROUNDS; round++) {
    const folder = join(root, String(round));
    await mkdir(folder);
    await LEFT[round % LEFT.length]!(folder);
    const answers = await Promise.all(
      contenders.map(async (child, i) => {
        const answer = once(child, 'message');
        // some come a little later, some are slower than others
        setTimeout(
          () => child.send({ folder, delayMs: (round + i) % 3 === 0 ? 12 : 3 }),
          ((round * 7 + i * 3) % 11) / 2,
        );
        return String((await answer)[0]);
      }),
    );
    const winners = contenders.filter((_, i) => answers[i] === 'mine');
    assert.equal(winners.length, 1, `round ${round}: ${answers.join(', ')}`);
    for (const answer of answers) assert.match(answer, /^mine$|another process is working/);
    assert.equal(await owner(folder), winners[0]!.pid);
    const released = once(winners[0]!, 'message');
    winners[0]!.send({});
    await released;
    assert.deepEqual(await readdir(folder), [], `round ${round}`);
  }
});

test('a folder is taken where there are no links, whatever the system says of them', async (t) => {
  for (const code of ['EPERM', 'EISDIR', 'ENOTSUP']) {
    const folder = await temporary(t);
    const onCall = ({ name }: { name: string }): void => {
      if (name === 'link') throw Object.assign(new Error(code), { code });
    };
    const end = watch({ root: folder, onCall });
    t.after(end);
    const release = await claim(folder);
    assert.equal(await owner(folder), process.pid, code);
    await release();
    end();
  }
});

test('on Windows a dead owner is followed, also while another program reads its file', async (t) => {
  const folder = await temporary(t);
  await owned(folder, { pid: 2 ** 30, started: '133771234567890123' });
  let refused = 0;
  const onCall = ({ name, file }: { name: string; file: string }): void => {
    if (name === 'rename' && file.endsWith(OWNER.file) && refused++ === 0) throw held('EPERM');
  };
  const end = watch({ root: folder, onCall });
  t.after(end);
  asOnWindows(t);
  const release = await claim(folder);
  await release();
  assert.ok(refused === 2);
  assert.deepEqual(await readdir(folder), []);
});

test('where a child tells when a process began it is asked once a minute, and of none that is gone', async () => {
  let asked = 0;
  let isThere = true;
  const at = (now: number, began: string | null = 'then'): Promise<boolean | undefined> => {
    const startOf = async (): Promise<string | undefined> => (asked++, began ?? undefined);
    return lives({ pid: 7, started: 'then' }, { startOf, isThere: () => isThere, needsChild: true, now });
  };
  for (const now of [0, 700, 59_000]) assert.equal(await at(now), true);
  assert.equal(asked, 1);
  assert.equal(await at(60_000), true);
  assert.equal(asked, 2);
  isThere = false;
  assert.equal(await at(60_700), false);
  isThere = true;
  assert.equal(await at(61_400, 'later'), false);
  assert.equal(await at(62_100, 'later'), false);
  assert.equal(asked, 4, 'another process of its id is not taken for it');
  // as of a process with more rights
  for (const now of [70_000, 129_000]) assert.equal(await at(now, null), undefined);
  assert.equal(asked, 5);
  isThere = false;
  assert.equal(await at(129_500, null), false);
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

/** Owners of whom this process cannot know whether they live. */
const UNASKED: Record<string, () => Promise<Partial<RunOwner>>> = {
  'does not say when it began': async () => ({ ...(await thisProcess()), started: '' }),
  'another table of processes': async () => ({ ...(await thisProcess()), pid: 7, system: 'of a container' }),
  'another system, an earlier version': async () => ({
    started: process.platform === 'linux' ? '133771234567890123' : '5a3fc1de-57e3-4b2c-8f0e-0d6a3a1b2c3d 4711',
  }),
};

for (const [name, who] of Object.entries(UNASKED))
  test(`an owner that cannot be asked is one while the folder is written to: ${name}`, async (t) => {
    const folder = await temporary(t);
    const one = await who();
    await owned(folder, one);
    assert.equal(await owner(folder), one.pid ?? 1);
    await assert.rejects(claim(folder), {
      name: 'HumanError',
      remedy: /cannot be asked from here: when it has given no sign for 15 minutes/,
    });
    const before = new Date(Date.now() - OWNER.silentMs - 60_000);
    await utimes(join(folder, OWNER.file), before, before);
    assert.equal(await owner(folder), undefined);
    await (
      await claim(folder)
    )();
  });

test(
  'a process that has ended and whose parent has not asked for it yet is no owner',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const folder = await temporary(t);
    const child = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => child.kill('SIGKILL'));
    const pid = Number(await new Promise((resolve) => child.stdout.once('data', resolve)));
    await owned(folder, { pid, started: await processStart(pid) });
    assert.equal(await owner(folder), pid);
    process.kill(pid, 'SIGKILL');
    // it may end between two questions, so one at a time until then
    for (let i = 0; (await ownerOf(folder)) !== undefined && i < 500; i++) await delay(10);
    assert.equal(await owner(folder), undefined);
    assert.equal(process.kill(pid, 0), true, 'it has its id still');
  },
);

test('an owner that waits, and writes nothing, touches its file until it releases the folder', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const folder = await temporary(t);
  const release = await claim(folder);
  const file = join(folder, OWNER.file);
  const before = new Date(Date.now() - OWNER.silentMs - 60_000);
  await utimes(file, before, before);
  t.mock.timers.tick(OWNER.touchMs);
  for (let i = 0; i < 500 && (await stat(file)).mtimeMs < Date.now() - OWNER.touchMs; i++) await delay(10);
  assert.ok((await stat(file)).mtimeMs > Date.now() - OWNER.touchMs);
  await release();
  await writeFile(file, '{}');
  await utimes(file, before, before);
  t.mock.timers.tick(10 * OWNER.touchMs);
  await delay(50);
  assert.equal(Math.round((await stat(file)).mtimeMs), before.getTime());
});

/** Much more than an owner may be silent for. */
const APART_MS = 2 * OWNER.silentMs;

test('an owner on another machine keeps the folder, also where this clock is ahead of that of the file system', async (t) => {
  const folder = await temporary(t);
  await owned(folder, { pid: 7, host: 'another-machine' });
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + APART_MS });
  await assert.rejects(claim(folder), /process 7 on another-machine/);
  await assert.rejects(requireFree(folder), /process 7 on another-machine/);
  await assert.rejects(requireFreeInWindow(folder), /process 7 on another-machine/);
  assert.deepEqual(await readdir(folder), [OWNER.file]);
});

test('what an owner that cannot be asked wrote before the clock was set back is no sign of life, and a later touch is one', async (t) => {
  const folder = await temporary(t);
  const later = new Date(Date.now() + 30 * 24 * 3600 * 1000);
  await owned(folder, { pid: 7, host: 'another-machine', since: later.toISOString() });
  await appendFile(join(folder, 'events.jsonl'), '\n');
  for (const name of [OWNER.file, 'events.jsonl']) await utimes(join(folder, name), later, later);
  assert.equal(await owner(folder), undefined);
  await requireFree(folder);
  const now = new Date();
  await utimes(join(folder, OWNER.file), now, now);
  assert.equal(await owner(folder), 7);
  await assert.rejects(claim(folder), {
    remedy: /the folder is free\. If that process has certainly ended, remove owner\.json\.$/,
  });
  // Clocks that differ a little.
  const soon = new Date(Date.now() + OWNER.silentMs / 2);
  await utimes(join(folder, OWNER.file), soon, soon);
  assert.equal(await owner(folder), 7);
});

test('half a folder of a living process on another machine is not removed, however far ahead this clock is', async (t) => {
  const folder = await temporary(t);
  const [alive, gone] = ['alive', 'gone'].map((name) => join(folder, name));
  for (const each of [alive, gone]) {
    await mkdir(each);
    await owned(each, { pid: 7, host: 'another-machine' });
  }
  await utimes(join(gone, OWNER.file), 1, 1);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 48 * 3600 * 1000 });
  await removeAbandoned(folder, () => true);
  assert.deepEqual(await readdir(folder), ['alive']);
  assert.deepEqual(await readdir(alive), [OWNER.file]);
});

test('an owner whose clock is behind touches its file by that of the file system', async (t) => {
  const folder = await temporary(t);
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.now() - APART_MS });
  const release = await claim(folder);
  const file = join(folder, OWNER.file);
  const text = await readFile(file, 'utf8');
  const { mtimeMs: began } = await stat(file);
  await utimes(file, 1, 1);
  t.mock.timers.tick(OWNER.touchMs);
  for (let i = 0; i < 500 && (await stat(file)).mtimeMs < 2000; i++) await delay(10);
  assert.ok((await stat(file)).mtimeMs >= began);
  assert.equal(await readFile(file, 'utf8'), text);
  await release();
});

test('on Windows the program that is asked is the system’s, whatever lies in the current folder', () => {
  const [file, args] = startCommand(7, 'win32');
  assert.match(file, /^[A-Z]:\\Windows\\System32\\WindowsPowerShell\\v1\.0\\powershell\.exe$/i);
  assert.match(args.at(-1)!, /Get-Process -Id 7\b/);
});

test('a process began at the same time in every time zone', { skip: process.platform === 'win32' }, () => {
  const [file, args, said] = startCommand(process.pid, 'darwin');
  const began = ['America/New_York', 'Asia/Tokyo'].map((TZ) =>
    execFileSync(file, args, { env: { ...process.env, TZ, ...said }, encoding: 'utf8' }),
  );
  assert.match(began[0]!, /\d\d:\d\d:\d\d/);
  assert.equal(began[0], began[1]);
});

const first = { version: 1, outcome: 'running', name: 'r' } as Manifest;

test('a run folder is taken from its beginning to its release, and an open one is not cleared by another run', async (t) => {
  const path = await temporary(t);
  const folder = openRunFolder(path, {} as Recipe, first);
  await folder.begin();
  assert.equal(await owner(path), process.pid);
  await folder.record({ kind: 'checkpoint', step: 1, path });
  await assert.rejects(openRunFolder(path, {} as Recipe, first).begin(), /another process is working/);
  assert.equal((await readEvents(path)).length, 1);
  await folder.release();
  assert.equal(await owner(path), undefined);
  assert.ok(!(await readdir(path)).includes(OWNER.file));
});

test('what a killed export into a run folder left is not in the way of the run, and one that goes on stays', async (t) => {
  const path = await temporary(t);
  const [killed, alive] = ['merged.00000001.part', 'merged.00000002.part'];
  for (const name of [killed, alive]) await mkdir(join(path, name));
  const started = await processStart(process.pid);
  await owned(join(path, killed), { pid: process.pid, started: `${started}0` });
  await owned(join(path, alive), { pid: process.pid, started });
  const before = (Date.now() - OWNER.silentMs) / 1000 - 60;
  for (const name of [killed, alive]) await utimes(join(path, name, OWNER.file), before, before);
  const folder = openRunFolder(path, {} as Recipe, first);
  await folder.begin();
  await folder.release();
  const left = await readdir(path);
  assert.deepEqual([left.includes(killed), left.includes(alive)], [false, true]);
});

test('a folder whose owner cannot be read is not taken for free', async (t) => {
  const folder = await temporary(t);
  assert.equal(await ownerOf(folder), undefined);
  await mkdir(join(folder, OWNER.file));
  await assert.rejects(ownerOf(folder), { code: 'EISDIR' });
  await assert.rejects(requireFree(folder), { code: 'EISDIR' });
});

test('a folder that cannot be written is named, and not what would have been written there', async (t) => {
  const folder = await temporary(t);
  const end = watch({ root: folder, fault: 'erofs:1' });
  await assert.rejects(claim(folder), { code: 'EROFS', path: folder });
  end();
});
