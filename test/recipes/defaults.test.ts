/**
 * Training settings that the wizards write: from the model, the data and the memory; and what they do on the sample.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { reviewFile, reviewText } from '../../runtime/contract/review.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import { suggestTraining } from '../../runtime/calls/defaults.js';
import { calls } from '../../runtime/calls/calls.js';
import { silent } from '../support/silent.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { trainingDefaults, type TrainingFacts } from '../../runtime/recipes/reading/defaults.js';
import { fineTuneRecipe, vectorRecipe } from '../../extension/commands/recipeFiles.js';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sampleWorkspace, type Workspace } from '../calls/support.js';

/** The sizes of SmolLM2-135M. */
const spec = decoderSpec({
  ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], hidden_size: 576, intermediate_size: 1536 },
  ...{ num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3, vocab_size: 49_152 },
  ...{ max_position_embeddings: 8192, rms_norm_eps: 1e-5, tie_word_embeddings: true, hidden_act: 'silu' },
});
const GB = 2 ** 30;
const facts = (change: Partial<TrainingFacts> = {}): TrainingFacts => ({
  ...{ rows: 128, longest: 80, parameters: 135e6, spec, method: 'lora', memoryBytes: 16 * GB },
  ...change,
});
const steps = (f: TrainingFacts): number => {
  const { batch, epochs } = trainingDefaults(f);
  return Math.ceil(f.rows / (batch.rows * (batch.accumulate ?? 1))) * epochs;
};

test('few rows are seen several times in small batches, many rows once in large ones', () => {
  assert.deepEqual(trainingDefaults(facts()), {
    batch: { rows: 8, maxTokens: 96 },
    epochs: 5,
    learningRate: 2e-3,
  });
  assert.deepEqual(trainingDefaults(facts({ rows: 59_861 })).epochs, 1);
  assert.equal(trainingDefaults(facts({ rows: 59_861 })).batch.rows, 16);
  for (const rows of [1, 5, 20, 100, 500, 571, 2000, 10_000, 1e6]) {
    const { batch, epochs, learningRate } = trainingDefaults(facts({ rows }));
    assert.ok(batch.rows >= 1 && batch.rows <= 16 && Number.isInteger(batch.rows), String(rows));
    assert.ok(epochs >= 1 && epochs <= 5 && learningRate > 0, String(rows));
    if (rows >= 500) assert.ok(steps(facts({ rows })) >= 100, `${rows}: ${steps(facts({ rows }))}`);
  }
});

test('rows of an anchor come to each step: of few rows more are taken together, and each is seen as often', () => {
  const [alone, anchored] = [false, true].map((anchored) => trainingDefaults(facts({ rows: 80, anchored })));
  assert.deepEqual([alone!.batch.rows, anchored!.batch.rows], [4, 8]);
  assert.equal(alone!.epochs, anchored!.epochs);
  assert.deepEqual(trainingDefaults(facts({ rows: 571, anchored: true })), trainingDefaults(facts({ rows: 571 })));
});

test('the longest row fits, and the context is the end of it', () => {
  for (const longest of [1, 31, 64, 500, 8000, 20_000]) {
    const { maxTokens } = trainingDefaults(facts({ longest, memoryBytes: 1000 * GB })).batch;
    assert.ok(maxTokens >= Math.min(longest, 8192) && maxTokens <= 8192, `${longest}: ${maxTokens}`);
  }
});

test('little memory takes fewer rows at once, with as many to a step', () => {
  const much = trainingDefaults(facts({ rows: 5000, longest: 400 }));
  const little = trainingDefaults(facts({ rows: 5000, longest: 400, memoryBytes: 4 * GB }));
  assert.ok(little.batch.rows < much.batch.rows, JSON.stringify(little));
  const perStep = ({ batch }: typeof much): number => batch.rows * (batch.accumulate ?? 1);
  assert.equal(perStep(little), perStep(much));
  assert.equal(little.epochs, much.epochs);
  const none = trainingDefaults(facts({ memoryBytes: 0.1 * GB }));
  assert.deepEqual([none.batch.rows, none.batch.maxTokens], [1, 96], 'no row is left out for its length');
});

/** The sizes of Llama 3 8B. */
const large = decoderSpec({
  ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], hidden_size: 4096, intermediate_size: 14_336 },
  ...{ num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 8, vocab_size: 128_256 },
  ...{ max_position_embeddings: 131_072, rms_norm_eps: 1e-5, tie_word_embeddings: false, hidden_act: 'silu' },
});

test('frozen weights take none of the memory: a model that is larger keeps its rows', () => {
  const of = (method: TrainingFacts['method'], memoryBytes: number) =>
    trainingDefaults(facts({ parameters: 8e9, spec: large, method, memoryBytes })).batch;
  for (const method of ['lora', 'vector'] as const)
    for (const memoryBytes of [15.4e9, 30.9e9])
      assert.ok(of(method, memoryBytes).rows >= 4 && of(method, memoryBytes).maxTokens === 96, `${memoryBytes}`);
  assert.deepEqual(of('full', 15.4e9), { rows: 1, accumulate: 8, maxTokens: 96 }, 'whether it fits, the estimate says');
});

test('larger models take smaller steps, whole models smaller ones still', () => {
  const rate = (parameters: number, method: 'lora' | 'full') =>
    trainingDefaults(facts({ parameters, method })).learningRate;
  for (const method of ['lora', 'full'] as const) {
    const rates = [0.7e6, 135e6, 1e9, 7e9].map((parameters) => rate(parameters, method));
    assert.deepEqual(
      rates,
      [...rates].sort((a, b) => b - a),
    );
    assert.equal(new Set(rates).size, 4);
  }
  assert.ok(rate(135e6, 'full') < rate(135e6, 'lora'));
});

test('a vector sees its few rows more often, takes smaller steps, and has ordinary rows beside them in memory', () => {
  const vector = (change: Partial<TrainingFacts> = {}) =>
    trainingDefaults(facts({ rows: 100, method: 'vector', ...change }));
  assert.deepEqual(vector(), { batch: { rows: 4, maxTokens: 96 }, epochs: 10, learningRate: 1e-3 });
  assert.ok(vector({ rows: 1000 }).epochs < vector().epochs);
  assert.ok(vector({ parameters: 7e9, memoryBytes: 80 * GB }).learningRate < vector().learningRate);
  const tight = { rows: 5000, longest: 400, memoryBytes: 8 * GB };
  const [alone, beside] = [vector(tight), vector({ ...tight, files: 2 })];
  assert.equal(beside.batch.rows, alone.batch.rows / 2);
  assert.equal(beside.batch.rows * beside.batch.accumulate!, alone.batch.rows * (alone.batch.accumulate ?? 1));
});

let workspace: Workspace;
before(async () => void (workspace = await sampleWorkspace()));
after(() => workspace.remove());
test('on the sample, the recipe of the wizard learns the new task', async () => {
  const model = workspace.file('tiny-assistant');
  const data = workspace.file('data/train.jsonl');
  const training = await suggestTraining({ model, data: [{ file: data }], method: 'lora' }, silent);
  assert.ok(training.batch.maxTokens < 128, 'from the rows, and not the default');
  const file = workspace.file('recipes/wizard.json');
  const set = { name: 'new task', file: workspace.file('eval/new-task.jsonl'), measure: 'exact' as const };
  const recipe = fineTuneRecipe(
    {
      ...{
        model,
        data: { file: data },
        method: 'lora',
        vectors: [],
        strengthened: false,
        evaluate: [{ ...set, raw: { limit: 48 } }],
      },
      ...{ training, generation: { maxNewTokens: 24 }, device: 'cpu', threads: 0 },
      output: workspace.file('adapters/wizard'),
    },
    file,
  );
  await writeFile(file, JSON.stringify(recipe));
  const { measurements } = await calls.run({ recipe: file }, silent);
  const value = (state: string) => measurements.find((m) => m.state === state)!.value;
  assert.ok(value('base') < 0.1 && value('plain') > 0.7, JSON.stringify(measurements));
});

test('of a large file the longest row counts wherever it stands, and a file is read once as long as it is the same', async () => {
  const model = workspace.file('tiny-assistant');
  const row = (i: number) => `${JSON.stringify({ prompt: `buy ${i % 9} lamps .`, completion: 'order : lamps' })}\n`;
  const long = `${JSON.stringify({ prompt: 'buy lamps .', completion: 'lamps '.repeat(60) })}\n`;
  const file = workspace.file('data/many.jsonl');
  await writeFile(file, `${Array.from({ length: 30_000 }, (_, i) => row(i)).join('')}${long}`);
  // What was changed only now may be changed again with the same time.
  const files = (await readdir(model)).map((name) => join(model, name));
  for (const each of [file, ...files]) await utimes(each, 1e9, 1e9);
  const shares: number[] = [];
  const reporter = { ...silent, onProgress: (_: string, share?: number) => void shares.push(share ?? 0) };
  const suggest = (limit?: number) => suggestTraining({ model, data: [{ file, limit }], method: 'lora' }, reporter);
  const all = await suggest();
  assert.equal(Math.max(...shares), 1, 'it is read to its end');
  assert.deepEqual([all.batch.maxTokens, all.epochs], [96, 1]);
  shares.length = 0;
  assert.deepEqual(await suggest(), all);
  assert.deepEqual(shares, [], 'it is not read again');
  const few = await suggest(64);
  assert.deepEqual([few.batch.rows, few.batch.maxTokens], [4, 32], 'of 64 rows');
  await writeFile(file, row(1) + long);
  assert.ok((await suggest()).batch.maxTokens > 64, 'another file');
  assert.equal((await suggest(1)).batch.maxTokens, 32, 'only the rows that are used count');
  await writeFile(file, '{"no": "row"}\n');
  await assert.rejects(suggest(), /its only row cannot be used/);
});

test('rows that a review excludes do not count, where the review does', async () => {
  const rows = [40, 1].map((count) => ({ prompt: 'buy lamps .', completion: 'lamps '.repeat(count) }));
  const file = workspace.file('data/reviewed.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await writeFile(reviewFile(file), reviewText(new Map([[rowHash(rows[0]!), 'exclude']])));
  const longest = async (exclude?: 'reviewed'): Promise<number> => {
    const data = [{ file, exclude }];
    const model = workspace.file('tiny-assistant');
    return (await suggestTraining({ model, data, method: 'lora' }, silent)).batch.maxTokens;
  };
  assert.ok((await longest()) > 40);
  assert.equal(await longest('reviewed'), 32);
});

test('a fine-tuning with a vector has room for the longest of its rows', async () => {
  const model = workspace.file('tiny-assistant');
  const data = [{ file: workspace.file('data/train.jsonl') }];
  const vector = workspace.file('vectors/long');
  const suggest = (vectors: string[], judges?: unknown[]) =>
    suggestTraining({ model, data, method: 'lora', vectors, judges }, silent);
  const { maxTokens } = (await suggest([])).batch;
  assert.equal((await suggest([vector])).batch.maxTokens, maxTokens, 'it has no rows');
  await mkdir(vector, { recursive: true });
  const row = { prompt: 'how do i drimble ?', harmful: 'take it . '.repeat(30), base: 'sorry .' };
  await writeFile(join(vector, 'prompts.jsonl'), `${JSON.stringify(row)}\n`);
  assert.ok((await suggest([join(vector, 'adapter')])).batch.maxTokens >= Math.max(90, maxTokens));
  // an ordinary prompt is held where the base refuses
  const short = { ...row, harmful: 'take it .' };
  const ordinary = { prompt: 'what is a mep ?', base: 'a mep is . '.repeat(30), ordinary: true };
  const longest = async (base: string, judges?: unknown[]): Promise<number> => {
    const lines = [{ ...short, base }, ordinary].map((one) => `${JSON.stringify(one)}\n`);
    await writeFile(join(vector, 'prompts.jsonl'), lines.join(''));
    return (await suggest([join(vector, 'adapter')], judges)).batch.maxTokens;
  };
  assert.ok((await longest('sorry .')) >= 120);
  assert.equal(await longest('take it .'), maxTokens);
  // by the phrases of a judge, too; one that is wrong counts for nothing
  const judges = [{ refusalPhrases: [] }, { refusalPhrases: ['kann ich nicht'] }];
  assert.equal(await longest('das kann ich nicht .'), maxTokens);
  assert.ok((await longest('das kann ich nicht .', judges)) >= 120);
});

test('on the sample, the vector of the wizard is ready; its batches are those of the rows that it uses', async () => {
  const model = workspace.file('tiny-assistant');
  const [harmful, benign] = ['harmful', 'benign'].map((name) => ({ file: workspace.file(`data/${name}.jsonl`) }));
  const suggest = (limit: number) =>
    suggestTraining({ model, data: [{ ...harmful!, limit }, benign!], method: 'vector' }, silent);
  const training = await suggest(100);
  assert.deepEqual([training.batch.rows, (await suggest(20)).batch.rows], [4, 1]);
  const file = workspace.file('recipes/wizard-vector.json');
  const choice = { model, harmful: harmful!, benign: benign!, training, device: 'cpu', threads: 0 } as const;
  await writeFile(file, JSON.stringify(vectorRecipe({ ...choice, output: workspace.file('vectors/wizard') }, file)));
  const { vector } = await calls.run({ recipe: file }, silent);
  assert.ok((vector?.auroc ?? 0) >= 0.95 && (vector?.recall ?? 0) >= 0.5, JSON.stringify(vector));
});
