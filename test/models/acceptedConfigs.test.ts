/** What the keys of a config mean, and those that are missing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { GEMMA3, LLAMA, OTHERS, type Config } from './configs.js';

describe('accepted', () => {
  it('keys that are off, and keys that are not about maths', () => {
    const off = {
      num_local_experts: 0,
      sliding_window: null,
      use_qk_norm: false,
      residual_multiplier: 1,
      layer_types: ['full_attention', 'full_attention'],
      quantization_config: null,
      rope_scaling: null,
      partial_rotary_factor: 1,
      pretraining_tp: 4,
      _name_or_path: 'somewhere',
      transformers_version: '4.0',
      some_note: 'kept by a tool',
    };
    assert.deepEqual(decoderSpec({ ...LLAMA, ...off }), decoderSpec(LLAMA));
  });

  it("missing keys have transformers' defaults", () => {
    const [layer] = decoderSpec(LLAMA).layers;
    assert.equal(layer!.attention.kvHeads, 4);
    assert.equal(layer!.attention.headDim, 8);
    assert.equal(decoderSpec(LLAMA).head.tied, false);
    assert.equal(decoderSpec({ ...LLAMA, rms_norm_eps: undefined }).finalNorm!.epsilon, 1e-6);
    assert.equal(decoderSpec(OTHERS.gemma!).head.tied, true);
    assert.equal(
      decoderSpec({ ...LLAMA, model_type: 'mistral', num_key_value_heads: 2 }).layers[0]!.attention.window,
      4096,
    );
    const unlimited = { ...LLAMA, model_type: 'mistral', num_key_value_heads: 2, sliding_window: null };
    assert.equal(decoderSpec(unlimited).layers[0]!.attention.window, undefined);
    assert.equal(decoderSpec({ ...OTHERS.gpt2!, n_positions: undefined }).contextLength, 1024);
  });

  it('null is false where missing is true', () => {
    for (const key of ['parallel_attn', 'multi_query'])
      assert.deepEqual(
        decoderSpec({ ...OTHERS.falcon!, [key]: null }),
        decoderSpec({ ...OTHERS.falcon!, [key]: false }),
      );
  });

  it('a GPT-NeoX config with both names of a number', () => {
    const both = {
      ...OTHERS.gpt_neox!,
      rotary_pct: 0.5,
      partial_rotary_factor: 0.5,
      rotary_emb_base: 500,
      rope_theta: 500,
    };
    const { dim, invFreq } = decoderSpec(both).layers[0]!.attention.rope!;
    assert.equal(dim, 4);
    assert.equal(invFreq[1], Math.fround(1 / Math.fround(Math.sqrt(500))));
  });

  it('every second layer of Gemma 2 has a window where config.json lists none', () => {
    const windows = decoderSpec({ ...OTHERS.gemma2!, sliding_window: 16 }).layers.map((l) => l.attention.window);
    assert.deepEqual(windows, [16, undefined]);
  });

  it('the text model of Gemma 3 for images, as published', () => {
    const { vocabSize, contextLength, layers, head, embedding } = decoderSpec(OTHERS.gemma3!);
    assert.deepEqual([vocabSize, contextLength, head.tied], [262208, 131072, true]);
    assert.equal(embedding.weight, 'model.language_model.embed_tokens.weight');
    const [first, , , , , sixth] = layers.map(({ attention }) => attention);
    assert.deepEqual([first!.heads, first!.kvHeads, first!.headDim, first!.window], [8, 4, 256, 1024]);
    assert.equal(sixth!.window, undefined);
    assert.equal(first!.rope!.invFreq[0], 1);
    assert.equal(sixth!.rope!.invFreq[0], 1 / 8);
  });

  it('Phi-4-mini: part of a head turns, by LongRoPE, with a tied head', () => {
    const factors = { short_factor: [1, 1, 1], long_factor: [1, 2, 4] };
    const mini = {
      ...OTHERS.phi3!,
      partial_rotary_factor: 0.75,
      max_position_embeddings: 131072,
      original_max_position_embeddings: 4096,
      rope_scaling: { type: 'longrope', ...factors },
      sliding_window: 262144,
      tie_word_embeddings: true,
      lm_head_bias: false,
      full_attn_mod: 1,
      interpolate_factor: 1,
    };
    const { head, layers } = decoderSpec(mini);
    assert.equal(head.tied, true);
    assert.equal(layers[0]!.attention.rope!.dim, 6);
    assert.equal(layers[0]!.attention.rope!.attentionFactor, Math.sqrt(1 + Math.log(32) / Math.log(4096)));
    assert.equal(layers[0]!.attention.rope!.long!.from, 4096);
  });

  it("Phi-3 has transformers' defaults, whatever its rope parameters say of the original context", () => {
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [1, 2, 4, 8] };
    const rope_parameters = { rope_type: 'longrope', ...factors, original_max_position_embeddings: 16 };
    const own = decoderSpec({ ...OTHERS.phi3!, rms_norm_eps: undefined, rope_parameters });
    assert.equal(own.finalNorm!.epsilon, 1e-5);
    assert.equal(own.layers[0]!.attention.rope!.long!.from, 4096);
    const both = { partial_rotary_factor: 0.5, rope_parameters: { partial_rotary_factor: 0.5 } };
    assert.equal(decoderSpec({ ...OTHERS.phi3!, ...both }).layers[0]!.attention.rope!.dim, 4);
  });

  it('a window of SmolLM3 that is not used, and one that layer_types asks for', () => {
    const windows = (change: Config) =>
      decoderSpec({ ...LLAMA, model_type: 'smollm3', sliding_window: 16, ...change }).layers.map(
        ({ attention }) => attention.window,
      );
    assert.deepEqual(windows({ use_sliding_window: false }), [undefined, undefined]);
    assert.deepEqual(windows({ layer_types: ['full_attention', 'sliding_attention'] }), [undefined, 16]);
  });

  it('keys that transformers does not look at', () => {
    const same = (family: string, change: Config, base: Config = {}) =>
      assert.deepEqual(
        decoderSpec({ ...OTHERS[family]!, ...base, ...change }),
        decoderSpec({ ...OTHERS[family]!, ...base }),
      );
    same('mpt', { expansion_ratio: 2 });
    same('bloom', { slow_but_exact: true, pretraining_tp: 1 });
    same('codegen', { rope_theta: 500, rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 500 } });
    same('falcon', { num_ln_in_parallel_attn: 2 }, { parallel_attn: false });
    same('gemma3', { text_config: { ...GEMMA3, final_logit_softcapping: 30, attn_logit_softcapping: 50 } });
    same('gemma3', { text_config: { ...GEMMA3, tie_word_embeddings: false } });
    assert.equal(decoderSpec({ ...OTHERS.gemma3!, tie_word_embeddings: false }).head.weight, 'lm_head.weight');
  });

  it('norms of OPT without weights', () => {
    const { layers, finalNorm } = decoderSpec({ ...OTHERS.opt!, layer_norm_elementwise_affine: false });
    for (const norm of [layers[0]!.attentionIn!, layers[0]!.mlpIn!, finalNorm])
      assert.deepEqual([norm!.factor, norm!.bias], ['none', false]);
    assert.equal(decoderSpec({ ...OTHERS.opt!, _remove_final_layer_norm: true }).finalNorm, undefined);
  });

  it('heads of another size than hidden_size / num_attention_heads', () => {
    for (const family of ['llama', 'mistral', 'qwen2'])
      assert.equal(decoderSpec({ ...(OTHERS[family] ?? LLAMA), head_dim: 16 }).layers[0]!.attention.out.in, 64, family);
  });

  it('windows of Qwen 2 from max_window_layers on', () => {
    const windows = (change: Config) =>
      decoderSpec({ ...OTHERS.qwen2!, sliding_window: 16, max_window_layers: 1, ...change }).layers.map(
        ({ attention }) => attention.window,
      );
    assert.deepEqual(windows({ use_sliding_window: true }), [undefined, 16]);
    assert.deepEqual(windows({ use_sliding_window: false }), [undefined, undefined]);
  });

  it('gelu in old Gemma configs means its tanh form', () => {
    assert.equal(decoderSpec({ ...OTHERS.gemma!, hidden_act: 'gelu' }).layers[0]!.mlp.activation, 'gelu-tanh');
    assert.equal(decoderSpec({ ...LLAMA, hidden_act: 'gelu' }).layers[0]!.mlp.activation, 'gelu');
    assert.equal(decoderSpec({ ...LLAMA, hidden_act: 'gelu_python' }).layers[0]!.mlp.activation, 'gelu');
  });
});
