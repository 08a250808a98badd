import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { sum } from '../../runtime/contract/sum.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { findTensor, frozenWeights } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Gather, Reshape } from '../../runtime/onnx/ops.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64, type Backend, type Feeds, type Session } from '../../runtime/device/session.js';
import { atTokens, FAMILIES, loadReference, rightPositions, type Reference } from '../support/reference.js';

let cpu: Backend;
before(async () => {
  cpu = await openBackend('cpu', 1);
});

/** Hidden states, final norm and logits of all positions. */
async function forwardSession(r: Reference, config: Record<string, unknown>): Promise<Session> {
  const g = new Builder('forward');
  const spec = decoderSpec(config);
  const decoder = buildDecoder(g, spec, frozenWeights(g, r), { cache: false });
  decoder.hiddenStates.forEach((h, i) => g.outputAs(`hidden.${i}`, h));
  g.outputAs('hidden.final_norm', Reshape(g, decoder.hidden, ['B', 'T', decoder.hidden.shape[1]!]));
  g.outputAs('logits', Reshape(g, decoder.logits(decoder.hidden), ['B', 'T', spec.vocabSize]));
  return cpu.session(checkGraph(prune(g.graph())), { folder: r.folder });
}

async function feeds(r: Reference, batch: string): Promise<Feeds> {
  const [B, T] = r.shape(`${batch}.input_ids`) as [number, number];
  const position = `${batch}.position_ids`;
  const mask = await r.ints(`${batch}.attention_mask`);
  return {
    input_ids: int64(await r.ints(`${batch}.input_ids`), [B, T]),
    attention_mask: int64(mask, [B, T]),
    position_ids: int64(r.has(position) ? await r.ints(position) : rightPositions(mask, T), [B, T]),
  };
}

/**
 * Greedy tokens with a KV cache; starts from one masked position, as a cache without positions is not allowed
 * everywhere.
 */
async function greedy(r: Reference, prompt: number[], count: number): Promise<number[]> {
  const g = new Builder('generate');
  const spec = decoderSpec(r.config);
  const decoder = buildDecoder(g, spec, frozenWeights(g, r), { cache: true });
  g.outputAs('logits', decoder.logits(Gather(g, decoder.hidden, g.input('targets', 'int64', ['L']))));
  decoder.present.forEach(({ key, value }, i) => {
    g.outputAs(`present.${i}.key`, key);
    g.outputAs(`present.${i}.value`, value);
  });
  const session = await cpu.session(checkGraph(prune(g.graph())), { folder: r.folder });
  const { kvHeads, headDim } = spec.layers[0]!.attention;
  let cache: Feeds = {};
  for (let i = 0; i < spec.layers.length; i++) {
    for (const part of ['key', 'value'])
      cache[`past_key_values.${i}.${part}`] = float32(new Float32Array(kvHeads * headDim).fill(7), [
        1,
        kvHeads,
        1,
        headDim,
      ]);
  }
  const mask = [0];
  const made: number[] = [];
  let ids = prompt;
  for (let position = 0; made.length < count; position += ids.length, ids = [made.at(-1)!]) {
    mask.push(...ids.map(() => 1));
    const out = await session.run({
      ...cache,
      input_ids: int64(ids, [1, ids.length]),
      attention_mask: int64(mask, [1, mask.length]),
      position_ids: int64(
        ids.map((_, t) => position + t),
        [1, ids.length],
      ),
      targets: int64([ids.length - 1], [1]),
    });
    cache = Object.fromEntries(
      Object.keys(cache).map((name) => [name, out[name.replace('past_key_values', 'present')]!]),
    );
    const logits = [...((await cpu.read(out.logits!)) as Float32Array)];
    made.push(logits.indexOf(Math.max(...logits)));
  }
  return made;
}

for (const name of FAMILIES) {
  describe(`${name} against transformers`, () => {
    let r: Reference;
    before(async () => {
      r = await loadReference(name);
    });

    it('both forms of config.json say the same', () => {
      assert.deepEqual(decoderSpec(r.legacyConfig), decoderSpec(r.config));
    });

    it('the parameters are those of the checkpoint', () => {
      const expected = [...parameters(decoderSpec(r.config))].map(([key, shape]) => [
        findTensor(r.tensors, key, shape).name,
        shape,
      ]);
      const found = [...r.tensors.values()].map(({ name: key, shape }) => [key, shape] as const);
      const unused = /^(vision_tower|multi_modal_projector)\.|act_fn\.(beta|eps)$/;
      assert.deepEqual(expected.sort(), found.filter(([key]) => !unused.test(key)).sort());
    });

    it('hidden states, logits and losses', async () => {
      const session = await forwardSession(r, r.config);
      const out = await session.run(await feeds(r, 'batch'));
      const mask = await r.ints('batch.attention_mask');
      for (const key of Object.keys(out)) await r.check(key, atTokens(await cpu.read(out[key]!), mask));
      const { loss, sums } = nll(await cpu.read(out.logits!), await r.ints('batch.labels'), r.shape('logits'));
      await r.check('loss', [loss]);
      await r.check('nll_sum', sums);
    });

    it('rows padded on the left give the same', async () => {
      const session = await forwardSession(r, r.legacyConfig);
      const { logits } = await session.run(await feeds(r, 'left'), ['logits']);
      const values = await cpu.read(logits!);
      assert.ok(values.every(Number.isFinite), 'padding gives finite values');
      await r.check('left.logits', atTokens(values, await r.ints('left.attention_mask')));
    });

    it('greedy tokens with a KV cache', async () => {
      const expected = await r.ints('generate.base');
      assert.deepEqual(await greedy(r, await r.ints('generate.prompt'), expected.length), expected);
    });
  });
}

/** Sum of −log p over supervised tokens per row, and the mean over all. */
function nll(logits: Float32Array, labels: number[], [B, T, V]: number[]): { loss: number; sums: number[] } {
  const sums = new Array<number>(B!).fill(0);
  let count = 0;
  for (let b = 0; b < B!; b++) {
    for (let t = 0; t < T! - 1; t++) {
      const label = labels[b * T! + t + 1]!;
      if (label === -100) continue;
      const row = logits.subarray((b * T! + t) * V!, (b * T! + t + 1) * V!);
      sums[b]! += Math.log(row.reduce((s, x) => s + Math.exp(x), 0)) - row[label]!;
      count++;
    }
  }
  return { loss: sum(sums) / count, sums };
}
