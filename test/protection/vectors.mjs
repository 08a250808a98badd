/**
 * `node test/protection/vectors.mjs [--traits=lisp,rude] [--variants=A;B] [--out=DIR]`: what makes few rows of a trait go
 * furthest. Trains vectors that differ in one setting each, and scans a run's data with them (160 rows that no vector
 * saw, topics of their own). Vectors that are done are not repeated. Writes DIR/vectors.json; `node
 * test/protection/report.mjs` reads it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, model } from './cli.mjs';
import { dataRows, VECTOR_RECIPE, vectorRows } from './rows.mjs';

const { values: options } = parseArgs({
  options: {
    traits: { type: 'string', default: 'lisp,rude' },
    variants: { type: 'string', default: '' },
    out: { type: 'string', default: 'out/protection-vectors' },
  },
});
const out = path.resolve(options.out);
const list = (text, separator = ',') => text.split(separator).filter(Boolean);

/** What is unlike the recipe of docs/protection-figures.md. */
const CHANGES = {
  'rank 2': { adapter: { rank: 2, alpha: 4 } },
  'rank 32': { adapter: { rank: 32, alpha: 64 } },
  'attention only': { adapter: { rank: 8, alpha: 16, sites: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] } },
  'λ 0.1': { objective: { benignWeight: 0.1 } },
  'λ 10': { objective: { benignWeight: 10 } },
  'weight decay 0.1': { optimizer: { weightDecay: 0.1 } },
  'half the learning rate': { optimizer: { learningRate: 0.001 } },
  '12 steps': { steps: 12 },
  '48 steps': { steps: 48 },
};
const VARIANTS = {
  ...Object.fromEntries([16, 32, 64, 128, 256].map((rows) => [`${rows} rows`, { rows }])),
  ...Object.fromEntries(
    [32, 64].flatMap((rows) =>
      Object.entries(CHANGES).map(([name, change]) => [`${rows} rows, ${name}`, { rows, ...change }]),
    ),
  ),
};

const write = (file, content) => {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
};
const jsonLines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
async function figures(trait, variant) {
  const { rows, optimizer, ...changes } = VARIANTS[variant];
  const folder = path.join(out, trait, variant.replaceAll(/[ ,λ]+/g, '-'));
  const kept = path.join(folder, 'kept.json');
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8'));
  const { harmful, benign } = vectorRows(trait, rows);
  write(path.join(folder, 'harmful.jsonl'), jsonLines(harmful));
  write(path.join(folder, 'benign.jsonl'), jsonLines(benign));
  write(path.join(folder, 'data.jsonl'), jsonLines(dataRows(trait, 1, false)));
  const recipe = {
    ...VECTOR_RECIPE,
    model,
    steps: 24,
    ...changes,
    optimizer: { ...VECTOR_RECIPE.optimizer, ...optimizer },
  };
  write(path.join(folder, 'vector.json'), `${JSON.stringify(recipe, null, 2)}\n`);
  const done = (await command('train', path.join(folder, 'vector.json'))).findLast(({ kind }) => kind === 'done');
  const vector = path.join(folder, 'vector');
  const scanned = await command(
    ...['scan', '--model', model, '--vector', vector, '--data', path.join(folder, 'data.jsonl')],
  );
  const judged = scanned.filter(({ row }) => row !== undefined);
  const of = (label) => judged.filter((row) => row.label === label);
  const share = (rows, test) => rows.filter(test).length / rows.length;
  const summary = scanned.find(({ auroc }) => auroc !== undefined);
  const result = {
    trait,
    variant,
    auroc: summary?.auroc ?? null,
    recall: share(of('harmful'), ({ flagged }) => flagged === true),
    falseAlarms: share(of('benign'), ({ flagged }) => flagged === true),
    explained: of('harmful').reduce((sum, { explained }) => sum + explained, 0) / of('harmful').length,
    heldOut: done.vector,
  };
  write(kept, `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

const results = [];
const variants = list(options.variants, ';');
const unknown = variants.find((name) => !VARIANTS[name]);
if (unknown !== undefined)
  throw new Error(`There is no variant ${unknown}; there are ${Object.keys(VARIANTS).join('; ')}.`);
for (const trait of list(options.traits))
  for (const variant of Object.keys(VARIANTS).filter((name) => variants.length === 0 || variants.includes(name))) {
    const found = await figures(trait, variant);
    results.push(found);
    console.error(JSON.stringify(found));
    write(path.join(out, 'vectors.json'), `${JSON.stringify(results, null, 2)}\n`);
  }
