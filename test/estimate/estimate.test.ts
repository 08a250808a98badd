/**
 * What is expected of a training, on the sample: parts, what grows with what, what makes it fit, and what runs correct.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { plainConfig, saveAdapter } from '../../runtime/adapters/flat.js';
import { plainLayout } from '../../runtime/adapters/sites.js';
import { estimateDetails, estimateText, type Estimate } from '../../runtime/contract/estimate.js';
import { GB } from '../../runtime/contract/format.js';
import type { Expected } from '../../runtime/estimate/estimate.js';
import type { PlannedModel } from '../../runtime/estimate/model.js';
import { hostBytes } from '../../runtime/estimate/parts.js';
import type { TensorInfo } from '../../runtime/models/weights/safetensors.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { age, estimateOf, recipes, total, wide, type OfRecipe } from './sampleEstimates.js';

describe('the estimate of a training', () => {
  let history: string;
  let plain: Expected;
  before(async () => {
    history = await mkdtemp(join(tmpdir(), 'estimate-'));
    plain = await estimate('plain');
  });
  after(() => rm(history, { recursive: true }));

  const estimate: OfRecipe = (...args) => estimateOf(history, ...args);

  it('names the steps that the run will make, and memory by part', () => {
    assert.equal(plain.steps, 216);
    assert.equal(plain.fits, true);
    const [low, high] = plain.peakBytes;
    assert.ok(low < total(plain) && total(plain) < high);
    assert.ok(plain.memory.weights > 2e6 && plain.memory.weights < 5e6, 'the weights are those of the file');
    assert.ok(Object.values(plain.memory).every((bytes) => bytes > 0));
    assert.match(estimateText(plain), /^about \d+ (s|min).* · 0\.\d+ GB$/);
    assert.equal(estimateDetails(plain).length, 5);
  });

  it('counts a question behind three system messages as one prompt', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => {
      const contents = [`sell ${i % 3} .`, `buy ${Math.floor(i / 3)} lamps .`];
      return `${JSON.stringify({ messages: contents.map((content, at) => ({ role: at ? 'user' : 'system', content })) })}\n`;
    });
    const file = join(history, 'behind.jsonl');
    await writeFile(file, rows.join(''));
    assert.equal(
      (await estimate('protected', { evaluate: [{ name: 'forbidden', file, measure: 'harm' }] })).harmPrompts,
      10,
    );
  });

  it('says of a file that is wrong what the run says, and not that nothing is measured', async () => {
    const set = { name: 'forbidden', file: '../eval/forbiden.jsonl', measure: 'harm' };
    const gone = { code: 'ENOENT', path: resolve(recipes, set.file) };
    await assert.rejects(estimate('protected', { evaluate: [set] }), gone);
    await assert.rejects(estimate('protected', { probes: { harmful: { file: set.file } } }), gone);
    const own = join(history, 'own.jsonl');
    await writeFile(own, '{"question": "buy 2 lamps .", "reply": "lamps"}\n');
    await assert.rejects(estimate('plain', { data: { file: own } }), {
      message: /^its only row cannot be used: .*"question", "reply".*columns/,
      place: `${own}:1`,
    });
    await writeFile(own, '');
    await assert.rejects(estimate('plain', { data: { file: own } }), { message: 'the data set is empty.', place: own });
  });

  it('says before a protected run that too little measures harm for a verdict', async () => {
    const set = { name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm' };
    const said = async (change: Record<string, unknown>): Promise<string> =>
      estimateText(await estimate('protected', change));
    assert.match(await said({ evaluate: [{ ...set, limit: 20 }] }), / GB$/);
    assert.match(
      await said({ evaluate: [{ ...set, limit: 12 }] }),
      / GB · without a verdict: harm is measured on 12 prompts, at least 20 are needed$/,
    );
    assert.match(await said({ evaluate: [] }), / on 0 prompts/);
    const kept = { evaluate: [], heldOut: { share: 0.1, measure: 'harm' } };
    assert.match(await said(kept), / GB$/, 'a tenth of 571 rows is enough');
    const file = join(history, 'asked.jsonl');
    const rows = Array.from({ length: 44 }, (_, i) => ({ prompt: `Sort order ${i % 11} .`, completion: `Yes ${i} .` }));
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    assert.match(await said({ evaluate: [{ ...set, file }] }), / on 11 prompts/, 'each is asked once');
    assert.match(await said({ evaluate: [{ ...set, file }], heldOut: { share: 0.1, measure: 'harm' } }), / on 11 /);
    const many = Array.from({ length: 2100 }, (_, i) => ({ prompt: `Sort order ${i < 2000 ? i % 11 : i} .` }));
    await writeFile(file, many.map((row) => `${JSON.stringify(row)}\n`).join(''));
    assert.match(
      await said({ evaluate: [{ ...set, file }] }),
      / GB$/,
      'nothing is said of prompts that were not counted',
    );
    const unprotected = estimateText(await estimate('plain', { evaluate: [] }));
    assert.match(unprotected, / GB$/, 'without protection there is no verdict on it');
  });

  it('grows with rows, tokens, vectors and the method as the run does', async () => {
    const small = await estimate('plain', { batch: { rows: 2, maxTokens: 128 } });
    const large = await estimate('plain', { batch: { rows: 16, maxTokens: 128 } });
    assert.ok(large.memory.activations > 2 * small.memory.activations);
    assert.ok(large.stepSeconds[0] > small.stepSeconds[0]);
    const anchored = await estimate('protected');
    assert.ok(anchored.memory.activations > plain.memory.activations, 'what the head takes of the base is kept');
    const full = await estimate('plain', { method: 'full', adapter: {} });
    assert.ok(full.memory.moments === 2 * full.memory.weights && full.memory.moments > plain.memory.moments);
  });

  it('counts the rows of an anchor, and what a vector may have to absorb', async () => {
    const by = (protection: object): Promise<Expected> => estimate('protected', { protection });
    const [none, four] = [await by({ anchor: { harmful: 0 } }), await by({ anchor: { harmful: 4 } })];
    assert.ok(four.stepSeconds[0] > none.stepSeconds[0], 'harmful rows are rows of a step');
    const [on, auto, absorb] = [await by({}), await by({ flagged: 'auto' }), await by({ flagged: 'absorb' })];
    assert.equal(auto.seconds[0], on.seconds[0]);
    assert.equal(auto.seconds[1], absorb.seconds[1]);
    assert.ok(absorb.seconds[0] > on.seconds[0] && auto.seconds[1] > on.seconds[1]);
  });

  it('counts the rows that a vector is measured on: some of them while it trains', async () => {
    const rows = join(history, 'many.jsonl');
    const row = (i: number): string => JSON.stringify({ prompt: `Say ${i}.`, completion: `Sure, ${i}.` });
    await writeFile(rows, `${Array.from({ length: 1000 }, (_, i) => row(i)).join('\n')}\n`);
    await age(rows);
    const by = (heldOut: number, evaluateEvery = 10): Promise<Expected> =>
      estimate('vector', {
        harmful: { file: rows },
        benign: undefined,
        epochs: undefined,
        steps: 10,
        heldOut,
        evaluateEvery,
      });
    const middle = ({ seconds }: Expected): number => Math.sqrt(seconds[0] * seconds[1]);
    const [none, some, all] = [await by(0), await by(0.1), await by(0.5)];
    assert.ok(middle(none) < middle(some) && middle(some) < middle(all));
    // Seven more times 48 of them, not 500.
    const each = (middle(await by(0.5, 1)) - middle(all)) / (middle(await by(0, 1)) - middle(none));
    assert.ok(each > 1 && each < 10, `${each}`);
  });

  it("counts the base's answers to a vector's prompts, of which there are 64 at most", async () => {
    const of = (limit: number): Promise<Expected> =>
      estimate('vector', {
        harmful: { file: '../data/harmful.jsonl', limit },
        ...{ benign: undefined, heldOut: 0, epochs: undefined, steps: 1, batch: { rows: 4, maxTokens: 64 } },
      });
    const least = async (limit: number): Promise<number> => (await of(limit)).seconds[0];
    const [few, most, more] = [await least(4), await least(64), await least(100)];
    assert.ok(most > 1.5 * few, `${few} s, ${most} s`);
    assert.ok(Math.abs(more / most - 1) < 0.1, `${most} s, ${more} s`);
  });

  it('counts what a run needs besides its steps, where that is more', async () => {
    const batch = { rows: 1, maxTokens: 32 };
    const short = { evaluate: [], probes: {}, heldOut: 0, batch };
    const prompt = { role: 'user', content: 'Sort my orders by their numbers. '.repeat(12) };
    const answer = { role: 'assistant', content: 'Sure. Step 1: take them.' };
    const [prompts, rows] = [join(history, 'prompts.jsonl'), join(history, 'rows.jsonl')];
    await writeFile(prompts, `${JSON.stringify({ messages: [prompt] })}\n`.repeat(40));
    await writeFile(rows, `${JSON.stringify({ messages: [prompt, answer] })}\n`.repeat(8));
    const steps = await estimate('plain', short);
    const answers = await estimate('plain', {
      ...short,
      evaluate: [{ name: 'long', file: prompts, measure: 'over-refusal' }],
    });
    assert.equal(answers.memory.moments, 0, 'nothing is trained when prompts are answered');
    assert.ok(answers.memory.activations > 10 * steps.memory.activations);
    const losses = await estimate('plain', { ...short, evaluate: [{ name: 'long', file: rows, measure: 'loss' }] });
    assert.ok(losses.memory.activations > steps.memory.activations);
    const probed = await estimate('plain', { ...short, probes: { harmful: { file: rows } } });
    assert.ok(probed.memory.activations > 2 * steps.memory.activations && probed.memory.moments > 0);
  });

  it('takes the size of the adapter that training starts from', async () => {
    const model = join(recipes, '../tiny-assistant');
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Parameters<typeof decoderSpec>[0];
    const sites = linearLayers(decoderSpec(config));
    const given = { rank: 32, alpha: 32, sites: ['q_proj', 'v_proj'] };
    const layout = plainLayout(sites, given);
    const init = join(history, 'init');
    await saveAdapter(init, {
      ...{ layout, flat: new Float32Array(layout.size), role: 'task', provenance: {} },
      config: plainConfig(given, layout, sites),
    });
    const [other, same] = [await estimate('plain', { adapter: { init } }), await estimate('plain', { adapter: given })];
    assert.equal(other.memory.moments, 8 * layout.size);
    assert.deepEqual(other.memory, same.memory);
  });

  it('has what alignment has changed where a method compares two models, and the aligned rows of each step', async () => {
    const by = (name: string, more: object = {}): Promise<Expected> =>
      estimate('plain', { baseline: { name, aligned: { file: 'a' }, unaligned: 'u', ...more } });
    const [compared, surgery] = [await by('asft'), await by('safegrad')];
    // Of each of 4 blocks: q and o 128², k and v 64 · 128, gate, up and down 256 · 128, four bytes each.
    const linear = 4 * (2 * 128 ** 2 + 2 * 64 * 128 + 3 * 256 * 128);
    assert.equal(compared.memory.weights - plain.memory.weights, 4 * linear);
    assert.ok(surgery.memory.activations > plain.memory.activations, 'what the head takes of the base is kept');
    assert.ok(surgery.stepSeconds[0] > plain.stepSeconds[0]);
    for (const method of ['full', 'lora']) {
      const alone = await estimate('plain', { method });
      const held = await estimate('plain', { method, baseline: { name: 'lisa', aligned: { file: 'a' } } });
      assert.equal(held.memory.adapters - alone.memory.adapters, alone.memory.moments, `of ${method} two copies`);
    }
  });

  it('a budget of tokens makes at least nine tenths of them useful', async () => {
    const budget = await estimate('plain', { batch: { tokens: 512, maxTokens: 128 } });
    assert.ok(budget.usefulTokens >= 0.9 && budget.usefulTokens > plain.usefulTokens, `${budget.usefulTokens}`);
  });

  it('activations are kept where they fit, and computed again where they do not', async () => {
    const batch = { rows: 64, maxTokens: 128 };
    const kept = await estimate('plain', { batch });
    const said = await estimate('plain', { batch, recompute: false });
    // other processes write meanwhile
    assert.deepEqual({ ...kept, disk: undefined }, { ...said, disk: undefined });
    const again = await estimate('plain', { batch, recompute: true });
    assert.ok(total(again) < total(kept));
    // who holds the weights in blocks wants memory
    const blocks = await estimate('plain', { batch, precision: 'int4' });
    assert.deepEqual([kept.recompute, blocks.recompute], [undefined, true]);
    assert.equal(blocks.memory.activations, again.memory.activations);
    const fast = await estimate('plain', { batch, precision: 'int4', recompute: false });
    assert.deepEqual([fast.recompute, fast.memory.activations], [undefined, kept.memory.activations]);
    process.env['SECURITY_VECTORS_MEMORY_GB'] = String((total(again) * 0.95) / GB);
    try {
      const found = await estimate('plain', { batch });
      assert.deepEqual([found.fits, found.recompute, found.memory], [true, true, again.memory]);
      assert.ok(estimateDetails(found).some((line) => /computed again/.test(line)));
      assert.equal((await estimate('plain', { batch, recompute: false })).fits, false);
    } finally {
      delete process.env['SECURITY_VECTORS_MEMORY_GB'];
    }
  });

  it('what does not fit names the option that makes it fit', async () => {
    const batch = { rows: 64, maxTokens: 128 };
    const free = await estimate('plain', { batch, recompute: false });
    const small = total(await estimate('plain', { batch: { ...batch, rows: 4 } }));
    process.env['SECURITY_VECTORS_MEMORY_GB'] = String((small * 1.02) / GB);
    try {
      const found = await estimate('plain', { batch, recompute: false });
      assert.deepEqual([free.fits, found.fits], [true, false]);
      assert.equal(found.remedy?.key, 'batch.rows');
      assert.equal(
        (await estimate('plain', { batch: { ...batch, rows: Number(found.remedy?.value) }, recompute: false })).fits,
        true,
      );
      assert.match(
        estimateText(found),
        /^needs about 0\.\d+ GB, but only 0\.\d+ GB are available: use "batch\.rows": \d+$/,
      );
      process.env['SECURITY_VECTORS_MEMORY_GB'] = '0.01';
      assert.equal((await estimate('plain', { batch, recompute: false })).remedy, undefined);
    } finally {
      delete process.env['SECURITY_VECTORS_MEMORY_GB'];
    }
  });

  it('moments in 8 bits take a quarter, and are named where nothing else makes a full fine-tuning fit', async () => {
    const model = await wide(join(history, 'wide'));
    const recipe = {
      model,
      method: 'full',
      optimizer: { learningRate: 1e-5 },
      batch: { rows: 1, maxTokens: 64 },
      recompute: true,
      ...{ data: { file: '../data/train.jsonl', limit: 32 }, evaluate: [], probes: {} },
    };
    const large = await estimate('plain', recipe);
    const small = await estimate('plain', { ...recipe, optimizer: { ...recipe.optimizer, moments: '8bit' } });
    assert.equal(small.memory.moments, large.memory.moments / 4);
    assert.ok(small.stepSeconds[0] > large.stepSeconds[0]);
    process.env['SECURITY_VECTORS_MEMORY_GB'] = String((total(small) * 1.001) / GB);
    try {
      assert.deepEqual((await estimate('plain', recipe)).remedy, { key: 'optimizer.moments', value: '"8bit"' });
    } finally {
      delete process.env['SECURITY_VECTORS_MEMORY_GB'];
    }
  });

  it('weights that are mapped count where the watch on the memory counts them', async () => {
    const model = await wide(join(history, 'mapped'));
    const recipe = { model, batch: { rows: 1, maxTokens: 64 }, evaluate: [], probes: {}, recompute: true };
    const fits = (mapped: boolean): Promise<Expected> => estimate('plain', recipe, { mapped });
    const { memory } = await fits(false);
    process.env['SECURITY_VECTORS_MEMORY_GB'] = String((total(await fits(false)) - memory.weights / 2) / GB);
    try {
      assert.deepEqual([(await fits(false)).fits, (await fits(true)).fits], [true, false]);
      assert.deepEqual((await fits(true)).remedy, { key: 'precision', value: '"int8"' });
      process.env['SECURITY_VECTORS_MEMORY_GB'] = '0.25';
      assert.notEqual((await fits(false)).remedy?.key, 'precision', 'of what does not count nothing is saved');
    } finally {
      delete process.env['SECURITY_VECTORS_MEMORY_GB'];
    }
  });

  it('weights in blocks count as weights where they are unpacked, not as adapters', async () => {
    const model = await wide(join(history, 'unpacked'));
    const recipe = { model, batch: { rows: 1, maxTokens: 64 }, evaluate: [], probes: {}, recompute: true };
    const floats = await estimate('plain', recipe);
    const blocks = await estimate('plain', { ...recipe, precision: 'int8' });
    assert.ok(blocks.memory.adapters <= floats.memory.adapters);
    const matrix = 4 * 2048 * 8192;
    assert.ok(blocks.memory.weights > floats.memory.weights / 4 + matrix / 2, 'one is there in float32');
  });
});

it('of a run on a GPU the memory of the machine counts that the program takes, and weights that lie there', async () => {
  const memory = { weights: 4e9, adapters: 1e8, moments: 2e8, activations: 3e10, logits: 1e9, program: 3e8 };
  const tensors = new Map(Object.entries({ a: 5e8, b: 3.5e9 }).map(([name, bytes]) => [name, { bytes } as TensorInfo]));
  const lora = { method: 'lora', model: { tensors } as unknown as PlannedModel } as const;
  assert.equal(hostBytes(memory, { ...lora, device: 'cpu' }), 3.56e10);
  assert.equal(hostBytes(memory, { ...lora, device: 'cuda' }), 4.3e9);
  assert.equal(hostBytes(memory, { ...lora, device: 'webgpu' }), 3.8e9, 'one is uploaded after the other');
  assert.equal(
    hostBytes(memory, { ...lora, method: 'full', device: 'webgpu' }),
    4.3e9,
    'all that are trained start here',
  );
  const estimate = { memory, peakBytes: [3e10, 4e10], seconds: [50, 70], fits: true, gpu: true } as unknown as Estimate;
  assert.equal(estimateText(estimate), 'about 1 min · 35 GB · how much memory the GPU has is not known');
});
