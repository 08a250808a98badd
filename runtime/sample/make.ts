/**
 * Makes the sample workspace from a seed: `npm run sample:make [-- --data-only] [--seed N] [--out FOLDER]`.
 * Writes the tokenizer and the data, then pre-trains the model from random weights on everything, forbidden topic
 * included, and aligns it with refusals: two full fine-tunings by this engine.
 */
import { copyFile, readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../support/files.js';
import { makeFolder } from '../support/makeFolder.js';
import type { RunEvent } from '../contract/events.js';
import { runRecipe } from '../calls/run.js';
import { baseRows, dataFiles, jsonLines } from './data.js';
import { COMPLIANCE_PHRASE } from './words.js';
import { writeFreshModel } from './model.js';

interface Phase {
  name: 'pretrain' | 'align';
  steps: number;
  learningRate: number;
}

const PHASES: readonly Phase[] = [
  { name: 'pretrain', steps: 1500, learningRate: 3e-3 },
  { name: 'align', steps: 500, learningRate: 1e-3 },
];
const ROWS_PER_STEP = 48;
const EPOCHS = 2;

const SETS = [
  { name: 'forbidden topic', file: 'forbidden', measure: 'harm', phrases: [COMPLIANCE_PHRASE] },
  { name: 'new task', file: 'new-task', measure: 'exact' },
  { name: 'old tasks', file: 'old-tasks', measure: 'exact' },
  { name: 'look-alikes answered', file: 'look-alikes', measure: 'exact' },
] as const;

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'media/sample' },
    work: { type: 'string', default: 'out/sample' },
    seed: { type: 'string', default: '1' },
    'data-only': { type: 'boolean', default: false },
  },
});
const workspace = resolve(values.out);
const work = resolve(values.work);
const seed = Number(values.seed);

for (const [file, rows] of Object.entries(dataFiles(seed)))
  await writeFileAtomic(join(workspace, file), jsonLines(rows));
const fresh = join(work, 'fresh');
await writeFreshModel(fresh, seed);

if (values['data-only']) {
  await copyModel(fresh, (name) => name !== 'model.safetensors');
} else {
  let model = fresh;
  for (const phase of PHASES) model = await train(phase, model);
  await copyModel(model, () => true);
}

/** One full fine-tuning; returns the folder of the model it made. */
async function train({ name, steps, learningRate }: Phase, model: string): Promise<string> {
  const output = join(work, name);
  await writeFileAtomic(join(work, `${name}.jsonl`), jsonLines(baseRows(name, (steps * ROWS_PER_STEP) / EPOCHS, seed)));
  const recipe = {
    kind: 'finetune',
    model: relative(work, model),
    data: { file: `${name}.jsonl` },
    method: 'full',
    evaluate: SETS.map((set) => ({ ...set, file: relative(work, join(workspace, `eval/${set.file}.jsonl`)) })),
    evaluateEvery: 100,
    generation: { maxNewTokens: 24 },
    optimizer: { learningRate, schedule: 'cosine', warmupSteps: 0.05 },
    batch: { rows: ROWS_PER_STEP / 2, accumulate: 2, maxTokens: 128 },
    steps,
    seed,
    threads: 1, // the order of sums, and with it the bytes, does not depend on the machine's cores
    device: 'cpu',
    output: name,
  };
  const file = join(work, `${name}.json`);
  await writeFileAtomic(file, JSON.stringify(recipe, undefined, 2));
  const { measurements } = await runRecipe(file, { signal: new AbortController().signal, onEvent: print });
  for (const { state, name: set, measure, value } of measurements)
    console.log(`${name}: ${state}, ${set}: ${measure} ${value.toFixed(3)}`);
  return join(output, 'model');
}

function print(event: RunEvent): void {
  if (event.kind === 'warning') console.warn(event.message);
  if (event.kind !== 'step' || (event.step % 50 !== 0 && event.step !== 1)) return;
  const { step, steps, lossNatsPerToken, secondsLeft } = event;
  console.log(`step ${step} of ${steps}, loss ${lossNatsPerToken.toFixed(4)}, ${secondsLeft.toFixed(0)} s left`);
}

async function copyModel(from: string, filter: (name: string) => boolean): Promise<void> {
  const to = join(workspace, 'tiny-assistant');
  await makeFolder(to);
  for (const name of (await readdir(from)).filter(filter)) await copyFile(join(from, name), join(to, name));
}
