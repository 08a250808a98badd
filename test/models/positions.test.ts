/** ALiBi slopes and rotary embeddings as configs ask for them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { LLAMA, OTHERS, type Config } from './configs.js';

describe('ALiBi slopes', () => {
  const slopes = (config: Config) => decoderSpec(config).layers[0]!.attention.alibi!.slopes.map((m) => Math.log2(m));
  const bloom = (heads: number) => slopes({ ...OTHERS.bloom!, n_embed: 48, num_attention_heads: heads });
  const mpt = (heads: number) => slopes({ ...OTHERS.mpt!, n_heads: heads });

  it('of a power of two of heads are a geometric sequence that ends at 1/256', () => {
    for (const of of [bloom, mpt]) assert.deepEqual(of(8), [-1, -2, -3, -4, -5, -6, -7, -8]);
    assert.deepEqual(bloom(1), [-8]);
  });

  it('of other numbers of heads take from the next sequence', () => {
    assert.deepEqual(bloom(6), [-2, -4, -6, -8, -1, -3]);
    assert.deepEqual(mpt(6), [-2, -4, -6, -8, -1, -3]);
    // 12 heads: what is left of 16 is taken from the beginning
    const from8 = [-1, -2, -3, -4, -5, -6, -7, -8];
    for (const of of [bloom, mpt])
      of(12).forEach((m, i) => assert.ok(Math.abs(m - [...from8, -0.5, -1.5, -2.5, -3.5][i]!) < 1e-12));
  });

  it('of Falcon are bfloat16', () => {
    const config = { ...OTHERS.falcon!, hidden_size: 48, num_attention_heads: 12, alibi: true, multi_query: false };
    const { alibi, rope } = decoderSpec(config).layers[0]!.attention;
    assert.equal(alibi!.slopes[8], 0.70703125);
    assert.equal(rope, undefined);
  });
});

describe('rope', () => {
  const rope = (change: Config) => decoderSpec({ ...LLAMA, ...change }).layers[0]!.attention.rope!;

  it('angles are powers of the base, as float32', () => {
    assert.deepEqual(
      rope({}).invFreq,
      [0, 0.25, 0.5, 0.75].map((e) => Math.fround(1 / Math.fround(10000 ** e))),
    );
  });

  it('linear scaling divides them; dynamic scaling changes nothing within the context', () => {
    const plain = rope({}).invFreq;
    assert.deepEqual(
      rope({ rope_scaling: { type: 'linear', factor: 4 } }).invFreq,
      plain.map((w) => w / 4),
    );
    assert.deepEqual(rope({ rope_scaling: { type: 'dynamic', factor: 4 } }).invFreq, plain);
  });

  it('Llama 3 leaves short waves, slows long ones by the factor, and is between in between', () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const scaled = rope({
      rope_theta: 100,
      rope_scaling: { ...scaling, original_max_position_embeddings: 64 },
    }).invFreq;
    const plain = rope({ rope_theta: 100 }).invFreq;
    // wave lengths 6.3, 19.9, 62.8, 198.7 against 16 and 64
    assert.equal(scaled[0], plain[0]);
    assert.ok(scaled[1]! < plain[1]! && scaled[1]! > plain[1]! / 8);
    assert.ok(scaled[2]! < plain[2]! / 2 && scaled[2]! > plain[2]! / 8);
    assert.equal(scaled[3], Math.fround(plain[3]! / 8));
  });

  it('of an odd number of elements one more turns, by waves over the odd number', () => {
    const { dim, invFreq } = decoderSpec({ ...OTHERS.phi3!, partial_rotary_factor: 0.4 }).layers[0]!.attention.rope!;
    assert.equal(dim, 4);
    assert.deepEqual(
      invFreq,
      [0, 2 / 3].map((e) => Math.fround(1 / Math.fround(10000 ** Math.fround(e)))),
    );
  });

  it('30 of 44 elements turn, not the 29 that 30 / 44 of 44 are in float64', () => {
    const gptj = { ...OTHERS.codegen!, model_type: 'gptj', n_embd: 176, rotary_dim: 30 };
    const { dim, invFreq } = decoderSpec(gptj).layers[0]!.attention.rope!;
    assert.equal(dim, 30);
    assert.equal(invFreq[1], Math.fround(1 / Math.fround(10000 ** Math.fround(2 / 30))));
  });

  it('an empty rope_scaling is none', () => {
    const linear = { rope_type: 'linear', factor: 4, rope_theta: 100 };
    assert.deepEqual(rope({ rope_scaling: {}, rope_parameters: linear }), rope({ rope_parameters: linear }));
  });

  it("the bounds of YaRN's ramp are whole numbers, unless truncate is false or null", () => {
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16, beta_slow: 0.25 };
    const of = (change: Config) => rope({ rope_theta: 100, rope_scaling: { ...yarn, ...change } }).invFreq;
    assert.deepEqual(of({ truncate: true }), of({}));
    assert.deepEqual(of({ truncate: null }), of({ truncate: false }));
    assert.notDeepEqual(of({ truncate: false }), of({}));
  });

  it('YaRN over two elements of a head', () => {
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 };
    assert.deepEqual(rope({ head_dim: 2, rope_scaling: yarn }).invFreq, [1]);
  });

  it('Apertus has a rope of its own where config.json says nothing', () => {
    const of = (change: Config) =>
      decoderSpec({ ...OTHERS.apertus!, rope_theta: 100, rope_scaling: undefined, ...change }).layers[0]!.attention
        .rope!;
    const numbers = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    assert.deepEqual(of({}), of({ rope_parameters: { rope_type: 'llama3', rope_theta: 12000000, ...numbers } }));
    assert.notDeepEqual(of({}), of({ rope_parameters: { rope_type: 'default', rope_theta: 12000000 } }));
  });

  it('where layers have ropes of their own, rope_scaling goes over that of full attention', () => {
    const ropes = (change: Config) => {
      const layer_types = ['full_attention', 'sliding_attention'];
      const [full, sliding] = decoderSpec({ ...LLAMA, model_type: 'olmo3', layer_types, ...change }).layers;
      return [full!.attention.rope!.invFreq, sliding!.attention.rope!.invFreq];
    };
    const of = (rope_theta: number) => rope({ rope_theta }).invFreq;
    const halves = (waves: readonly number[]) => waves.map((w) => w / 2);
    // the layers with windows do not see `rope_theta`
    assert.deepEqual(ropes({ rope_theta: 100 }), [of(100), of(500000)]);
    assert.deepEqual(ropes({ rope_scaling: { rope_type: 'linear', factor: 2 } }), [halves(of(10000)), of(500000)]);
    // the old name of the type does not replace the default type, but names one in an entry
    assert.deepEqual(ropes({ rope_scaling: { type: 'linear', factor: 2 } }), [of(10000), of(500000)]);
    const rope_parameters = { full_attention: { type: 'linear', factor: 2 }, sliding_attention: { rope_theta: 100 } };
    assert.deepEqual(ropes({ rope_parameters }), [halves(of(10000)), of(100)]);
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16, beta_fast: 4 };
    assert.deepEqual(
      ropes({ rope_parameters: { full_attention: { ...yarn, truncate: false } }, original_max_position_embeddings: 8 }),
      ropes({ rope_parameters: { full_attention: yarn } }),
    );
  });

  it('queries of Ministral 3 grow from the original context on, wherever config.json has it', () => {
    const original = { original_max_position_embeddings: 8 };
    const rope_scaling = { rope_type: 'yarn', rope_theta: 100, factor: 2, llama_4_scaling_beta: 0.5 };
    const of = (change: Config) =>
      decoderSpec({ ...LLAMA, model_type: 'ministral3', num_key_value_heads: 2, rope_scaling, ...change }).layers[0]!
        .attention;
    assert.deepEqual(of(original).queryScaling, { beta: 0.5, context: 8 });
    assert.deepEqual(of(original), of({ rope_scaling: { ...rope_scaling, ...original } }));
    assert.equal(of({}).queryScaling!.context, 64);
  });

  it("Hunyuan's alpha is in the base, and without it nothing changes", () => {
    const of = (alpha: number) => {
      const rope_scaling = { type: 'dynamic', factor: 1, alpha };
      return decoderSpec({ ...OTHERS.hunyuan!, rope_scaling }).layers[0]!.attention.rope!.invFreq;
    };
    assert.deepEqual(of(0), rope({}).invFreq);
    assert.deepEqual(of(1000), rope({ rope_theta: 10000 * 1000 ** (8 / 6) }).invFreq);
  });

  it('YaRN and LongRoPE scale cos and sin', () => {
    const yarn = rope({ rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 16 } });
    assert.equal(yarn.attentionFactor, 0.1 * Math.log(4) + 1);
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] };
    const long = rope({ rope_scaling: { type: 'longrope', ...factors, original_max_position_embeddings: 16 } });
    assert.equal(long.attentionFactor, Math.sqrt(1 + Math.log(4) / Math.log(16)));
    assert.deepEqual(long.long, { from: 16, invFreq: rope({}).invFreq.map((w) => w / 2) });
  });
});
