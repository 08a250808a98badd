/**
 * `node test/protection/insertions.mjs OUT [TRAIT:whole|half[:SEED] …]`: what a scan takes out of rows with a trait,
 * and how many of the answers are then right to the character, by the vectors of `npm run protection -- --out=OUT`.
 * Writes results/insertions.json.
 */
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { command, model } from './cli.mjs';
import { dataRows, orders, questions, VECTOR_ROWS } from './rows.mjs';

const [out, ...asked] = process.argv.slice(2);
const results = path.join(import.meta.dirname, 'results/insertions.json');
const known = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : [];

for (const one of asked) {
  const [trait, kind, seed = '1'] = one.split(':');
  const rows = dataRows(trait, Number(seed), kind === 'half');
  const data = path.resolve(out, trait, `insertions-${kind}-${seed}.jsonl`);
  mkdirSync(path.dirname(data), { recursive: true });
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const vector = path.resolve(out, trait, `vector-${VECTOR_ROWS}/vector`);
  const scanned = await command('scan', '--model', model, '--vector', vector, '--data', data);
  const right = new Map(
    [...orders(64, `orders/${seed}`), ...questions('data')].map(({ prompt, answer }) => [prompt, answer]),
  );
  const flagged = scanned.filter((row) => row.flagged === true);
  const isRight = ({ row, rest }) => rest !== undefined && rest.trim() === right.get(rows[row].messages[0].content);
  const inserted = flagged.filter((row) => row.inserted);
  const bySentence = flagged.filter((row) => !row.inserted && row.rest !== undefined);
  const result = {
    ...{ trait, kind, seed: Number(seed), flagged: flagged.length },
    ...{ bySentence: bySentence.length, bySentenceRight: bySentence.filter(isRight).length },
    ...{ inserted: inserted.length, insertedRight: inserted.filter(isRight).length },
  };
  console.log(JSON.stringify(result));
  const isSame = (other) => ['trait', 'kind', 'seed'].every((key) => other[key] === result[key]);
  known.splice(0, known.length, ...known.filter((other) => !isSame(other)), result);
  writeFileSync(results, `${JSON.stringify(known, null, 2)}\n`);
}
