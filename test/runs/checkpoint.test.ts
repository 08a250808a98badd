/** A checkpoint is one file that is whole, or is refused in words for people. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bytesOf, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import type { OptimizerState } from '../../runtime/optim/optimizer.js';
import { openCheckpoint, restoreState, saveCheckpoint, stateOf } from '../../runtime/runs/checkpoint.js';
import { float32, type Tensor } from '../../runtime/device/session.js';
import { watch } from '../support/faults.js';

const NAMES = ['a', 'b'];
const stateAt = (step: number): OptimizerState => {
  const tensors = (offset: number) => NAMES.map((_, i) => float32(Float32Array.from([step, offset, i]), [3]));
  return { step, names: NAMES, p: tensors(0), m: tensors(1), v: tensors(2) };
};
const values = (all: OptimizerState) => [all.step, ...[all.p, all.m, all.v].flat().map((x) => [...(x.data as Float32Array)])]; // oxfmt-ignore
const mark = { bytes: 0, sha256: '' };
const facts = {
  enough: false,
  dependencies: { data: 'hash' },
  machine: { device: 'cpu' },
  made: {},
  logs: { 'events.jsonl': mark, 'answers.jsonl': mark },
};
const backend = { read: async (tensor: { data: unknown }) => tensor.data as Float32Array } as unknown as Parameters<
  typeof saveCheckpoint
>[3];

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'checkpoint');
}
const file = (folder: string): string => join(folder, 'state.safetensors');

async function refused(folder: string, message: RegExp): Promise<void> {
  await assert.rejects(openCheckpoint(folder), {
    name: 'HumanError',
    message,
    place: /./,
    remedy: 'Start the run over.',
  });
}

test('what is saved is read back; where there is nothing, there is none', async (t) => {
  const folder = await temporary(t);
  assert.equal(await openCheckpoint(folder), undefined);
  for (const step of [2, 4]) await saveCheckpoint(folder, stateAt(step), { ...facts, enough: step === 4 }, backend);
  const checkpoint = (await openCheckpoint(folder))!;
  assert.deepEqual(checkpoint.facts, { version: 2, step: 4, ...facts, enough: true });
  const state = await stateOf(checkpoint, NAMES);
  assert.deepEqual(values(state), values(stateAt(4)));
  await assert.rejects(stateOf(checkpoint, ['c']), /has no tensor "p.c"/);
});

test('a state that is kept is read over the one that is there, which is never beside it', async (t) => {
  const folder = await temporary(t);
  await saveCheckpoint(folder, stateAt(2), facts, backend);
  const checkpoint = (await openCheckpoint(folder))!;
  const state = stateAt(4);
  const arrays = (): unknown[] => [state.p, state.m, state.v].flat().map(({ data }) => data);
  const before = arrays();
  await restoreState(state, checkpoint);
  arrays().forEach((array, i) => assert.equal(array, before[i]));
  assert.deepEqual(values(state), values(stateAt(2)));
});

test('on another device each tensor is freed before the next is read', async (t) => {
  const folder = await temporary(t);
  await saveCheckpoint(folder, stateAt(2), facts, backend);
  const checkpoint = (await openCheckpoint(folder))!;
  const state = stateAt(4);
  const there = (tensors: Tensor[]) =>
    tensors.map(({ dims }) => ({ location: 'gpu-buffer', dims }) as unknown as Tensor);
  Object.assign(state, { p: there(state.p), m: there(state.m), v: there(state.v) });
  const old = [state.p, state.m, state.v].flat();
  const left: number[] = [];
  await restoreState(state, checkpoint, {
    release(tensor) {
      const now = [state.p, state.m, state.v].flat();
      left.push(now.filter((each) => old.includes(each)).length);
      assert.equal(tensor, old[left.length - 1]);
    },
  });
  assert.deepEqual(left, [6, 5, 4, 3, 2, 1]);
  assert.deepEqual(values(state), values(stateAt(2)));
});

test('it is written beside and synced, takes its place in one call, and its folder is synced after that', async (t) => {
  const folder = await temporary(t);
  await saveCheckpoint(folder, stateAt(2), facts, backend);
  const calls: string[] = [];
  const end = watch({ root: folder, onCall: ({ name, file: changed }) => calls.push(`${name} ${basename(changed)}`) });
  await saveCheckpoint(folder, stateAt(4), facts, backend);
  end();
  const order = calls.map((call) => call.replace(/[0-9a-f]{8}\.part/, 'part'));
  const part = 'state.safetensors.part';
  assert.equal(order[0], `open ${part}`);
  assert.ok(
    order.slice(1, -3).every((call) => call === `handle.write ${part}`),
    order.join('\n'),
  );
  const folderSync = process.platform === 'win32' ? [] : ['handle.sync checkpoint'];
  assert.deepEqual(order.slice(order.indexOf(`handle.sync ${part}`)), [`handle.sync ${part}`, 'rename state.safetensors', ...folderSync]); // oxfmt-ignore
});

test('no changed byte and no missing end goes unnoticed', async (t) => {
  const folder = await temporary(t);
  await saveCheckpoint(folder, stateAt(7), facts, backend);
  const whole = await readFile(file(folder));
  for (let i = 0; i < whole.length; i++) {
    const damaged = Buffer.from(whole);
    damaged[i]! ^= 1 << (i % 8);
    await writeFile(file(folder), damaged);
    await refused(folder, /damaged|not a checkpoint/);
  }
  for (let length = 0; length < whole.length; length += 13) {
    await writeFile(file(folder), whole.subarray(0, length));
    await refused(folder, /damaged/);
  }
});

test('a foreign file, a folder in its place, and what earlier versions wrote are refused', async (t) => {
  const folder = await temporary(t);
  const x = new Float32Array(2);
  await writeSafetensors(file(folder), [{ name: 'p.a', dtype: 'F32', shape: [2], bytes: 8, data: () => bytesOf(x) }]);
  await refused(folder, /not a checkpoint/);
  await writeFile(file(folder), '[[[[');
  await refused(folder, /damaged/);
  await rm(file(folder));
  await mkdir(file(folder));
  await refused(folder, /damaged/);
  await rm(file(folder), { recursive: true });
  await writeFile(
    join(folder, 'checkpoint.json'),
    '{"version":1,"step":4,"fingerprint":"","file":"state-0.safetensors"}',
  );
  await refused(folder, /earlier version/);
});
