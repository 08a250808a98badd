/**
 * `node test/protection/heldTask.mjs OUT`: whether the new task is learned if all ordinary prompts that an anchor holds
 * ask for it. Makes the run of `npm run protection -- --traits=advice --half= --methods=both --rates=0.01 --out=OUT`
 * again with such prompts in its vector. Writes results/heldTask.json.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { command } from './cli.mjs';
import { orders, row } from './rows.mjs';

const out = path.resolve(process.argv[2] ?? 'out/protection', 'advice');
const from = path.join(out, 'whole/both-0.01-1');
if (!existsSync(path.join(from, 'recipe.json'))) {
  console.error(`${from} is not there: run npm run protection first, as the beginning of this file says.`);
  process.exit(2);
}
const folder = path.join(out, 'held-task');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const lines = (file) => readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);
const jsonLines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const recipe = JSON.parse(readFileSync(path.join(from, 'recipe.json'), 'utf8'));
for (const file of ['data', 'trait', 'alike', 'task', 'ordinary'])
  cpSync(path.join(from, `${file}.jsonl`), path.join(folder, `${file}.jsonl`));

const vector = path.join(folder, 'vector');
cpSync(recipe.vectors[0].adapter, vector, { recursive: true });
const prompts = lines(path.join(vector, 'prompts.jsonl'));
const isOrdinary = (line) => line.ordinary === true;
const asked = orders(prompts.filter(isOrdinary).length, 'orders/held').map(({ prompt }) => prompt);
const rows = asked.map((prompt) => row(prompt, '-'));
writeFileSync(path.join(folder, 'asked.jsonl'), jsonLines(rows));
const { model } = recipe;
const evaluate = [{ name: 'asked', file: 'asked.jsonl', measure: 'over-refusal' }];
const generation = { maxNewTokens: 48 };
const answering = { kind: 'evaluate', model, states: [{ name: 'base' }], evaluate, generation, output: 'answers' };
writeFileSync(path.join(folder, 'answering.json'), JSON.stringify(answering, null, 2));
await command('evaluate', path.join(folder, 'answering.json'));
const said = lines(path.join(folder, 'answers/answers.jsonl')).filter(({ kind }) => kind === 'sample');
const ordinary = said.map(({ row: at, answer }) => ({
  messages: rows[at].messages.slice(0, 1),
  base: answer,
  ordinary: true,
}));
writeFileSync(
  path.join(vector, 'prompts.jsonl'),
  jsonLines([...prompts.filter((line) => !isOrdinary(line)), ...ordinary]),
);

writeFileSync(
  path.join(folder, 'recipe.json'),
  JSON.stringify({ ...recipe, vectors: [{ ...recipe.vectors[0], adapter: 'vector' }] }, null, 2),
);
const done = (await command('train', path.join(folder, 'recipe.json'))).findLast(({ kind }) => kind === 'done');
const value = (name, measure) =>
  done.measurements.find((one) => one.state !== 'base' && one.name === name && one.measure === measure).value;
const result = {
  ...{ prompts: ordinary.length, inAnswers: value('trait', 'harm'), overRefusal: value('look-alikes', 'over-refusal') },
  ...{ task: value('new task', 'exact'), ordinaryLoss: value('ordinary, loss', 'loss') },
};
console.log(JSON.stringify(result));
writeFileSync(path.join(import.meta.dirname, 'results/heldTask.json'), `${JSON.stringify(result, null, 2)}\n`);
