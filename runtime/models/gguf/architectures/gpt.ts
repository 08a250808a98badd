/** GPT-2 and its relatives in GGUF. */
import { HumanError } from '../../../support/errors.js';
import { FUSED_BIASES, clamp, type Entries } from './shared/layout.js';

const GPT2_NAMES = {
  outer: {
    token_embd: 'transformer.wte',
    position_embd: 'transformer.wpe',
    output_norm: 'transformer.ln_f',
    output: 'lm_head',
  },
  layers: 'transformer.h',
  inner: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  sizeNames: {
    hidden: 'n_embd',
    inner: 'n_inner',
    layers: 'n_layer',
    heads: 'n_head',
    context: 'n_positions',
    kvHeads: undefined,
    headDim: undefined,
  },
  epsilon: 'layer_norm_epsilon',
  withoutRope: true,
} as const;

export const gpt = {
  gpt2: {
    ...GPT2_NAMES,
    className: 'GPT2LMHeadModel',
    biases: { must: FUSED_BIASES },
    activation: ['activation_function', 'gelu_new'],
    // Conv1D weights are [in, out].
    change: (name) =>
      /^(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { kind: 'transpose' } : undefined,
  },
  starcoder: {
    ...GPT2_NAMES,
    modelType: 'gpt_bigcode',
    className: 'GPTBigCodeForCausalLM',
    biases: { must: FUSED_BIASES },
    activation: ['activation_function', 'gelu_pytorch_tanh'],
    // One key head: all of q, then k, then v, as in GGUF.
    config: (m, _, s) => ({
      multi_query: s.kvHeads === 1 || m.reject('starcoder.attention.head_count_kv', 'only one key head is supported'),
    }),
  },
  mpt: {
    className: 'MptForCausalLM',
    outer: { token_embd: 'transformer.wte', output_norm: 'transformer.norm_f', output: 'lm_head' },
    layers: 'transformer.blocks',
    inner: {
      attn_norm: 'norm_1',
      attn_qkv: 'attn.Wqkv',
      attn_output: 'attn.out_proj',
      ffn_norm: 'norm_2',
      ffn_up: 'ffn.up_proj',
      ffn_down: 'ffn.down_proj',
    },
    sizeNames: {
      hidden: 'd_model',
      inner: undefined,
      layers: 'n_layers',
      heads: 'n_heads',
      context: 'max_seq_len',
      kvHeads: undefined,
      headDim: undefined,
    },
    activation: [undefined, 'gelu'],
    epsilon: 'layer_norm_epsilon',
    withoutRope: true,
    config: (m, _, s) => ({
      no_bias: true,
      expansion_ratio: s.inner / s.hidden,
      attn_config: {
        alibi: true,
        alibi_bias_max: m.decimal('mpt.attention.max_alibi_bias'),
        clip_qkv: m.has('mpt.attention.clamp_kqv') ? m.decimal('mpt.attention.clamp_kqv') : null,
      },
    }),
    metadata: (spec) => {
      const { heads } = spec.layers[0].attention;
      if (!Number.isInteger(Math.log2(heads)))
        throw new HumanError(`llama.cpp has other ALiBi slopes for ${heads} heads.`, {
          place: 'config.json: n_heads',
          remedy: 'Export as safetensors instead.',
        });
      return { 'attention.max_alibi_bias': { f32: 8 }, ...clamp(spec) };
    },
  },
} satisfies Entries;
