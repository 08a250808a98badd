import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GgufValue } from '../../runtime/models/gguf/file/gguf.js';
import { planConversion } from '../../runtime/models/gguf/convert.js';
import type { Random } from '../../runtime/support/random.js';
import { damageBytes } from './damage.js';
import { bytesOf, partsOf } from './ggufBytes.js';
import { fuzz } from './harness.js';

const FAMILIES = join(import.meta.dirname, '..', 'fixtures', 'gguf', 'families');
const FILES = readdirSync(FAMILIES).map((name) => join(FAMILIES, name));
const VALUES: readonly GgufValue[] = [
  ...[0, 1, 2, 3, 64, 2 ** 24, 2 ** 31, 2 ** 32, 2 ** 53, 2n ** 60n, 2n ** 64n - 1n, -1, 0.5, NaN, Infinity, 1e308, true, false],
  ...['', 'llama', 'gpt2', 'default', 'x'.repeat(5000), '__proto__', [], [0], ['a'], [[1]], ['a', 'a'], [1e308], Array<number>(64).fill(0)],
]; // oxfmt-ignore

fuzz<Buffer>({
  name: 'GGUF model',
  rounds: 180,
  sources: () => FILES.map((file) => readFileSync(file)),
  damage: (source, rng) => damageParts(source, rng) ?? damageBytes(source, rng, 1500),
  load: async (bytes, folder) => {
    const file = join(folder, 'model.gguf');
    writeFileSync(file, bytes);
    const { config, tensors } = await planConversion(file);
    JSON.stringify(config);
    for (const tensor of tensors) {
      const data = tensor.data();
      let done = 0;
      for await (const piece of Symbol.asyncIterator in data ? data : [await data]) done += piece.byteLength;
      assert.equal(done, tensor.bytes, tensor.name);
    }
  },
});

function damageParts(source: Buffer, rng: Random): Buffer | undefined {
  const parts = rng.int(3) ? partsOf(source) : undefined;
  if (!parts || parts.metadata.length === 0) return undefined;
  for (let n = 1 + rng.int(3); n > 0; n--) {
    const at = rng.int(parts.metadata.length);
    const kind = rng.int(8);
    if (kind < 4) parts.metadata[at]![1] = rng.pick(VALUES);
    else if (kind === 4) parts.metadata.splice(at, 1);
    else if (kind === 5) parts.metadata.push([rng.pick(parts.metadata)[0] + rng.pick(['', 'x', '_kv']), rng.pick(VALUES)]);
    else {
      const tensor = rng.pick(parts.tensors);
      if (rng.int(2)) tensor.name = rng.int(2) ? rng.pick(parts.tensors).name : `blk.${rng.pick(['99999999999', '-1', '0', ''])}.attn_q.weight`;
      else tensor.shape.reverse();
    }
  }
  return bytesOf(parts);
} // oxfmt-ignore
