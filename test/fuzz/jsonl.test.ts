import { ROWS, damagedRow, loadRows } from './rows.js';
import { fuzz } from './harness.js';

fuzz<Buffer>({
  name: 'JSONL row',
  rounds: 210,
  sources: () => ROWS.map((row) => Buffer.from(JSON.stringify(row))),
  damage: (source, rng) => {
    const rows = source.toString('latin1').split('\n');
    const row = damagedRow(rng, Buffer.from(rng.pick(rows), 'latin1').toString());
    // Now and then between good rows, which must not suffer.
    return rng.int(4) ? row : Buffer.concat([source, Buffer.from(rng.pick(['\n', '\r\n', '\n\n'])), row, Buffer.from('\n'), source]);
  },
  load: (bytes, folder) => loadRows(bytes, 'jsonl', folder),
}); // oxfmt-ignore
