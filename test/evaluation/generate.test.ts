import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openGenerator, drawToken } from '../../runtime/evaluation/inference/generate.js';
import {
  chunkOf,
  joining,
  positionBytes,
  roomFor,
  runLimits,
  type RunLimits,
} from '../../runtime/evaluation/inference/limits.js';
import type { Answer } from '../../runtime/evaluation/inference/batch.js';
import { groups } from '../../runtime/evaluation/inference/losses.js';
import type { DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { loadReference } from '../support/reference.js';
import { noting, watched } from '../support/runTokens.js';

const LOGITS = Float32Array.from([0.1, 0.3, 0.4, 0.2], Math.log);
const shares = (temperature: number, topP: number): number[] => {
  const rng = random('sampling');
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) counts[drawToken(LOGITS, { temperature, topP }, rng)]! += 1 / 20_000;
  return counts;
};
const close = (got: number[], want: number[]): void =>
  want.forEach((w, i) => assert.ok(Math.abs(got[i]! - w) < 0.015, `${got.join(' ')} against ${want.join(' ')}`));

/** By the definition: the tokens in the order of their probability, the first of those that are as likely first. */
function drawnByOrder(logits: Float32Array, temperature: number, topP: number, uniform: number): number {
  const best = Math.max(...logits);
  const p = [...logits].map((x) => Math.exp((x - best) / temperature));
  const order = [...p.keys()].sort((a, b) => p[b]! - p[a]! || a - b);
  let left = topP * p.reduce((a, b) => a + b);
  const kept = order.findIndex((i) => (left -= p[i]!) <= 0) + 1 || order.length;
  let u = uniform * order.slice(0, kept).reduce((all, i) => all + p[i]!, 0);
  return order.slice(0, kept).find((i) => (u -= p[i]!) < 0) ?? order[kept - 1]!;
}

test('the nucleus is drawn from in the order of probability, also among tokens that are as likely', () => {
  const rng = random('nucleus');
  for (let i = 0; i < 300; i++) {
    // few values, so that many tokens are as likely
    const logits = Float32Array.from({ length: 40 }, () => rng.int(i % 2 ? 5 : 1000) / (i % 3 ? 2 : 500));
    const [temperature, topP] = [0.5 + rng.uniform(), 0.05 + 0.94 * rng.uniform()];
    const uniform = i % 10 === 0 ? 1 - 1e-16 : rng.uniform();
    const drawn = drawToken(logits, { temperature, topP }, { uniform: () => uniform } as never);
    assert.equal(drawn, drawnByOrder(logits, temperature, topP, uniform), `${i}`);
  }
});

test('temperature 0 takes the likeliest token, 1 draws from the model, 2 flattens', () => {
  assert.equal(drawToken(LOGITS, { temperature: 0, topP: 1 }, random(1)), 2);
  close(shares(1, 1), [0.1, 0.3, 0.4, 0.2]);
  const roots = [0.1, 0.3, 0.4, 0.2].map(Math.sqrt);
  close(
    shares(2, 1),
    roots.map((r) => r / roots.reduce((a, b) => a + b)),
  );
});

test('top-p draws from the smallest set of tokens that reaches it', () => {
  close(shares(1, 0.3), [0, 0, 1, 0]);
  close(shares(1, 0.65), [0, 0.3 / 0.7, 0.4 / 0.7, 0]);
  close(shares(1, 0.85), [0, 0.3 / 0.9, 0.4 / 0.9, 0.2 / 0.9]);
});

/** A few tokens at once: prompts are read in chunks, and few join together. */
const SMALL: RunLimits = { tokens: 6, scores: 24, cached: 40, grown: 80 };

test('where LongRoPE takes its other angles, the tokens are those of the whole row without a cache', async () => {
  const r = await loadReference('phi3_long');
  const backend = await openBackend('cpu', 1);
  const prompt = await r.ints('generate.prompt');
  const tokens = await r.ints('generate.base');
  for (const limits of [undefined, SMALL]) {
    const generator = await openGenerator({
      backend,
      spec: decoderSpec(r.config),
      model: r,
      adapters: [],
      stopIds: [],
      limits,
    });
    const continued = async (given: number[][], maxNewTokens: number) =>
      (await generator.generate(given, { maxNewTokens, temperature: 0, topP: 1 })).map(({ ids }) => ids);
    assert.deepEqual(await continued([prompt], 16), [tokens]);
    // the angles change at position 10
    for (const known of [3, 4, 5, 6, 7])
      assert.deepEqual(await continued([[...prompt, ...tokens.slice(0, known)]], 16 - known), [tokens.slice(known)]);
    // a row beside it turns by its own angles, whether it stays or leaves
    const beside = [[5, 9], [7], [...prompt, ...tokens]];
    const apart: number[][] = [];
    for (const one of beside) apart.push(...(await continued([one], 16)));
    assert.deepEqual(await continued([...beside, prompt], 16), [...apart, tokens]);
    const options = { maxNewTokens: 16, temperature: 0, topP: 1, rows: 2 };
    const inTwoSeats = await generator.generate([beside[2]!, prompt, beside[0]!, beside[1]!], options);
    assert.deepEqual(
      inTwoSeats.map(({ ids }) => ids),
      [apart[2], tokens, apart[0], apart[1]],
    );
    await generator.dispose();
  }
});

// absolute positions, sliding windows, no positions but distances
for (const family of ['gpt2', 'mistral', 'bloom'])
  test(`${family}: prompts that share places, and take those of others, are answered as each alone`, async () => {
    const r = await loadReference(family);
    const backend = await openBackend('cpu', 1);
    const prompt = await r.ints('generate.prompt');
    const spec = decoderSpec(r.config);
    const options = { maxNewTokens: 11, temperature: 0, topP: 1 };
    const rng = random(family);
    const prompts = Array.from({ length: 13 }, (_, i) => {
      const long = Array.from({ length: 1 + rng.int(9) }, () => rng.int(spec.vocabSize));
      return i % 3 === 0 ? prompt.slice(0, 1 + rng.int(prompt.length)) : long;
    });
    // a token that some answers have early, others late or never
    const free = await openGenerator({ backend, spec, model: r, adapters: [], stopIds: [] });
    const unstopped = await free.generate(prompts, options);
    await free.dispose();
    const counts = new Map<number, number>();
    for (const { ids } of unstopped) for (const id of new Set(ids)) counts.set(id, (counts.get(id) ?? 0) + 1);
    const stopIds = [...counts].filter(([, count]) => count < prompts.length).map(([id]) => id);
    const generator = await openGenerator({ backend, spec, model: r, adapters: [], stopIds: stopIds.slice(0, 3) });
    const alone: Answer[] = [];
    for (const one of prompts) alone.push(...(await generator.generate([one], options)));
    assert.ok(new Set(alone.map(({ ids }) => ids.length)).size > 2, 'answers of unlike lengths');
    for (const rows of [1, 3, 4, 13]) assert.deepEqual(await generator.generate(prompts, { ...options, rows }), alone);
    await generator.dispose();
    // no run reads more than its limits, and a prompt that does not fit goes in chunks
    const noted = noting(backend);
    const few = await openGenerator({
      ...{ backend: noted.backend, spec, model: r, limits: SMALL },
      ...{ adapters: [], stopIds: stopIds.slice(0, 3) },
    });
    const order = [...prompts.keys()].sort((a, b) => prompts[a]!.length - prompts[b]!.length);
    for (const rows of [1, 4, 13])
      for (const indices of [order, order.toReversed(), [...prompts.keys()]]) {
        noted.runs.length = 0;
        const found = await few.generate(
          indices.map((i) => prompts[i]!),
          { ...options, rows },
        );
        assert.deepEqual(
          found,
          indices.map((i) => alone[i]),
        );
        for (const { B, T } of noted.runs) assert.ok(T === 1 || B * T <= SMALL.tokens, `${B} of ${T}`);
        assert.ok(noted.runs.some(({ T }) => T > 1 && T < Math.max(...prompts.map(({ length }) => length))));
      }
    await few.dispose();
  });

/** A position of each layer takes 8 bytes of each of its keys. */
const layers = (kvHeads: number, count: number) =>
  ({ layers: new Array<unknown>(count).fill({ attention: { kvHeads, headDim: 64 } }) }) as unknown as DecoderSpec;

test('as many prompts of 128 tokens are read at once as are answered together, fewer longer ones', () => {
  const limits = runLimits(layers(3, 30));
  const length = (now: number) => ({ now, grown: now + 64 });
  const empty = { rows: 0, longest: { now: 0, grown: 0 } };
  const alike = (now: number) => new Array<ReturnType<typeof length>>(32).fill(length(now));
  assert.equal(joining(alike(128), empty, limits), 32);
  assert.equal(chunkOf(32, 128, 129, limits), 128, 'in one run');
  assert.equal(chunkOf(1, 1000, 1001, limits), 1000, 'as a prompt of 1000 tokens alone');
  assert.equal(chunkOf(4, 1000, 1001, limits), 250);
  assert.equal(joining(alike(1000), empty, limits), 4);
  assert.equal(joining([5, 9000, 9000].map(length), empty, limits), 1);
  assert.equal(joining([9000, 5].map(length), empty, limits), 1);
  // the cache of those that are there grows to the length of the longest
  assert.equal(joining([100, 100, 1000, 1000].map(length), { rows: 14, longest: length(300) }, limits), 2);
  assert.deepEqual(
    [128, 512, 1000, 100_000].map((now) => roomFor(length(now), limits)),
    [121, 32, 16, 1],
  );
});

test('the cache of a batch never takes more than 1 GiB, but for that of one prompt', () => {
  // As wide as those of SmolLM2-135M, Phi-3-mini and one that no machine has.
  for (const [spec, rows] of [
    [layers(3, 30), 32],
    [layers(48, 32), 2],
    [layers(4800, 32), 1],
  ] as const) {
    const length = { now: 300, grown: 300 + 212 };
    assert.equal(Math.min(32, roomFor(length, runLimits(spec))), rows);
    assert.equal(
      joining(new Array(32).fill(length), { rows: 0, longest: length }, runLimits(spec)),
      Math.min(13, rows),
    );
    if (rows > 1) assert.ok(rows * length.grown * positionBytes(spec) <= 2 ** 30);
  }
});

test('a cache is freed as soon as another takes its place', async () => {
  const r = await loadReference('gpt2');
  const backend = await openBackend('cpu', 1);
  const caches: (Float32Array | undefined)[] = [];
  const noted = watched(backend, (_, feeds) => {
    const past = feeds['past_key_values.0.key'];
    // The first is one position of nothing.
    if (past && past.dims[2]! > 1) caches.push(past.data as Float32Array);
    assert.ok(caches.slice(0, -1).every((cache) => cache!.length === 0));
  });
  const what = { spec: decoderSpec(r.config), model: r, adapters: [], stopIds: [] };
  const generator = await openGenerator({ ...what, backend: noted });
  await generator.generate([[5, 7], [5]], { maxNewTokens: 5, temperature: 0, topP: 1 });
  assert.equal(caches.length, 4);
  assert.ok(caches.every((cache) => cache!.length === 0));
  await generator.dispose();
});

test('a prompt draws the same tokens whatever it shares a batch with', async () => {
  const r = await loadReference('gpt2');
  const backend = await openBackend('cpu', 1);
  const generator = await openGenerator({ backend, spec: decoderSpec(r.config), model: r, adapters: [], stopIds: [] });
  const prompt = await r.ints('generate.prompt');
  const draw = { maxNewTokens: 12, temperature: 1, topP: 0.9, seed: 3 };
  const all = await generator.generate([prompt, prompt, [5, 7]], draw);
  assert.deepEqual(await generator.generate([prompt, prompt, [5, 7]], { ...draw, rows: 2 }), all);
  assert.notDeepEqual(all[0], all[1]);
  assert.deepEqual(await generator.generate([prompt, [5, 7]], { ...draw, stream: 1 }), all.slice(1));
  await generator.dispose();
});

test('NaN logits are an error, not a token', () => {
  assert.throws(() => drawToken(Float32Array.of(NaN, NaN), { temperature: 0, topP: 1 }, random(1)), /NaN/);
});

test('groups hold every example once, like lengths together', () => {
  const rng = random('groups');
  const examples = Array.from({ length: 50 }, () => ({ ids: new Array<number>(1 + rng.int(90)).fill(0) }));
  const made = groups(examples, 8);
  assert.deepEqual(
    made.flat().sort((a, b) => a - b),
    [...examples.keys()],
  );
  const lengths = made.map((group) => group.map((i) => examples[i]!.ids.length));
  for (let i = 1; i < lengths.length; i++) assert.ok(Math.max(...lengths[i - 1]!) <= Math.min(...lengths[i]!));
});
