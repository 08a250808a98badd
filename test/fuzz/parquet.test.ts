import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRows } from '../../runtime/data/rows.js';
import { InvalidRow } from '../../runtime/data/invalidRow.js';
import { formatOf, readContent } from '../../runtime/data/schemas.js';
import { damageBytes } from './damage.js';
import { fuzz } from './harness.js';

const DATA = join(import.meta.dirname, '..', 'fixtures', 'data');
/** A number that grows without end in the format's own integers: seven bits a byte, the last one below 128. */
const LARGE = [...[0x7f], ...[0xff, 0x7f], ...[0xff, 0xff, 0xff, 0xff, 0x0f], ...[0xfe, 0xff, 0xff, 0xff, 0x0f]];

fuzz<Buffer>({
  name: 'Parquet',
  rounds: 180,
  sources: () => ['plain', 'snappy', 'zstd', 'gzip'].map((name) => readFileSync(join(DATA, `${name}.parquet`))),
  damage: (source, rng) => {
    // The metadata is at the end.
    const footer = source.length < 12 ? 0 : source.length - 8 - source.readUInt32LE(source.length - 8);
    const kind = rng.int(4);
    if (kind === 0 || footer <= 0) return damageBytes(source, rng);
    const bytes = Buffer.from(source);
    for (let n = 1 + rng.int(3); n > 0; n--) {
      const at = kind === 1 ? footer + rng.int(bytes.length - footer) : rng.int(footer);
      const kindOfChange = rng.int(6);
      if (kindOfChange === 0) {
        const large = LARGE.slice(rng.int(LARGE.length));
        for (const [i, byte] of large.slice(0, 5).entries()) if (at + i < bytes.length - 8) bytes[at + i] = byte;
      } else if (kindOfChange === 1) bytes[at] = (bytes[at] ?? 0) | 0x80;
      else if (kindOfChange === 2) bytes.copyWithin(at, rng.int(bytes.length - 8), rng.int(bytes.length - 8));
      else bytes[at] = rng.int(256);
    }
    return bytes;
  },
  load: async (bytes, folder) => {
    const file = join(folder, 'rows.parquet');
    writeFileSync(file, bytes);
    let count = 0;
    for await (const row of readRows(file)) {
      assert.equal(row.row, count++);
      if ('reason' in row) continue;
      try {
        readContent(row.value, formatOf(row.value) ?? 'text');
      } catch (error) {
        if (!(error instanceof InvalidRow)) throw error;
      }
    }
  },
});
