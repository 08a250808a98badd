import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { SUPPORTED_FAMILIES } from '../../runtime/models/families/table.js';
import { random } from '../../runtime/support/random.js';
import { FAMILIES, loadReference } from '../support/reference.js';

type Config = Record<string, unknown>;

it('the entries of each file of families are in the table, and no two have one model_type', async () => {
  const files = readdirSync(new URL('../../runtime/models/families/', import.meta.url), { withFileTypes: true });
  const groups = await Promise.all(
    files
      .filter((file) => file.isFile() && file.name !== 'table.ts')
      .map(({ name }) => import(`../../runtime/models/families/${name.slice(0, -'.ts'.length)}.ts`) as Promise<object>),
  );
  const entries = groups.flatMap((group) => Object.values(group) as object[]).flatMap((group) => Object.keys(group));
  assert.deepEqual(entries.sort(), SUPPORTED_FAMILIES);
});

const LLAMA: Config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
  vocab_size: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
};
/** As published for 4B: what is like transformers' defaults is left out. */
const GEMMA3: Config = {
  model_type: 'gemma3_text',
  hidden_size: 2560,
  intermediate_size: 10240,
  num_hidden_layers: 34,
  rope_scaling: { factor: 8, rope_type: 'linear' },
  sliding_window: 1024,
};
const OTHERS: Record<string, Config> = {
  qwen2: { ...LLAMA, model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] },
  gemma: { ...LLAMA, model_type: 'gemma', architectures: ['GemmaForCausalLM'], head_dim: 8, num_key_value_heads: 1 },
  gemma2: { ...LLAMA, model_type: 'gemma2', architectures: ['Gemma2ForCausalLM'], head_dim: 8 },
  falcon: { ...LLAMA, model_type: 'falcon', architectures: ['FalconForCausalLM'] },
  bloom: { model_type: 'bloom', n_embed: 32, n_layer: 2, num_attention_heads: 4, vocab_size: 128 },
  mpt: { model_type: 'mpt', d_model: 24, n_layers: 2, n_heads: 12, max_seq_len: 64, vocab_size: 128 },
  gemma3: {
    model_type: 'gemma3',
    architectures: ['Gemma3ForConditionalGeneration'],
    text_config: GEMMA3,
    vision_config: { hidden_size: 1152 },
  },
  mistral: { ...LLAMA, model_type: 'mistral', num_key_value_heads: 2 },
  phi3: { ...LLAMA, model_type: 'phi3' },
  hunyuan: { ...LLAMA, model_type: 'hunyuan_v1_dense' },
  apertus: { ...LLAMA, model_type: 'apertus', hidden_act: 'xielu', rope_scaling: { rope_type: 'default' } },
  olmo: { ...LLAMA, model_type: 'olmo' },
  granite4: {
    ...LLAMA,
    model_type: 'granitemoehybrid',
    num_local_experts: 0,
    layer_types: ['attention', 'full_attention'],
  },
  codegen: { model_type: 'codegen', n_embd: 32, n_layer: 2, n_head: 4, rotary_dim: 4, vocab_size: 128 },
  opt: { ...LLAMA, model_type: 'opt', architectures: ['OPTForCausalLM'], ffn_dim: 64 },
  gpt_neox: { ...LLAMA, model_type: 'gpt_neox', architectures: ['GPTNeoXForCausalLM'] },
  gpt_neo: { ...LLAMA, model_type: 'gpt_neo', num_layers: 2, num_heads: 4 },
  cohere: { ...LLAMA, model_type: 'cohere' },
  exaone4: { ...LLAMA, model_type: 'exaone4' },
  gpt2: { model_type: 'gpt2', n_embd: 32, n_layer: 2, n_head: 4, n_positions: 64, vocab_size: 128 },
};

function refusal(config: Config): HumanError {
  try {
    decoderSpec(config);
  } catch (error) {
    assert.ok(error instanceof HumanError, String(error));
    assert.ok(error.place?.startsWith('config.json'), error.place);
    assert.ok(error.remedy, 'a remedy');
    return error;
  }
  return assert.fail('accepted');
}

describe('refused before a weight is read, by name', () => {
  it('an architecture that is not in the table, with what is', () => {
    const error = refusal({ ...LLAMA, model_type: 'mixtral', architectures: ['MixtralForCausalLM'] });
    assert.match(error.message, /"mixtral" \(MixtralForCausalLM\) is not supported/);
    for (const family of SUPPORTED_FAMILIES) assert.ok(error.message.includes(family), family);
  });

  it('a config without a model_type, or with a name of Object', () => {
    assert.match(refusal({}).message, /without a model_type/);
    assert.match(refusal({ model_type: 'constructor' }).message, /"constructor"/);
  });

  it('a model without a language-model head', () => {
    assert.match(
      refusal({ ...LLAMA, architectures: ['LlamaForSequenceClassification'] }).message,
      /causal language models/,
    );
  });

  it('quantized weights, with the method', () => {
    const error = refusal({ ...LLAMA, quantization_config: { quant_method: 'gptq', bits: 4 } });
    assert.match(error.message, /gptq/);
    assert.match(error.message, /GGUF/);
  });

  const cases: [string, Config, RegExp][] = [
    ['llama', { num_local_experts: 8 }, /num_local_experts = 8/],
    ['llama', { num_experts_per_tok: 2 }, /num_experts_per_tok/],
    ['llama', { kv_lora_rank: 512 }, /kv_lora_rank/],
    ['llama', { attn_logit_softcapping: 50 }, /attn_logit_softcapping = 50/],
    ['llama', { residual_multiplier: 0.2 }, /residual_multiplier/],
    ['llama', { sliding_window: 16 }, /sliding_window/],
    ['llama', { layer_types: ['full_attention', 'sliding_attention'] }, /layer_types/],
    ['llama', { partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
    ['llama', { rope_interleaved: true }, /rope_interleaved/],
    ['gpt_neox', { partial_rotary_factor: 0.5 }, /partial_rotary_factor = 0.5.*rotary_pct = 0.25/],
    ['gpt_neo', { attention_types: [[['global'], 1e9]] }, /attention_types/],
    ['llama', { use_qk_norm: true }, /use_qk_norm/],
    ['llama', { per_layer_config: { 1: { intermediate_size: 16 } } }, /per_layer_config/],
    ['exaone4', { sliding_window_pattern: 'GGL' }, /sliding_window_pattern/],
    ['llama', { vision_config: { hidden_size: 1 } }, /vision_config/],
    ['llama', { hidden_act: 'geglu' }, /hidden_act = "geglu".*silu/],
    ['llama', { rope_scaling: { type: 'ntk', factor: 2 } }, /type = "ntk".*llama3/],
    ['llama', { rope_parameters: { rope_type: 'mrope', rope_theta: 1 } }, /rope_type = "mrope".*yarn/],
    ['llama', { rope_scaling: { rope_type: 'linear' } }, /factor = missing/],
    ['llama', { rope_scaling: { rope_type: 'llama3', factor: 8 } }, /low_freq_factor/],
    ['llama', { rope_scaling: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }, /short_factor/],
    ['llama', { rope_scaling: 'linear' }, /rope_scaling = "linear"/],
    [
      'llama',
      { rope_theta: 1, rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 999 } },
      /rope_theta.*no finite angles/,
    ],
    ['llama', { rope_scaling: { type: 'linear', factor: 1e-60 } }, /no finite angles/],
    ['llama', { head_dim: 7 }, /head_dim = 7.*even/],
    ['phi3', { partial_rotary_factor: 0.1 }, /partial_rotary_factor = 0.1: 0 of 8.*even/],
    ['llama', { hidden_size: 33 }, /hidden_size = 33.*num_attention_heads/],
    ['llama', { num_key_value_heads: 3 }, /num_key_value_heads = 3/],
    ['llama', { num_hidden_layers: 2.5 }, /num_hidden_layers = 2.5/],
    ['llama', { num_hidden_layers: 100000 }, /num_hidden_layers/],
    ['llama', { head_dim: 2 ** 22 }, /head_dim = 4194304/],
    ['llama', { hidden_size: 2 ** 23, head_dim: null }, /hidden_size = 8388608/],
    ['llama', { num_attention_heads: 2 ** 20 }, /num_attention_heads = 1048576/],
    ['gpt_neo', { attention_types: [[[{}], 2]] }, /attention_types/],
    ['llama', { model_type: 'x'.repeat(200), architectures: ['x'.repeat(300)] }, /^.{1,1000}$/],
    ['llama', { vocab_size: 1e12 }, /vocab_size/],
    ['llama', { vocab_size: undefined }, /vocab_size = missing/],
    ['llama', { hidden_size: '32' }, /hidden_size = "32"/],
    ['llama', { rms_norm_eps: 0 }, /rms_norm_eps/],
    ['llama', { attention_bias: 'yes' }, /attention_bias = "yes"/],
    ['qwen2', { layer_types: ['full_attention'] }, /layer_types/],
    ['qwen2', { layer_types: ['full_attention', 'linear_attention'] }, /linear_attention/],
    ['qwen2', { layer_types: ['full_attention', 'sliding_attention'] }, /no sliding_window/],
    ['gemma', { use_bidirectional_attention: true }, /use_bidirectional_attention/],
    ['gemma2', { query_pre_attn_scalar: -1 }, /query_pre_attn_scalar/],
    ['falcon', { apply_residual_connection_post_layernorm: true }, /apply_residual_connection_post_layernorm/],
    ['bloom', { slow_but_exact: true, pretraining_tp: 2 }, /slow_but_exact/],
    ['mpt', { attn_config: { alibi: false } }, /alibi = false/],
    ['mpt', { attn_config: { alibi_bias_max: 16 } }, /alibi_bias_max = 16/],
    ['mpt', { attn_config: { qk_ln: true } }, /qk_ln/],
    ['mpt', { attn_config: { attn_type: 'multiquery_attention' } }, /attn_type/],
    ['mpt', { attn_config: { prefix_lm: true } }, /prefix_lm/],
    ['mpt', { attn_config: { clip_qkv: -1 } }, /clip_qkv/],
    ['mpt', { no_bias: false }, /no_bias/],
    ['mpt', { logit_scale: 'inv_sqrt_d_model' }, /logit_scale/],
    ['mpt', { norm_type: 'rmsnorm' }, /norm_type/],
    ['hunyuan', { use_cla: true }, /use_cla/],
    ['hunyuan', { num_experts: 8 }, /num_experts = 8/],
    ['hunyuan', { rope_scaling: { type: 'dynamic', alpha: -1, factor: 1 } }, /alpha = -1/],
    ['granite4', { num_local_experts: 8 }, /num_local_experts = 8/],
    ['granite4', { num_local_experts: undefined }, /num_local_experts = missing/],
    ['granite4', { layer_types: ['attention', 'mamba'] }, /layer_types.*attention/],
    ['granite4', { layer_types: undefined }, /layers_block_type = missing.*Mamba/],
    ['apertus', { hidden_act: 'silu' }, /hidden_act = "silu"/],
    ['apertus', { post_norm: true }, /post_norm/],
    ['olmo', { clip_qkv: -8 }, /clip_qkv/],
    ['codegen', { n_head: 2 }, /n_head = 2/],
    ['gemma3', { text_config: { ...LLAMA, model_type: 'llama' } }, /model_type = "llama".*gemma3_text/],
    ['gemma3', { text_config: undefined }, /text_config = missing/],
    ['gemma3', { text_config: { ...GEMMA3, num_experts: 8 } }, /num_experts = 8/],
    ['llama', { model_type: 'mistral3', text_config: LLAMA }, /model_type = "llama".*mistral or ministral3/],
    ['llama', { model_type: 'llama4', text_config: {} }, /"llama4"/],
    ['phi3', { lm_head_bias: true }, /lm_head_bias/],
    ['phi3', { full_attn_mod: 4 }, /full_attn_mod/],
    ['mistral', { attention_bias: true }, /attention_bias = true/],
    ['qwen2', { use_mrope: true }, /use_mrope/],
    ['opt', { word_embed_proj_dim: 0 }, /word_embed_proj_dim/],
    ['gpt2', { add_cross_attention: true }, /add_cross_attention/],
    ['gpt2', { rope_scaling: { type: 'linear', factor: 2 } }, /rope_scaling/],
  ];
  for (const [family, change, expected] of cases) {
    it(`${family} with ${JSON.stringify(change)}`, () => {
      const error = refusal({ ...(OTHERS[family] ?? LLAMA), ...change });
      assert.match(error.message, expected);
    });
  }
});

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

  it('an empty rope_scaling is none', () => {
    const linear = { rope_type: 'linear', factor: 4, rope_theta: 100 };
    assert.deepEqual(rope({ rope_scaling: {}, rope_parameters: linear }), rope({ rope_parameters: linear }));
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

it('any change of a config ends in a spec or a refusal', async () => {
  const rng = random('configs');
  const values = [
    null,
    undefined,
    true,
    false,
    0,
    1,
    -1,
    2.5,
    3,
    1e9,
    Infinity,
    '',
    'gelu',
    'x'.repeat(1000),
    [],
    [1],
    ['full_attention'],
    {},
    { rope_type: 'yarn', factor: 1e-30 },
  ];
  let accepted = 0;
  let refused = 0;
  for (const name of FAMILIES) {
    const { config, legacyConfig } = await loadReference(name);
    for (let i = 0; i < 150; i++) {
      const changed: Config = { ...(i % 2 === 0 ? config : legacyConfig) };
      const keys = Object.keys(changed);
      for (let n = 0; n <= rng.int(2); n++) changed[keys[rng.int(keys.length)]!] = values[rng.int(values.length)];
      try {
        JSON.stringify(decoderSpec(changed), (key, value: unknown) => {
          assert.ok(
            typeof value !== 'number' || Number.isFinite(value),
            `${name} ${JSON.stringify(changed)}: ${key} = ${String(value)}`,
          );
          return value;
        });
        accepted++;
      } catch (error) {
        assert.ok(error instanceof HumanError, `${name} ${JSON.stringify(changed)}: ${String(error)}`);
        refused++;
      }
    }
  }
  assert.ok(accepted > 1000 && refused > 500, `${accepted} accepted, ${refused} refused`);
});
