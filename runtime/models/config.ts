import { HumanError } from '../errors.js';
import { ConfigReader } from './configReader.js';
import { shown } from '../jsonFile.js';
import { bloom, mpt } from './families/alibi.js';
import { gemma, gemma2, gemma3, vaultGemma } from './families/gemma.js';
import { biogpt, codegen, gpt2, gptBigCode, gptj, gptNeo, opt } from './families/gpt.js';
import {
  cwm,
  internlm3,
  llama,
  ministral,
  ministral3,
  mistral,
  phi3,
  qwen2,
  qwen3,
  smollm3,
} from './families/llama.js';
import { falcon, gptNeox, persimmon } from './families/neox.js';
import type { Family, FamilySpec } from './families/parts.js';
import * as interleaved from './families/interleaved.js';
import * as variants from './families/variants.js';
import type { DecoderSpec } from './spec.js';

export type { DecoderSpec } from './spec.js';

/** `model_type` of config.json → how to read it. */
const FAMILIES: Record<string, Family> = {
  apertus: variants.apertus,
  arcee: variants.arcee,
  biogpt,
  bloom,
  codegen,
  cohere: interleaved.cohere,
  cohere2: interleaved.cohere2,
  cwm,
  ernie4_5: interleaved.ernie45,
  exaone4: variants.exaone4,
  falcon,
  gemma,
  gemma2,
  gemma3: textModel({ gemma3_text: gemma3 }),
  gemma3_text: gemma3,
  glm: interleaved.glm,
  glm4: interleaved.glm4,
  gpt2,
  gpt_bigcode: gptBigCode,
  gpt_neo: gptNeo,
  gpt_neox: gptNeox,
  gptj,
  granite: variants.granite,
  granitemoehybrid: variants.graniteHybrid,
  helium: interleaved.helium,
  hunyuan_v1_dense: variants.hunyuan,
  hyperclovax: variants.hyperclovax,
  internlm3,
  jais2: variants.jais2,
  llama,
  ministral,
  ministral3,
  mistral,
  mistral3: textModel({ mistral, ministral3 }),
  mpt,
  nanochat: variants.nanochat,
  nemotron: variants.nemotron,
  olmo: variants.olmo,
  olmo2: variants.olmo2,
  olmo3: variants.olmo3,
  opt,
  persimmon,
  phi: variants.phi,
  phi3,
  qwen2,
  qwen3,
  seed_oss: variants.seedOss,
  smollm3,
  stablelm: variants.stablelm,
  starcoder2: variants.starcoder2,
  vaultgemma: vaultGemma,
};

export const SUPPORTED_FAMILIES: readonly string[] = Object.keys(FAMILIES);
const SUPPORTED = `Supported are ${SUPPORTED_FAMILIES.join(', ')}.`;

/** Class names of models with a language-model head. */
const CAUSAL = /(ForCausalLM|LMHeadModel)$|^(Gemma3|Mistral3)ForConditionalGeneration$/;

/**
 * Keys that change what a model computes in some family. Where the family at hand does not read one of them, the model is
 * refused: it is not the model that the family's code would compute. The value is what the key says when it is off; null,
 * false, 0 and empty values are off everywhere.
 */
const MATHS: Record<string, unknown> = {
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
 * What the model of a config.json computes. Reads transformers 5 configs (`rope_parameters`, `dtype`) and transformers 4 ones
 * (`rope_theta`, `rope_scaling`, `torch_dtype`). No weight is read.
 * @throws HumanError naming the family or the key, its value and what is supported.
 */
export function decoderSpec(config: Record<string, unknown>): DecoderSpec {
  const c = new ConfigReader(config);
  const type = c.raw('model_type');
  const family = typeof type === 'string' && Object.hasOwn(FAMILIES, type) ? FAMILIES[type] : undefined;
  const architectures = c.raw('architectures') ?? undefined;
  const architecture: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  if (!family) {
    const named = typeof type === 'string' ? shown(type) : 'without a model_type';
    const also = typeof architecture === 'string' ? ` (${architecture.slice(0, 80)})` : '';
    throw new HumanError(`the architecture ${named}${also} is not supported. ${SUPPORTED}`, {
      place: 'config.json: model_type',
      remedy: 'Use a model of one of these families.',
    });
  }
  if (architecture !== undefined && !(typeof architecture === 'string' && CAUSAL.test(architecture)))
    c.refuse(
      'architectures',
      `only causal language models are supported, not this one. ${SUPPORTED}`.replace(/\.$/, ''),
    );
  if (c.has('quantization_config')) {
    const method = c.object('quantization_config')?.raw('quant_method');
    throw new HumanError(
      `the weights are quantized${typeof method === 'string' ? ` (${method.slice(0, 80)})` : ''}; supported are F32, F16, BF16 and F64 in safetensors, and GGUF files.`,
      { place: 'config.json: quantization_config', remedy: 'Use an unquantized copy of the model, or a GGUF file.' },
    );
  }

  return {
    family: type as string,
    architecture: typeof architecture === 'string' ? architecture : (type as string),
    ...checked(c, type as string, family),
  };
}

/** What the family reads, once no key that it does not read would change it. */
function checked(c: ConfigReader, type: string, family: Family): FamilySpec {
  const spec = family(c);
  for (const [key, off] of Object.entries(MATHS)) {
    if (c.wasRead(key)) continue;
    const value = c.raw(key) ?? undefined;
    const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (value === undefined || value === false || value === 0 || value === '' || value === off || empty) continue;
    c.refuse(key, `this key changes what a model computes and is not supported for the family ${type}`);
  }
  if (c.wasRead('layer_types')) return spec;
  const layerTypes = c.raw('layer_types') ?? undefined;
  if (layerTypes !== undefined && !(Array.isArray(layerTypes) && layerTypes.every((t) => t === 'full_attention')))
    c.refuse('layer_types', `the family ${type} has only layers of full attention`);
  return spec;
}

/** The text model of a model for text and images, under the names that its modules have there. */
function textModel(families: Record<string, Family>): Family {
  return (c) => {
    c.raw('vision_config'); // not used for text
    const text =
      c.object('text_config') ?? c.refuse('text_config', 'the text model is missing', 'Correct config.json.');
    const known = Object.keys(families);
    const type =
      known.find((name) => name === text.raw('model_type')) ??
      text.refuse('model_type', `only the text model ${known.join(' or ')} is supported here`);
    const { head, ...spec } = renamed(checked(text, type, families[type]!));
    const tied = c.boolean('tie_word_embeddings', true);
    const weight = tied ? spec.embedding.weight : `${head.name}.weight`;
    // transformers has no soft cap on the logits of these models
    return { ...spec, head: { ...head, weight, tied, softcap: undefined } };
  };
}

const renamed = (spec: FamilySpec): FamilySpec =>
  JSON.parse(JSON.stringify(spec), (_, value: unknown) =>
    typeof value === 'string' ? value.replace(/^model\./, 'model.language_model.') : value,
  ) as FamilySpec;
