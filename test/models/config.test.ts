/**
 * Configs that are refused before a weight is read, each with its reason; test/fuzz/modelConfig.test.ts damages them at
 * random.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { plannedModel } from '../../runtime/estimate/model.js';
import { ROOT } from '../calls/support.js';
import { SUPPORTED_FAMILIES } from '../../runtime/models/families/table.js';
import { GEMMA3, LLAMA, OTHERS, type Config } from './configs.js';
import { temporary } from '../support/temporary.js';

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

it('the model whose config it is stands in the error', async (t) => {
  const model = await temporary(t);
  await cp(join(ROOT, 'media/sample/tiny-assistant'), model, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Config;
  for (const [change, at] of [
    [{ model_type: 'mixtral' }, 'config.json: model_type'],
    [{ num_hidden_layers: 'x' }, 'config.json'],
  ] as const) {
    await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, ...change }));
    const place = join(model, at);
    for (const open of [() => openFrozen(model, { cache: '' }), () => plannedModel(model), () => openTokenizer(model)])
      await assert.rejects(open, { place });
  }
});

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
    ['phi3', { rope_parameters: { partial_rotary_factor: 0.1 } }, /partial_rotary_factor = 0.1: 0 of 8/],
    ['phi3', { partial_rotary_factor: 0.1 }, /partial_rotary_factor = 0.1: 0 of 8.*even/],
    ['gpt_neox', { rotary_pct: 0.4, rope_scaling: { type: 'yarn', factor: 4 } }, /rotary_pct = 0.4: 3 of 8.*even/],
    ['llama', { model_type: 'stablelm', partial_rotary_factor: 0.4 }, /partial_rotary_factor = 0.4: 3 of 8.*even/],
    ['codegen', { rotary_dim: 3 }, /rotary_dim = 3: an even number/],
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
    ['llama', { is_causal: false }, /is_causal = false.*later positions/],
    ['llama', { is_causal: null }, /is_causal = null.*later positions/],
    ['llama', { model_type: 'glm', partial_rotary_factor: null }, /partial_rotary_factor = null/],
    ['gemma3', { text_config: { ...GEMMA3, is_causal: false } }, /is_causal = false/],
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
    ['llama', { model_type: 'internlm3', attention_bias: true }, /^mlp_bias = missing: .* as attention_bias = true/],
    ['llama', { model_type: 'internlm3', qkv_bias: true, bias: false }, /^bias = false: .* as qkv_bias = true/],
    ['codegen', { n_head: 2 }, /n_head = 2/],
    ['codegen', { rope_scaling: { type: 'linear', factor: 2 } }, /rope_scaling/],
    ['codegen', { partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
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
    it(`refuses ${family}: ${JSON.stringify(change)}`, () => {
      const error = refusal({ ...(OTHERS[family] ?? LLAMA), ...change });
      assert.match(error.message, expected);
    });
  }
});
