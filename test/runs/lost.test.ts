/**
 * A process that was silent for so long that another one followed it in its run folder writes nothing there any more.
 */
import assert from 'node:assert/strict';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { OWNER } from '../../runtime/contract/owner.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { claim } from '../../runtime/runs/owner.js';
import { openRunFolder, type RunFolder } from '../../runtime/runs/runFolder.js';
import { temporary } from '../support/temporary.js';

const manifest = { version: 1, outcome: 'running', name: 'r', started: 'A' } as Manifest;
const step = { kind: 'checkpoint', step: 1, path: 'x' } as RunEvent;
const NEXT = JSON.stringify({ pid: 1, host: 'another', started: 'B', since: '2026-01-01T00:00:00.000Z' });

/** A run at work, whose folder another one takes and finishes. @param left the owner's file then */
async function lost(t: TestContext, left: string | undefined): Promise<RunFolder> {
  const path = await temporary(t);
  const folder = openRunFolder(path, {} as Recipe, manifest);
  await folder.begin();
  t.after(() => folder.release());
  await folder.record(step);
  await writeFile(folder.file('manifest.json'), JSON.stringify({ ...manifest, started: 'B', outcome: 'finished' }));
  if (left === undefined) await rm(folder.file(OWNER.file));
  else await writeFile(folder.file(OWNER.file), left);
  return folder;
}

for (const left of [undefined, NEXT])
  test(`it neither records nor writes its end over that of the other, ${left ? 'which works' : 'which has ended'}`, async (t) => {
    const folder = await lost(t, left);
    const log = await readFile(folder.file('events.jsonl'), 'utf8');
    const refused = { name: 'HumanError', message: /no longer has the run folder/, place: folder.path };
    await assert.rejects(folder.record(step), refused);
    await assert.rejects(folder.manifest({ outcome: 'failed' }), refused);
    await assert.rejects(folder.marks(), refused);
    const now = JSON.parse(await readFile(folder.file('manifest.json'), 'utf8')) as Manifest;
    assert.deepEqual([now.started, now.outcome], ['B', 'finished']);
    assert.equal(await readFile(folder.file('events.jsonl'), 'utf8'), log);
    await folder.release();
    assert.equal(await readFile(folder.file(OWNER.file), 'utf8').catch(() => undefined), left);
  });

test('it touches the file of the other no more', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const folder = await temporary(t);
  const release = await claim(folder);
  t.after(release);
  const file = join(folder, OWNER.file);
  await writeFile(file, NEXT);
  const before = new Date(Date.now() - OWNER.silentMs - 60_000);
  await utimes(file, before, before);
  t.mock.timers.tick(OWNER.touchMs);
  await delay(50);
  assert.equal(Math.round((await stat(file)).mtimeMs), before.getTime());
});

test('of a folder that was moved it says so, as nobody has taken it', async (t) => {
  const folder = openRunFolder(join(await temporary(t), 'run'), {} as Recipe, manifest);
  await folder.begin();
  t.after(() => folder.release());
  await rename(folder.path, `${folder.path}-moved`);
  const refused = { name: 'HumanError', message: /moved or deleted/, place: folder.path };
  await assert.rejects(folder.record(step), refused);
  await assert.rejects(folder.manifest({ outcome: 'failed' }), refused);
});
