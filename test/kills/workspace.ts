/** A model of a few thousand parameters and runs of a second: small enough to be killed at every call. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { bytesOf, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { random } from '../../runtime/support/random.js';

const SAMPLE = fileURLToPath(new URL('../../media/sample/', import.meta.url));

/** Writes the sample's model with random weights, 8 wide. */
export async function writeModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])
    await copyFile(join(SAMPLE, 'tiny-assistant', name), join(folder, name));
  const config = {
    ...(JSON.parse(await readFile(join(SAMPLE, 'tiny-assistant/config.json'), 'utf8')) as Record<string, unknown>),
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 4,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const rng = random('kills');
  const tensors = [...parameters(decoderSpec(config))].map(([name, shape]) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.3 * rng.normal());
    return { name, dtype: 'F32' as const, shape, bytes: values.byteLength, data: () => bytesOf(values) };
  });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
}

/** Writes model/ and the data files. */
export async function writeWorkspace(folder: string): Promise<void> {
  await writeModel(join(folder, 'model'));
  const first = async (from: string, rows: number, to: string): Promise<void> => {
    const lines = (await readFile(join(SAMPLE, from), 'utf8')).split('\n').slice(0, rows);
    await writeFile(join(folder, to), `${lines.join('\n')}\n`);
  };
  await first('data/harmful.jsonl', 6, 'harmful.jsonl');
  await first('data/benign.jsonl', 4, 'benign.jsonl');
  await first('data/train.jsonl', 10, 'train.jsonl');
  await first('eval/forbidden.jsonl', 3, 'forbidden.jsonl');
  await first('eval/new-task.jsonl', 3, 'new-task.jsonl');
}

const common = {
  model: 'model',
  adapter: { rank: 2, alpha: 4 },
  batch: { rows: 2 },
  optimizer: { learningRate: 0.02 },
  seed: 3,
  threads: 1,
  device: 'cpu',
  output: 'out',
};
const vector = {
  ...common,
  kind: 'vector',
  harmful: { file: 'harmful.jsonl' },
  benign: { file: 'benign.jsonl' },
};
/** A plain fine-tuning, of which steps or epochs are to be given. */
export const PLAIN = {
  ...common,
  kind: 'finetune',
  data: { file: 'train.jsonl' },
  evaluate: [
    { name: 'forbidden', file: 'forbidden.jsonl', measure: 'harm' },
    { name: 'new task', file: 'new-task.jsonl', measure: 'exact' },
  ],
  generation: { maxNewTokens: 3 },
};
const protectedRun = {
  ...PLAIN,
  vectors: [{ adapter: 'vector' }],
  protection: { route: 0.01, anchor: { refusals: 1, benign: 1 } },
};

/** Vector and fine-tuning, LoRA and full, checkpoints at even and odd distances; one ends before its planned steps. */
export const RECIPES: Readonly<Record<string, object>> = {
  'vector, every 2': { ...vector, steps: 5, evaluateEvery: 2 },
  'vector, every 3, ends early': {
    ...vector,
    steps: 12,
    evaluateEvery: 3,
    optimizer: { learningRate: 0.1 },
    stop: { harmfulLoss: 7.08 },
  },
  'lora, every 2': { ...protectedRun, steps: 5, evaluateEvery: 2 },
  'lora, absorbs flagged rows': {
    ...protectedRun,
    protection: { flagged: 'absorb', route: 0 },
    steps: 5,
    evaluateEvery: 2,
  },
  'lora, every 3': { ...PLAIN, steps: 7, evaluateEvery: 3 },
  'full, every 2': { ...protectedRun, method: 'full', steps: 4, evaluateEvery: 2 },
  'full, goes back': {
    ...protectedRun,
    method: 'full',
    protection: { watch: 'restore' },
    optimizer: { learningRate: 0.05, warmupSteps: 20 },
    steps: 12,
    evaluateEvery: 3,
  },
  'full, every 3': { ...PLAIN, method: 'full', steps: 7, evaluateEvery: 3 },
};
/** The vector of protected runs. */
export const VECTOR = { ...vector, steps: 4, evaluateEvery: 4, output: 'vector' };
