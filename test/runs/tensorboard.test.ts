/**
 * The TensorBoard file of a run, read by the documented formats: TFRecord with CRC-32C, Event messages of protocol
 * buffers.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crc32c, openTensorboard } from '../../runtime/runs/tensorboard.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { readEvents } from '../../runtime/runs/runFolder.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { cli, FEW_ROWS, jsonLines, sampleWorkspace, type Workspace } from '../calls/support.js';
import type { RunSummary } from '../../runtime/commandLine/runs.js';

test('CRC-32C is that of RFC 3720, B.4', () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
});

/** Records of a file; every length and checksum is checked. */
function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  // The rotation is within 32 bits.
  const check = (data: Buffer, at: number): void => {
    const crc = BigInt(crc32c(data));
    const rotated = ((crc >> 15n) | ((crc << 17n) & 0xffffffffn)) & 0xffffffffn;
    assert.equal(BigInt(file.readUInt32LE(at)), (rotated + 0xa282ead8n) & 0xffffffffn);
  };
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), at + 8);
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(data.length, length);
    check(data, at + 12 + length);
    found.push(data);
    at += 12 + length + 4;
  }
  return found;
}

/** Fields of a message: numbers for varints, doubles and floats, bytes for what has a length. */
function fields(data: Buffer): { field: number; value: number | Buffer }[] {
  const found: { field: number; value: number | Buffer }[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = data[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const [field, type] = [key >> 3, key & 7];
    if (type === 0) found.push({ field, value: varint() });
    else if (type === 1) found.push({ field, value: data.readDoubleLE((at += 8) - 8) });
    else if (type === 5) found.push({ field, value: data.readFloatLE((at += 4) - 4) });
    else {
      assert.equal(type, 2);
      const length = varint();
      found.push({ field, value: data.subarray(at, (at += length)) });
    }
  }
  assert.equal(at, data.length);
  return found;
}

interface Point {
  step: number;
  tag: string;
  value: number;
}

async function points(file: string): Promise<Point[]> {
  const [head, ...rest] = records(await readFile(file)).map(fields);
  assert.equal(String(head!.find(({ field }) => field === 3)!.value), 'brain.Event:2');
  return rest.flatMap((event) => {
    const one = (field: number) => event.find((entry) => entry.field === field)?.value;
    assert.ok(Math.abs(Number(one(1)) - Date.now() / 1000) < 600, 'wall time');
    return fields(one(5) as Buffer).map(({ field, value }) => {
      assert.equal(field, 1);
      const parts = fields(value as Buffer);
      return { step: Number(one(2)), tag: String(parts[0]!.value), value: Number(parts[1]!.value) };
    });
  });
}

let workspace: Workspace;
before(async () => void (workspace = await sampleWorkspace()));
after(() => workspace.remove());

test('long names, large steps and large numbers come back; what is no number is left out', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tensorboard-'));
  try {
    const file = join(folder, 'events');
    const name = 'näme '.repeat(60);
    const measured = { state: 'base', name, measure: 'harm' as const, value: 0.25, count: 4, judge: 'j' };
    const add = await openTensorboard(file, []);
    await add({ kind: 'warning', message: 'nothing to show' });
    await add({ kind: 'evaluation', step: 9_000_000, measurements: [measured], probes: { benignKl: null! } });
    assert.deepEqual(await points(file), [{ step: 9_000_000, tag: `base/${name}/harm/j`, value: 0.25 }]);
    await add({ kind: 'evaluation', step: 9_000_001, probes: { harmfulGradNormWith: 1e39 } });
    assert.deepEqual((await points(file))[1], { step: 9_000_001, tag: 'probes/harmfulGradNormWith', value: Infinity });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a run that is stopped and resumed has each number once, those of its events; runs lists it', async () => {
  const change = { ...FEW_ROWS, epochs: undefined, steps: 6, evaluateEvery: 3, tensorboard: true };
  const recipe = await workspace.recipe('vector.json', change);
  const stopped = await cli(['train', recipe, '--json'], { signalAfter: { text: '"step":3,', signal: 'SIGINT' } });
  assert.equal(stopped.code, 3, stopped.stderr);
  const folder = workspace.file('vectors/forbidden-topic');
  const [paused] = jsonLines<RunSummary>((await cli(['runs', workspace.path, '--json'])).stdout);
  assert.deepEqual([paused!.outcome, paused!.kind], ['stopped', 'vector']);
  assert.equal((await cli(['train', recipe, '--resume'])).code, 0);
  const events: RunEvent[] = await readEvents(folder);
  const shown = await points(join(folder, RUN_FILES.tensorboard));
  const losses = events.flatMap((e): Point[] =>
    e.kind === 'step' ? [{ step: e.step, tag: 'train/loss', value: Math.fround(e.lossNatsPerToken) }] : [],
  );
  assert.equal(losses.length, 6);
  assert.deepEqual(
    shown.filter(({ tag }) => tag === 'train/loss'),
    losses,
  );
  assert.ok(shown.some(({ tag, step }) => tag === 'probes/harmfulLossWith' && step === 6));
  const manifest = await workspace.json<{ files: string[] }>('vectors/forbidden-topic/manifest.json');
  assert.ok(manifest.files.includes(RUN_FILES.tensorboard));

  const listed = jsonLines<RunSummary>((await cli(['runs', workspace.path, '--json'])).stdout);
  assert.equal(listed.length, 1);
  const [run] = listed;
  assert.deepEqual(
    [run!.path, run!.kind, run!.outcome, run!.steps],
    [join('vectors', 'forbidden-topic'), 'vector', 'finished', 6],
  );
  assert.match(run!.headline, /^– No verdict: only 6 harmful and 6 ordinary rows were held out/);
  const text = await cli(['runs'], { cwd: workspace.path });
  assert.match(text.stdout, /^vectors.forbidden-topic {2}vector, finished, /);
  const none = await cli(['runs', workspace.file('data')]);
  assert.deepEqual([none.code, none.stdout.trim()], [0, `There are no runs in ${workspace.file('data')}.`]);

  // switched off, the next run leaves none
  const again = await workspace.recipe('vector.json', { ...change, steps: 1, tensorboard: false });
  assert.equal((await cli(['train', again, '--force'])).code, 0);
  assert.ok(!existsSync(join(folder, RUN_FILES.tensorboard)));
});
