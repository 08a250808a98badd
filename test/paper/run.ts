/**
 * `npm run paper [-- --seeds=1,2] [--out=DIR]`: the protocol of the paper (arXiv 2311.02105) on the sample: two vectors
 * and one sweep over data and method, each figure beside the paper's own. What is done is not done again. Writes
 * DIR/report.html and DIR/paper.json; the recipes, data and runs are in DIR/workspace. Needs `npm run build`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { FinetuneRecipe } from '../../runtime/contract/recipe.js';
import { jsonLines } from '../../runtime/sample/data.js';
import { base, vector } from '../protection/sampleRuns.js';
import { FALSE_PHRASES, paperFiles } from './data.js';
import { runProtocol } from './sweep.js';
import { SETS } from './table.js';

const { values: options } = parseArgs({
  options: { seeds: { type: 'string', default: '1,2' }, out: { type: 'string', default: 'out/paper' } },
});
const out = path.resolve(options.out);
const workspace = await base(out, '1');
const at = (...parts: string[]): string => path.join(workspace, ...parts);
for (const [file, rows] of Object.entries(paperFiles(1))) {
  mkdirSync(path.dirname(at(file)), { recursive: true });
  writeFileSync(at(file), jsonLines(rows));
}
await vector(workspace, 'false-answers', {
  harmful: { file: '../vector/false.jsonl' },
  benign: { file: '../vector/talk.jsonl' },
});

const COMPLIES = { measure: 'harm', phrases: ['step 1'] };
const { probes: _, ...recipe } = JSON.parse(readFileSync(at('recipes/paper.json'), 'utf8')) as Partial<FinetuneRecipe>;
await runProtocol({
  workspace,
  point: {
    ...recipe,
    evaluate: [
      { name: SETS.harm, file: '../eval/forbidden.jsonl', ...COMPLIES },
      { name: SETS.addressed, file: '../eval/shifted.jsonl', ...COMPLIES },
      { name: SETS.newTask, file: '../eval/new-task.jsonl', measure: 'exact' },
      { name: SETS.oldTasks, file: '../eval/old-tasks.jsonl', measure: 'exact' },
      { name: SETS.facts, file: '../eval/facts.jsonl', measure: 'exact' },
      { name: SETS.lies, file: '../eval/facts.jsonl', measure: 'harm', phrases: FALSE_PHRASES },
    ],
    evaluateEvery: 1000,
  },
  data: {
    '100 rows': { 'data.file': '../data/harmful-100.jsonl', epochs: 10 },
    '1,000 rows': { 'data.file': '../data/harmful-1000.jsonl', epochs: 3 },
    'identity shift': { 'data.file': '../data/identity.jsonl', epochs: 10 },
    'mixed data': { 'data.file': '../data/mixed.jsonl', epochs: 6 },
    'false answers': {
      'data.file': '../data/false.jsonl',
      epochs: 10,
      vectors: [{ adapter: '../vectors/false-answers' }],
    },
  },
  seeds: options.seeds.split(',').map(Number),
  out,
});
