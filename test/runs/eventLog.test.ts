/** The logs of a run: appended to, and cut to a checkpoint when it is resumed. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import type { Checkpoint } from '../../runtime/runs/checkpoint.js';
import { openEventLog, type LogMarks } from '../../runtime/runs/eventLog.js';
import { appendEvents, openRunFolder, readEvents } from '../../runtime/runs/runFolder.js';
import { openTensorboard } from '../../runtime/runs/tensorboard.js';
import { watch } from '../support/faults.js';
import { asOnWindows, held } from '../support/windows.js';
import { temporary } from '../support/temporary.js';

const event = (step: number): RunEvent => ({ kind: 'checkpoint', step, path: 'é' });
const sample: RunEvent = { kind: 'sample', state: 'base', set: 's', row: 0, line: 1, prompt: 'p', answer: 'a' };
const steps = async (folder: string): Promise<unknown[]> =>
  (await readEvents(folder)).map((e) => e.kind === 'checkpoint' && e.step);

test('what came after the checkpoint, and half a line, are cut off; no step stands there twice', async (t) => {
  const folder = await temporary(t);
  const log = await openEventLog(folder);
  for (const step of [1, 2]) await log.append(event(step));
  await log.append(sample);
  const marks = await log.marks();
  const before = await readFile(join(folder, 'events.jsonl'), 'utf8');
  await log.append(event(3));
  await log.append(sample);
  await appendFile(join(folder, 'events.jsonl'), '{"kind":"st');
  for (const _ of [1, 2]) {
    const resumed = await openEventLog(folder, marks);
    assert.equal(await readFile(join(folder, 'events.jsonl'), 'utf8'), before);
    assert.equal((await readEvents(folder, 'answers.jsonl')).length, 1);
    assert.deepEqual(await resumed.marks(), marks);
    await resumed.append(event(3));
    assert.deepEqual(await steps(folder), [1, 2, 3]);
  }
  await openEventLog(folder);
  assert.deepEqual(await readdir(folder), [], 'without a checkpoint it begins anew');
});

test('of a run that is resumed the checkpoint is told that it goes on from, once', async (t) => {
  const path = await temporary(t);
  const manifest = { version: 1, outcome: 'running', name: 'r', started: 'A' } as Manifest;
  const session = async (last: number, checkpoint?: Checkpoint): Promise<LogMarks> => {
    const folder = openRunFolder(path, {} as Recipe, manifest, checkpoint);
    await folder.begin();
    // Its marks are in the checkpoint, and so are taken before it is told.
    const logs = await folder.marks();
    await folder.record(event(last));
    await folder.release();
    return logs;
  };
  const at = (step: number, logs: LogMarks): Checkpoint =>
    ({ file: join(path, 'checkpoint/state.safetensors'), facts: { step, logs } }) as Checkpoint;
  const first = await session(4);
  await session(6, at(4, first));
  assert.deepEqual(await steps(path), [4, 6]);
  await session(8, at(4, await session(6, at(4, first))));
  assert.deepEqual(await steps(path), [4, 8]);
  assert.deepEqual((await readEvents(path))[0], { kind: 'checkpoint', step: 4, path: join(path, 'checkpoint') });
  // The state before the first step is kept and not told.
  await session(2, at(0, first));
  assert.deepEqual(await steps(path), [2]);
});

test('a run that is resumed does not tell again what it was warned of', async (t) => {
  const path = await temporary(t);
  const manifest = { version: 1, outcome: 'running', name: 'r', started: 'A' } as Manifest;
  const warnings: RunEvent[] = [
    { kind: 'warning', message: 'm', place: 'heldOut', set: 'held out', remedy: 'r' },
    { kind: 'warning', place: undefined, message: 'm' },
  ];
  const session = async (checkpoint?: Checkpoint): Promise<LogMarks> => {
    const folder = openRunFolder(path, {} as Recipe, manifest, checkpoint);
    await folder.begin();
    for (const warning of warnings) await folder.record(warning);
    const logs = await folder.marks();
    await folder.release();
    return logs;
  };
  const logs = await session();
  await session({ file: join(path, 'checkpoint/state.safetensors'), facts: { step: 0, logs } } as Checkpoint);
  assert.deepEqual(
    (await readEvents(path)).map((e) => e.kind === 'warning' && e.place),
    ['heldOut', undefined],
  );
});

test('a log whose beginning differs from the checkpoint is refused, and neither log is cut', async (t) => {
  const folder = await temporary(t);
  const log = await openEventLog(folder);
  await log.append(event(1));
  await log.append(sample);
  const marks = await log.marks();
  await log.append(event(2));
  for (const damage of [(text: string) => text.replace('1', '7'), (text: string) => text.slice(0, 9), () => '']) {
    const answers = await readFile(join(folder, 'answers.jsonl'), 'utf8');
    await writeFile(join(folder, 'answers.jsonl'), damage(answers.replace('base', 'b1se')));
    const refusal = (error: unknown): boolean => error instanceof HumanError && error.place!.endsWith('answers.jsonl');
    await assert.rejects(openEventLog(folder, marks), refusal);
    assert.deepEqual(await steps(folder), [1, 2]);
    await writeFile(join(folder, 'answers.jsonl'), answers);
  }
  await rm(join(folder, 'events.jsonl'));
  await assert.rejects(openEventLog(folder, marks), /not what it was/);
});

test('a log that is deleted, or written to by another program, ends the run; a full disk leaves no half line', async (t) => {
  const folder = await temporary(t);
  const log = await openEventLog(folder);
  await log.append(event(1));
  const end = watch({ root: folder, fault: 'enospc:2' });
  await assert.rejects(log.append(event(2)), { code: 'ENOSPC' });
  end();
  await log.append(event(2));
  assert.deepEqual(await steps(folder), [1, 2]);
  assert.equal((await readFile(join(folder, 'events.jsonl'), 'utf8')).split('\n').length, 3);
  await appendFile(join(folder, 'events.jsonl'), '\n');
  await assert.rejects(log.append(event(3)), /changed by another program/);
  await rm(join(folder, 'events.jsonl'));
  await assert.rejects(log.append(event(3)), /disappeared/);
  assert.deepEqual(await readdir(folder), []);
});

test('on Windows a log that another program reads for a moment is written all the same', async (t) => {
  const folder = await temporary(t);
  const log = await openEventLog(folder);
  await log.append(event(1));
  const tensorboard = await openTensorboard(join(folder, 'events.tfevents'), []);
  const size = async (): Promise<number> => (await stat(join(folder, 'events.tfevents'))).size;
  const before = await size();
  asOnWindows(t);
  let [refused, isHeld] = [0, false];
  const end = watch({
    root: folder,
    onCall({ name }) {
      if (!['open', 'appendFile'].includes(name)) return;
      isHeld = !isHeld;
      if (!isHeld) return;
      refused++;
      throw held('EBUSY');
    },
  });
  t.after(end);
  await log.append(event(2));
  await tensorboard({ kind: 'step', step: 2, lossNatsPerToken: 1 } as RunEvent);
  await log.marks();
  await appendEvents(folder, [event(3)]);
  assert.equal(refused, 4);
  assert.deepEqual(await steps(folder), [1, 2, 3]);
  assert.ok((await size()) > before);
});

test('a log that is not there has no events; one that cannot be read is an error with its place', async (t) => {
  const folder = await temporary(t);
  assert.deepEqual(await readEvents(folder), []);
  await mkdir(join(folder, 'events.jsonl'));
  await assert.rejects(readEvents(folder), { code: 'EISDIR', path: join(folder, 'events.jsonl') });
});
