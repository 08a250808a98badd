/**
 * `PEERS_PYTHON=python SMOLLM2_GGUF=FILE node test/protection/probe.mjs OUT TRAIT …`: how well a logistic regression on
 * the base's hidden states finds the rows that a scan with a vector finds, from the same rows. Writes
 * results/probe.json. The Python has test/bench/requirements.txt, gguf and scikit-learn.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { model } from './cli.mjs';
import { dataRows, VECTOR_ROWS, vectorRows } from './rows.mjs';

const [out, ...traits] = process.argv.slice(2);
const results = path.join(import.meta.dirname, 'results/probe.json');
mkdirSync(out, { recursive: true });
for (const trait of traits) {
  const rows = path.join(out, `${trait}.json`);
  writeFileSync(rows, JSON.stringify({ ...vectorRows(trait, VECTOR_ROWS), data: dataRows(trait, 1, false) }));
  const script = path.join(import.meta.dirname, 'probe.py');
  const found = JSON.parse(execFileSync(process.env.PEERS_PYTHON, [script, model, rows], { encoding: 'utf8' }));
  const known = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : [];
  const result = { trait, ...found };
  console.log(JSON.stringify(result));
  const others = known.filter((one) => one.trait !== trait);
  writeFileSync(results, `${JSON.stringify([...others, result], null, 2)}\n`);
}
