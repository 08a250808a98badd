import type { ConfigReader } from './configReader.js';
import type { Family, FamilySpec } from './parts.js';

/**
 * Keys that change what a model computes in some family. Where the family at hand does not read one of them, the model
 * is rejected: it would compute something else. The value is the one that changes nothing; null, false, 0 and empty
 * values never do.
 */
const COMPUTING: Record<string, unknown> = {
  add_cross_attention: false,
  alibi: false,
  altup_num_inputs: 0,
  apply_residual_connection_post_layernorm: false,
  attention_bias: false,
  attention_chunk_size: 0,
  attention_multiplier: 1,
  attention_out_bias: false,
  attn_config: 0,
  attn_logit_softcapping: 0,
  clip_qkv: 0,
  cross_attention_layers: 0,
  dim_model_base: 0,
  embedding_multiplier: 1,
  final_logit_softcapping: 0,
  full_attn_mod: 1,
  hidden_size_per_layer_input: 0,
  is_encoder_decoder: false,
  kv_lora_rank: 0,
  lm_head_bias: false,
  logit_scale: 1,
  logits_scaling: 1,
  mlp_bias: false,
  moe_intermediate_size: 0,
  n_routed_experts: 0,
  n_shared_experts: 0,
  no_rope_layers: 0,
  num_experts: 0,
  num_experts_per_tok: 0,
  num_kv_shared_layers: 0,
  num_local_experts: 0,
  partial_rotary_factor: 1,
  per_layer_config: 0,
  post_norm: false,
  prefix_lm: false,
  position_embedding_xdrope: false,
  q_lora_rank: 0,
  qk_layernorm: false,
  qkv_bias: false,
  query_pre_attn_scalar: 0,
  residual_multiplier: 1,
  rope_interleaved: false,
  rope_scaling: 0,
  rotary_dim: 0,
  rotary_pct: 1,
  scale_depth: 0,
  scale_emb: 0,
  sliding_window: 0,
  text_config: 0,
  use_bias: false,
  use_cla: false,
  use_bidirectional_attention: false,
  use_mrope: false,
  use_parallel_residual: false,
  use_qk_norm: false,
  use_qkv_bias: false,
  vision_config: 0,
};

/**
 * The spec that a family makes of config.json.
 * @throws HumanError for a key that would change it, but is not read.
 */
export function readFamily(c: ConfigReader, modelType: string, family: Family): FamilySpec {
  const spec = family(c);
  // transformers reads it for every family, and has true where it is missing
  if (!c.boolean('is_causal', true)) c.reject('is_causal', 'attention to later positions is not supported');
  for (const [key, off] of Object.entries(COMPUTING)) {
    if (c.wasRead(key)) continue;
    const value = c.raw(key) ?? undefined;
    const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (value === undefined || value === false || value === 0 || value === '' || value === off || empty) continue;
    c.reject(key, `this key changes what a model computes and is not supported for the family ${modelType}`);
  }
  if (c.wasRead('layer_types')) return spec;
  const layerTypes = c.raw('layer_types') ?? undefined;
  if (layerTypes !== undefined && !(Array.isArray(layerTypes) && layerTypes.every((t) => t === 'full_attention')))
    c.reject('layer_types', `the family ${modelType} has only layers of full attention`);
  return spec;
}
