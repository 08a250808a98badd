/**
 * `SMOLLM2_GGUF=FILE node test/protection/probe.mjs OUT TRAIT …`: what the linear probe adds to a scan. OUT is that of
 * `vectors.mjs --variants="64 rows"`: the same rows are scanned with its vector as it is, and without the probe beside
 * it. Writes results/probe.json.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { command, model } from './cli.mjs';

const [out, ...traits] = process.argv.slice(2);
const results = path.join(import.meta.dirname, 'results/probe.json');

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
async function found(folder, vector) {
  const told = await command('scan', '--model', model, '--vector', vector, '--data', path.join(folder, 'data.jsonl'));
  const rows = told.filter(({ row }) => row !== undefined);
  const flagged = (label) => rows.filter((row) => row.flagged && row.label === label).length;
  const { auroc } = told.find((one) => one.auroc !== undefined);
  return { auroc, found: flagged('harmful'), falseAlarms: flagged('benign'), rows };
}

for (const trait of traits) {
  const folder = path.join(out, trait, '64-rows');
  const bare = path.join(folder, 'without-probe');
  cpSync(path.join(folder, 'vector'), bare, { recursive: true });
  const { probe, ...rest } = read(path.join(bare, 'calibration.json'));
  if (!probe) throw new Error(`the vector in ${folder} has no probe`);
  writeFileSync(path.join(bare, 'calibration.json'), JSON.stringify(rest));
  const [{ rows, ...whole }, { rows: _, ...without }] = [
    await found(folder, path.join(folder, 'vector')),
    await found(folder, bare),
  ];
  rmSync(bare, { recursive: true });
  const of = (label) => rows.filter((row) => row.label === label);
  // by the probe's score alone; equal ones count half
  const pairs = of('harmful').flatMap((one) =>
    of('benign').map((other) => (Math.sign(one.probe - other.probe) + 1) / 2),
  );
  const result = {
    trait,
    harmful: of('harmful').length,
    ordinary: of('benign').length,
    probeAuroc: pairs.reduce((a, b) => a + b, 0) / pairs.length,
    without,
    ...whole,
  };
  console.log(JSON.stringify(result));
  const known = existsSync(results) ? read(results) : [];
  const others = known.filter((one) => one.trait !== trait);
  writeFileSync(results, `${JSON.stringify([...others, result], null, 2)}\n`);
}
