import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HumanError } from '../../runtime/support/errors.js';
import { readGguf, readGgufTensor } from '../../runtime/models/gguf/file/gguf.js';
import { elementCount } from '../../runtime/models/weights/safetensors.js';
import { damageBytes } from './damage.js';
import { bytesOf, partsOf } from './ggufBytes.js';
import { fuzz } from './harness.js';

const QUANTS = join(import.meta.dirname, '..', 'fixtures', 'gguf', 'quants.gguf');
const SIZES = [0, 1, 2, 31, 32, 256, 2 ** 31, 2 ** 32, 2n ** 53n, 2n ** 60n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n];

/** Bytes: the first 2080 are the header. Structure: counts, shapes, types and offsets that do not fit together. */
fuzz<Buffer>({
  name: 'GGUF',
  rounds: 240,
  sources: () => [readFileSync(QUANTS)],
  damage: (source, rng) => {
    const parts = rng.int(2) ? partsOf(source) : undefined;
    if (!parts) return damageBytes(source, rng, 2080);
    const tensor = rng.pick(parts.tensors);
    const kind = rng.int(8);
    if (kind === 0) tensor.shape[rng.int(tensor.shape.length)] = rng.pick(SIZES);
    else if (kind === 1) tensor.shape = Array.from({ length: rng.int(6) }, () => rng.pick(SIZES));
    else if (kind === 2) tensor.offset = rng.int(2) ? rng.pick(SIZES) : rng.int(parts.data.length);
    else if (kind === 3) tensor.type = rng.int(3) ? rng.int(45) : rng.pick([255, 2 ** 31, 2 ** 32 - 1]);
    else if (kind === 4) parts.data = parts.data.subarray(0, rng.int(parts.data.length));
    else if (kind === 5) parts.metadata.push(['general.alignment', rng.pick([0, 8, 64, 2 ** 16, 2 ** 20, -32, 1.5, 'x', true])]);
    else if (kind === 6) parts.tensors.push(rng.pick(parts.tensors));
    const lies = rng.int(6) === 0 ? { [rng.pick(['tensors', 'entries'])]: BigInt(rng.pick(SIZES)) } : {};
    return bytesOf(parts, lies);
  },
  load: async (bytes, folder) => {
    const file = join(folder, 'model.gguf');
    writeFileSync(file, bytes);
    const gguf = readGguf(file);
    for (const tensor of gguf.tensors.values()) {
      assert(tensor.offset + tensor.bytes <= bytes.length, tensor.name);
      try {
        assert.equal((await readGgufTensor(gguf, tensor)).length, elementCount(tensor.shape));
      } catch (error) {
        // A type that is listed but not read.
        if (!(error instanceof HumanError)) throw error;
      }
    }
  },
}); // oxfmt-ignore
