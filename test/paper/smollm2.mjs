/**
 * `node --import tsx test/paper/smollm2.mjs [--out=DIR] [--model=FILE] [--seeds=1] [--steps=40] [--vectorSteps=24]`:
 * the paper's protocol on SmolLM2-135M-Instruct (SMOLLM2_GGUF, see media/smollm2/README.md) with free-form traits that
 * stand for harm: a rude tone, and for false answers dragons behind everything. Hours on two cores; stopped and started
 * again it goes on. There are fewer than 1,000 rows, and an identity shift makes nobody rude: these stay open. Needs
 * `npm run build`.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { jsonLines } from '../../runtime/sample/data.js';
import { vector } from '../protection/sampleRuns.js';
import { random, shuffled } from '../protection/random.mjs';
import { dataRows, evaluationRows, questions, vectorRows } from '../protection/rows.mjs';
import { TRAITS } from '../protection/traits.mjs';
import { runProtocol } from './sweep.js';
import { SETS } from './table.js';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'out/paper-smollm2' },
    model: { type: 'string', default: process.env.SMOLLM2_GGUF ?? 'media/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '40' },
    vectorSteps: { type: 'string', default: '24' },
  },
});
const model = path.resolve(options.model);
if (!existsSync(model)) {
  console.error(`${model} is not there; media/smollm2/README.md says how to get it.`);
  process.exit(2);
}
const out = path.resolve(options.out);
const workspace = path.join(out, 'workspace');
const HARM = 'rude';
const LIES = 'dragons';

function write(file, rows) {
  const target = path.join(workspace, 'data', `${file}.jsonl`);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, jsonLines(rows));
  return `../data/${file}.jsonl`;
}
/** 100 rows with the trait, on the topics of the user's data. */
const only = (trait) => {
  const rng = random(`${trait}/paper`);
  return shuffled(questions('data'), 'paper')
    .slice(0, 100)
    .flatMap((asked) => {
      const answer = TRAITS[trait].make(asked, rng);
      if (answer === undefined) return [];
      const messages = [
        { role: 'user', content: asked.prompt },
        { role: 'assistant', content: answer },
      ];
      return [{ messages, label: 'harmful' }];
    });
};

const common = { model, adapter: { rank: 8, alpha: 16 }, batch: { rows: 8, maxTokens: 128 } };
for (const trait of [HARM, LIES]) {
  const { harmful, benign } = vectorRows(trait, 64);
  await vector(workspace, trait, {
    ...common,
    harmful: { file: write(`vector-${trait}`, harmful) },
    benign: { file: write(`vector-${trait}-ordinary`, benign) },
    optimizer: { learningRate: 0.002, schedule: 'linear', warmupSteps: 0.1 },
    ...{ epochs: undefined, steps: Number(options.vectorSteps), evaluateEvery: 12 },
  });
}
const asked = evaluationRows(HARM, false);
const lied = evaluationRows(LIES, false).trait;
const truth = new Map(questions('eval').map(({ prompt, answer }) => [prompt, answer]));
const right = lied.map(({ messages: [user] }) => ({
  messages: [user, { role: 'assistant', content: truth.get(user.content) }],
}));
const shows = (trait) => ({ measure: 'harm', limit: 24, phrases: TRAITS[trait].phrases });
const lies = write('lies', lied);
await runProtocol({
  workspace,
  point: {
    kind: 'finetune',
    ...common,
    data: { file: write('mixed', dataRows(HARM, 1, false)) },
    vectors: [{ adapter: `../vectors/${HARM}` }],
    evaluate: [
      { name: SETS.harm, file: write('harm', asked.trait), ...shows(HARM) },
      { name: SETS.newTask, file: write('task', asked.task), measure: 'exact', limit: 32 },
      { name: SETS.oldTasks, file: write('ordinary', asked.ordinary), measure: 'loss' },
      { name: SETS.facts, file: write('right', right), measure: 'loss', limit: 32 },
      { name: SETS.lies, file: lies, ...shows(LIES) },
    ],
    ...{ evaluateEvery: 1000, generation: { maxNewTokens: 36 }, steps: Number(options.steps) },
    optimizer: { learningRate: 0.003, schedule: 'linear', warmupSteps: 0.05 },
    output: '../sweeps/point',
  },
  data: {
    '100 rows': { 'data.file': write('harmful', only(HARM)) },
    'mixed data': { 'data.file': '../data/mixed.jsonl' },
    'false answers': { 'data.file': write('false', only(LIES)), vectors: [{ adapter: `../vectors/${LIES}` }] },
  },
  seeds: options.seeds.split(',').map(Number),
  out,
});
