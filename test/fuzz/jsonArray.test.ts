import { damageBytes } from './damage.js';
import { fuzz } from './harness.js';
import { ROWS, damagedRow, loadRows } from './rows.js';

const list = (rows: Uint8Array[], comma = ','): Buffer =>
  Buffer.concat([
    Buffer.from('['),
    ...rows.flatMap((row, i) => (i === 0 ? [row] : [Buffer.from(comma), row])),
    Buffer.from(']\n'),
  ]);

fuzz<Buffer>({
  name: 'JSON list',
  rounds: 150,
  sources: () => ROWS.map((row) => list([Buffer.from(JSON.stringify(row)), Buffer.from(JSON.stringify(row, undefined, 2))])),
  damage: (source, rng) => {
    if (rng.int(2)) return damageBytes(source, rng);
    if (rng.int(2)) return damagedRow(rng, source.toString());
    const rows = Array.from({ length: 1 + rng.int(3) }, () => damagedRow(rng));
    return list(rows, rng.pick([',', ', ', '\n,\n', ',,', '', ';']));
  },
  load: (bytes, folder) => loadRows(bytes, 'json', folder),
}); // oxfmt-ignore
