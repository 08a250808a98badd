import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount, readFloat32, readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { damageSafetensors, lengthOf } from './damage.js';
import { fuzz } from './harness.js';

const REFERENCE = join(import.meta.dirname, '..', 'fixtures', 'reference');

interface Parts {
  header: Record<string, unknown>;
  data: Buffer;
}

const SOURCES: Parts[] = [
  {
    header: {
      __metadata__: { format: 'pt' },
      'model.a': { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
      c: { dtype: 'I64', shape: [2], data_offsets: [32, 48] },
      empty: { dtype: 'F16', shape: [0, 5], data_offsets: [48, 48] },
    },
    data: Buffer.alloc(48, 1),
  },
  adapter('llama/adapters/task'),
];

function adapter(path: string): Parts {
  const bytes = readFileSync(join(REFERENCE, path, 'adapter_model.safetensors'));
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  return { header: JSON.parse(bytes.toString('utf8', 8, end)) as Parts['header'], data: bytes.subarray(end) };
}

function fileOf(header: string, data: Buffer): Buffer {
  const json = Buffer.from(header);
  return Buffer.concat([lengthOf(json), json, data]);
}

/**
 * What stands in headers: offsets behind the file and before it, overlaps, shapes whose product is no number any more.
 */
const VALUES: readonly unknown[] = [
  ...[[0, 8], [8, 0], [-8, 0], [0, 2 ** 53], [2 ** 60, 2 ** 61], [24, 48], [0, 1e308], [0.5, 8.5], [0, 0], [48, 48]],
  ...[[2 ** 26, 2 ** 27], [2 ** 53 - 1, 0], [0, 2 ** 53], [-1], [-2, -3], [1e308, 1e308], [], [1, 1, 1, 1, 6], [NaN], ['2']],
  ...['F64', 'F32', 'F16', 'BF16', 'I8', 'U64', 'BOOL', 'F4', 'F8_E4M3', 'f32', 'toString'],
]; // oxfmt-ignore

fuzz<Buffer>({
  name: 'safetensors',
  rounds: 360,
  sources: () => SOURCES.map(({ header, data }) => fileOf(JSON.stringify(header), data)),
  damage: (source, rng) => {
    const damaged = damageSafetensors(source, rng, VALUES);
    return rng.int(8) ? damaged : damaged.subarray(0, rng.int(damaged.length));
  },
  load: async (bytes, folder) => {
    const file = join(folder, 'model.safetensors');
    writeFileSync(file, bytes);
    const { tensors } = await readSafetensors(file);
    for (const info of tensors.values()) {
      assert(info.offset >= 8 && info.offset + info.bytes <= bytes.length, info.name);
      const values = await readFloat32(info).catch(refused);
      if (values) assert.equal(values.length, elementCount(info.shape), info.name);
    }
  },
});

/** A type that weights do not have: said when the tensor is read. */
function refused(error: unknown): undefined {
  assert(error instanceof Error && error.name === 'HumanError', error as Error);
}
