/** Whole runs, a vector's and fine-tunings with it, against torch and transformers (test/fixtures/runs/make.py). */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { readFloat32, readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { runValue } from '../support/recipeRun.js';

const HERE = join(import.meta.dirname, '../fixtures/runs');
type Step = Record<'loss' | 'gradNorm' | 'learningRate', number>;
type Written = Record<'model' | 'output', string> &
  Partial<Record<'harmful' | 'benign' | 'data', { file: string }>> & {
    adapter?: { init: string };
    vectors?: { adapter: string; scale: number }[];
  };

let root: string;
let expected: Record<string, Step[]>;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'whole-runs-'));
  expected = JSON.parse(await readFile(join(HERE, 'expected.json'), 'utf8')) as typeof expected;
});
after(() => rm(root, { recursive: true, force: true }));

const near = (is: number, wanted: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(is - wanted) <= tolerance * Math.abs(wanted), `${what}: ${is}, not ${wanted}`);

/** Runs a recipe of the fixture, whose paths are relative to it. */
async function run(name: string): Promise<void> {
  const recipe = JSON.parse(await readFile(join(HERE, `${name}.json`), 'utf8')) as Written;
  const found = <T extends { file: string }>(source?: T) => source && { ...source, file: join(HERE, source.file) };
  const { harmful, benign, data, adapter } = recipe;
  const placed = {
    ...{ ...recipe, model: join(HERE, recipe.model) },
    ...{ harmful: found(harmful), benign: found(benign), data: found(data) },
    ...(adapter && { adapter: { init: join(HERE, adapter.init) } }),
  };
  const { events } = await runValue(root, placed, name);
  const steps = events.flatMap((event) => (event.kind === 'step' ? event : []));
  assert.equal(steps.length, expected[name]!.length);
  for (const [i, { loss, gradNorm, learningRate }] of expected[name]!.entries()) {
    near(steps[i]!.learningRate, learningRate, 1e-12, `rate of step ${i + 1}`);
    near(steps[i]!.lossNatsPerToken, loss, 1e-5, `loss of step ${i + 1}`);
    near(steps[i]!.gradNorm, gradNorm, 1e-4, `gradient of step ${i + 1}`);
  }
}

/** The root mean square by which weights differ from what is expected of them, as a share of how far training moved them. */
async function distance(
  name: string,
  file: string,
  start: string,
  keyOf: (expected: string) => string,
): Promise<number> {
  const tensorsOf = async (path: string) => (await readSafetensors(path)).tensors;
  const [wanted, own, before] = await Promise.all([
    tensorsOf(join(HERE, `${name}.safetensors`)),
    tensorsOf(join(root, name, file)),
    tensorsOf(join(HERE, '../reference/llama', start)),
  ]);
  let [off, moved] = [0, 0];
  for (const [key, info] of wanted) {
    const [x, y, z] = await Promise.all([info, own.get(keyOf(key))!, before.get(keyOf(key))!].map(readFloat32));
    x!.forEach((value, i) => {
      off += (y![i]! - value) ** 2;
      moved += (value - z![i]!) ** 2;
    });
  }
  return Math.sqrt(off / moved);
}

const ADAPTER = 'adapter/adapter_model.safetensors';
/** "layer.A" as PEFT names it. */
const ofAdapter = (key: string): string => `base_model.model.${key.slice(0, -1)}lora_${key.slice(-1)}.weight`;
const startOf = (name: string): string => `adapters/${name}/adapter_model.safetensors`;

it('a vector: cross-entropy of harmful rows and KL of benign ones, in micro-batches', async () => {
  await run('vector');
  assert.ok((await distance('vector', ADAPTER, startOf('security'), ofAdapter)) < 1e-3);
});

it('LoRA with the vector active and frozen, at a scale of its own', async () => {
  await run('lora');
  assert.ok((await distance('lora', ADAPTER, startOf('task'), ofAdapter)) < 1e-3);
});

it('all weights with it, of which norms do not decay', async () => {
  await run('full');
  assert.ok((await distance('full', 'model/model.safetensors', 'model.safetensors', (key) => key)) < 1e-3);
});
