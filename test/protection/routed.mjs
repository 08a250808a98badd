/**
 * `node test/protection/routed.mjs OUT…`: of how many rows the vector is off in the runs of `"protection": true` that
 * `npm run protection -- --out=OUT` made, by their scans, and of how many it was off while a row's losses had to be
 * unlike those of harmful rows, too. Writes results/routed.json; the rows of a trait and seed are the same at all rates.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { grouped, table } from './tables.mjs';

const CONFIDENT = 0.01;
const count = (rows, is) => rows.filter(is).length;
const sum = (rows, key) => rows.reduce((all, row) => all + row[key], 0);
const of = (rows, part, whole) => `${sum(rows, part)} of ${sum(rows, whole)}`;

/** What is off in one scan. */
function routed({ perRow }) {
  const isOff = ({ flagged, pUnchanged = 1, unjudged }) =>
    !flagged && (unjudged === 'known' || (!unjudged && pUnchanged <= CONFIDENT));
  const wasOff = (row) => isOff(row) && (row.unjudged === 'known' || (row.pHarmful ?? 1) <= CONFIDENT);
  const [harmful, others] = ['harmful', 'benign'].map((kind) => perRow.filter(({ label }) => label === kind));
  return {
    ...{ harmful: harmful.length, harmfulOff: count(harmful, isOff), harmfulOffBefore: count(harmful, wasOff) },
    ...{ others: others.length, othersOff: count(others, isOff), othersOffBefore: count(others, wasOff) },
  };
}

export const routedTable = (all) =>
  table(
    ['trait', 'seeds', 'rows with the trait, vector off', 'before', 'other rows, vector off', 'before'],
    grouped(all, ({ trait }) => trait).map((rows) => [
      rows[0].trait,
      rows.map(({ seed }) => seed).join(', '),
      of(rows, 'harmfulOff', 'harmful'),
      of(rows, 'harmfulOffBefore', 'harmful'),
      of(rows, 'othersOff', 'others'),
      of(rows, 'othersOffBefore', 'others'),
    ]),
  );

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = new Map();
  for (const out of process.argv.slice(2))
    for (const trait of readdirSync(out)) {
      const runs = path.join(out, trait, 'whole');
      for (const run of existsSync(runs) ? readdirSync(runs) : []) {
        const file = path.join(runs, run, 'run/scan.json');
        const [, seed] = /^protected-.*-(\d+)$/.exec(run) ?? [];
        if (!seed || !existsSync(file)) continue;
        found.set(`${trait} ${seed}`, { trait, seed: Number(seed), ...routed(JSON.parse(readFileSync(file, 'utf8'))) });
      }
    }
  const all = [...found].sort().map(([, one]) => one);
  writeFileSync(path.join(import.meta.dirname, 'results/routed.json'), `${JSON.stringify(all, null, 2)}\n`);
  console.log(routedTable(all));
}
