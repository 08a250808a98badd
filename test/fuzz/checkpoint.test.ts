import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { float32 } from '../../runtime/device/session.js';
import { openCheckpoint, saveCheckpoint, stateOf } from '../../runtime/runs/checkpoint.js';
import { openEventLog } from '../../runtime/runs/eventLog.js';
import { damageSafetensors, lengthOf } from './damage.js';
import { fuzz } from './harness.js';

interface Files {
  state: Buffer;
  events: Buffer;
}

const NAMES = ['a', 'b'];
const EVENTS = Buffer.from('{"kind":"checkpoint","step":2,"path":"/w"}\n{"kind":"warning","message":"later"}\n');
const MARK = { bytes: 43, sha256: createHash('sha256').update(EVENTS.subarray(0, 43)).digest('hex') };
const NOTHING = { bytes: 0, sha256: createHash('sha256').digest('hex') };
const VALUES: readonly unknown[] = [
  ...['F32', 'U8', 'I64', 'F16', [32], [0], [2, 2], [0, 16], [16, 32], [96, 128], { checkpoint: '{}' }],
  ...[{ dtype: 'U8', shape: [32], data_offsets: [0, 32] }, { dtype: 'F32', shape: [0], data_offsets: [0, 0] }],
]; // oxfmt-ignore

/** What a resumed run goes on from: its checkpoint and its log. */
fuzz<Files>({
  name: 'checkpoint',
  rounds: 120,
  sources: async (folder) => {
    const tensors = NAMES.map((_, i) => float32(Float32Array.of(i, 1, 2, 3), [2, 2]));
    const facts = { enough: false, dependencies: { model: 'x' }, machine: { device: 'cpu' }, made: {} };
    await saveCheckpoint(
      folder,
      { step: 2, names: NAMES, p: tensors, m: tensors, v: tensors },
      { ...facts, logs: { 'events.jsonl': MARK, 'answers.jsonl': NOTHING } },
      { read: (tensor) => Promise.resolve(tensor.data as Float32Array<ArrayBuffer>) },
    );
    return [{ state: readFileSync(join(folder, 'state.safetensors')), events: EVENTS }];
  },
  damage: ({ state, events }, rng) => {
    if (rng.int(6) === 0) return { state, events: events.subarray(0, rng.int(events.length + 1)) };
    const damaged = damageSafetensors(state, rng, VALUES);
    return { state: rng.int(3) ? withHash(damaged) : damaged, events };
  },
  load: async ({ state, events }, folder) => {
    const path = join(folder, 'checkpoint');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'state.safetensors'), state);
    writeFileSync(join(folder, 'events.jsonl'), events);
    const checkpoint = await openCheckpoint(path);
    assert(checkpoint);
    const { step, p } = await stateOf(checkpoint, NAMES);
    assert(Number.isSafeInteger(step) && p.every(({ dims, data }) => dims.reduce((a, b) => a * b, 1) === data.length));
    await openEventLog(folder, checkpoint.facts.logs);
    const kept = readFileSync(join(folder, 'events.jsonl'));
    assert(events.subarray(0, kept.length).equals(kept));
  },
});

/** With the hash that belongs to the rest, as far as that can be found: what comes behind the check is damaged, too. */
function withHash(state: Buffer): Buffer {
  try {
    const end = 8 + Number(state.readBigUInt64LE(0));
    const header = JSON.parse(state.toString('utf8', 8, end)) as Record<string, { shape: number[]; data_offsets: [number, number] }> & { __metadata__: { checkpoint: string } }; // oxfmt-ignore
    const { __metadata__: metadata, sha256: own, ...tensors } = header;
    const hash = createHash('sha256').update(JSON.stringify([metadata.checkpoint, Object.entries(tensors).map(([name, { shape }]) => [name, shape])])); // oxfmt-ignore
    const data = Buffer.from(state.subarray(end));
    hash.update(data.subarray(0, own.data_offsets[0]));
    hash.digest().copy(data, own.data_offsets[0]);
    return Buffer.concat([lengthOf(state.subarray(8, end)), state.subarray(8, end), data]);
  } catch {
    return state;
  }
}
