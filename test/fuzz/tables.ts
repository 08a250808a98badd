/** Rows as tables with one separator or another. */
import { damageText } from './damage.js';
import type { Kind } from './judge.js';
import { ROWS, damagedRow, loadRows } from './rows.js';

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
const cellOf = (value: unknown): string => quoted(typeof value === 'string' ? value : JSON.stringify(value));

const WORDS = [
  ...['"', '""', '"""', ',', ';', '\t', '\n', '\r', '\r\n', '\0', '\ufeff', ' ', 'text', 'label', 'messages', 'prompt', '__proto__', '[', '{', 'é', '🙂', '\ud800'],
  ...['"'.repeat(999), ','.repeat(999), '\n'.repeat(999), 'x'.repeat(3000), '"\n"\n', 'prompt,prompt\n', `"${'[['.repeat(2000)}"`],
]; // oxfmt-ignore

export function tables(name: string, extension: string, separator: string): Kind<Buffer> {
  const table = (row: object): string => {
    const cells = Object.values(row).map(cellOf).join(separator);
    return `${Object.keys(row).join(separator)}\r\n${cells}\r\n${cells}\r\n`;
  };
  return {
    name,
    rounds: 100,
    sources: () =>
      ROWS.filter((row) => !('prompt' in row && Array.isArray(row.prompt))).map((row) => Buffer.from(table(row))),
    damage: (source, rng) => {
      const text = source.toString();
      if (rng.int(3)) return Buffer.from(damageText(text, rng, WORDS));
      // A damaged JSON cell.
      const cell = quoted(damagedRow(rng).toString());
      const header = rng.pick(['messages', 'conversations', 'input_ids', 'text', `prompt${separator}completion`]);
      return Buffer.from(`${header}\n${cell}\n${text.slice(rng.int(text.length))}`);
    },
    load: (bytes, folder) => loadRows(bytes, extension, folder),
  };
}
