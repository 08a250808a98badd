import { isFiniteNumber } from '../contract/measures.js';
import { HumanError } from '../support/errors.js';
import { isObject } from '../contract/isObject.js';
import { shown } from '../support/jsonFile.js';
import type { JsonObject } from '../support/jsonFile.js';

/** What of PEFT's LoraConfig (0.21) decides the mathematics of plain LoRA, and what its loader wants to know. */
export interface AdapterConfig {
  rank: number;
  alpha: number;
  /** Scale alpha / √rank instead of alpha / rank. */
  useRslora: boolean;
  /** Names (equal, or the end behind a dot), a regular expression on whole names, or "all-linear". */
  targetModules: string | string[];
  excludeModules?: string | string[];
  layersToTransform?: number[];
  layersPattern?: string[];
  /** Other ranks and alphas by regular expression on the name's end. */
  rankPattern: Record<string, number>;
  alphaPattern: Record<string, number>;
  /** The base weights are stored [in, out] (GPT-2's Conv1D); A and B are not affected. */
  fanInFanOut: boolean;
  baseModelName?: string;
  /** Branch, tag or commit of the base's repository; absent for `main`. */
  revision?: string;
  /** Dropout on the adapter's input while training. */
  dropout?: number;
  /** What PEFT's Auto classes load it by: a task, which by default is CAUSAL_LM, or null and the base's own class. */
  taskType?: string | null;
  autoMapping?: { base_model_class: string; parent_library: string };
}

/** What PEFT loads an adapter on. */
export type NamedBase = Pick<AdapterConfig, 'baseModelName' | 'revision'>;

/** What PEFT writes for a base that transformers does not list among the causal language models. */
export const loadedAs = (family: string): Pick<AdapterConfig, 'taskType' | 'autoMapping'> =>
  family === 'mistral3'
    ? {
        taskType: null,
        autoMapping: {
          base_model_class: 'Mistral3ForConditionalGeneration',
          parent_library: 'transformers.models.mistral3.modeling_mistral3',
        },
      }
    : {};

/** Keys that change the mathematics in ways that are not plain LoRA: allowed only switched off. */
const UNSUPPORTED: Record<string, string> = {
  use_dora: 'DoRA (weight-decomposed LoRA)',
  modules_to_save: 'trained copies of whole layers',
  lora_bias: 'a bias on LoRA B',
  target_parameters: 'LoRA on bare parameters',
  trainable_token_indices: 'trained token embeddings',
  layer_replication: 'replicated layers',
  alora_invocation_tokens: 'activated LoRA',
  use_qalora: 'QALoRA',
  use_bdlora: 'block-diagonal LoRA',
  arrow_config: 'Arrow routing',
  kasa_config: 'KaSA',
  monteclora_config: 'MonteCLoRA',
  megatron_config: 'Megatron layers',
};

/**
 * Keys without influence on what the loaded adapter computes: provenance, training, or settings of an initialisation.
 */
const WITHOUT_EFFECT = new Set([
  'peft_version',
  'inference_mode',
  'runtime_config',
  'ensure_weight_tying',
  'loftq_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'velora_config',
  'megatron_core',
  'qalora_group_size',
  // ms-swift's own, for its optimizer and the type that it trains in
  'lora_dtype',
  'lorap_lr_ratio',
  'lorap_emb_lr',
]);

/** Keys read below. */
const READ = new Set([
  'peft_type',
  'r',
  'lora_alpha',
  'use_rslora',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'layers_pattern',
  'rank_pattern',
  'alpha_pattern',
  'fan_in_fan_out',
  'base_model_name_or_path',
  'revision',
  'lora_dropout',
  'bias',
  'init_lora_weights',
  'task_type',
  'auto_mapping',
]);

/** Initialisations that leave the base weights alone, so that A and B are the whole adapter. */
const PLAIN_INIT = new Set<unknown>([undefined, null, true, false, 'gaussian', 'eva', 'orthogonal', 'mica']);

const MERGE_REMEDY =
  'Merge it into its base model with PEFT (merge_and_unload) and use the merged model, or train a plain LoRA.';

/**
 * Checks adapter_config.json. Nothing that changes what the adapter computes is ignored, unknown keys included.
 * @throws HumanError naming the key.
 */
export function parseAdapterConfig(json: JsonObject, place: string): AdapterConfig {
  const wrong = (message: string, remedy = 'Check the file, or save the adapter again with PEFT.'): HumanError =>
    new HumanError(message, { place, remedy });
  if (json.peft_type !== 'LORA') {
    throw wrong(`the adapter's "peft_type" is ${shown(json.peft_type)}; only LORA is supported.`, MERGE_REMEDY);
  }
  for (const [key, value] of Object.entries(json)) {
    if (READ.has(key) || WITHOUT_EFFECT.has(key) || isOff(value)) continue;
    const sentence = Object.hasOwn(UNSUPPORTED, key)
      ? `"${key}" is ${shown(value)}: ${UNSUPPORTED[key]} cannot be used.`
      : `The key "${key}" is unknown and set to ${shown(value)}.`;
    throw wrong(sentence, MERGE_REMEDY);
  }
  if (!isOff(json.bias) && json.bias !== 'none')
    throw wrong(`Trained biases ("bias": ${shown(json.bias)}) are not supported.`, MERGE_REMEDY);
  if (!PLAIN_INIT.has(json.init_lora_weights)) {
    throw wrong(
      `"init_lora_weights" is ${shown(json.init_lora_weights)}: such an adapter belongs to changed base weights, which are not in its folder.`,
      'Save it with path_initial_model_for_weight_conversion, which turns it into a plain LoRA.',
    );
  }

  const flag = (key: string): boolean => {
    const value = json[key] ?? false;
    if (typeof value !== 'boolean') throw wrong(`"${key}" is ${shown(value)}; true or false was expected.`);
    return value;
  };
  const names = (key: string): string | string[] | undefined => {
    const value = json[key];
    if (isOff(value)) return undefined;
    if (typeof value === 'string' || isStrings(value)) return value;
    throw wrong(`"${key}" is ${shown(value)}; a list of module names or a pattern was expected.`);
  };
  const pattern = (key: string, check: (value: unknown) => value is number): Record<string, number> => {
    const value = json[key] ?? {};
    if (!isObject(value) || !Object.values(value).every(check))
      throw wrong(`"${key}" is ${shown(value)}; names with numbers were expected.`);
    return value as Record<string, number>;
  };

  const targetModules = names('target_modules');
  if (targetModules === undefined) throw wrong('"target_modules" is missing.');
  const list = (value: unknown): unknown => (isOff(value) ? undefined : Array.isArray(value) ? value : [value]);
  const layersToTransform = list(json.layers_to_transform);
  if (
    layersToTransform !== undefined &&
    !(layersToTransform as unknown[]).every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  ) {
    throw wrong(`"layers_to_transform" is ${shown(json.layers_to_transform)}; layer numbers were expected.`);
  }
  const layersPattern = list(json.layers_pattern);
  if (layersPattern !== undefined && !isStrings(layersPattern)) {
    throw wrong(`"layers_pattern" is ${shown(json.layers_pattern)}; names were expected.`);
  }
  if (typeof targetModules === 'string' && (layersToTransform ?? layersPattern) !== undefined) {
    throw wrong('"layers_to_transform" and "layers_pattern" go with a list of target_modules only.');
  }
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout, base_model_name_or_path: base, revision } = json;
  if (!isRank(rank)) throw wrong(`"r" is ${shown(rank)}; a positive whole number was expected.`);
  if (!isAlpha(alpha)) throw wrong(`"lora_alpha" is ${shown(alpha)}; a number up to ${MAX_ALPHA} was expected.`);
  if (!isOff(dropout) && !isFiniteNumber(dropout))
    throw wrong(`"lora_dropout" is ${shown(dropout)}; a number was expected.`);
  return {
    rank,
    alpha,
    useRslora: flag('use_rslora'),
    targetModules,
    excludeModules: names('exclude_modules'),
    layersToTransform: layersToTransform as number[] | undefined,
    layersPattern,
    rankPattern: pattern('rank_pattern', isRank),
    alphaPattern: pattern('alpha_pattern', isAlpha),
    fanInFanOut: flag('fan_in_fan_out'),
    baseModelName: typeof base === 'string' ? base : undefined,
    revision: typeof revision === 'string' ? revision : undefined,
    dropout: isFiniteNumber(dropout) ? dropout : undefined,
    ...loading(json),
  };
}

/** How PEFT's Auto classes load it, as far as the file says it in a way that they understand. */
function loading({ task_type: task, auto_mapping: mapping }: JsonObject): ReturnType<typeof loadedAs> {
  if (typeof task === 'string') return { taskType: task };
  if (!isObject(mapping)) return {};
  const { base_model_class, parent_library } = mapping;
  if (typeof base_model_class !== 'string' || typeof parent_library !== 'string') return {};
  return { taskType: null, autoMapping: { base_model_class, parent_library } };
}

/** The same as PEFT 0.21 writes it, all keys of a plain LoRA that other tools look for. */
export function formatAdapterConfig(config: AdapterConfig): JsonObject {
  return {
    alpha_pattern: config.alphaPattern,
    auto_mapping: config.autoMapping ?? null,
    base_model_name_or_path: config.baseModelName ?? null,
    bias: 'none',
    exclude_modules: config.excludeModules ?? null,
    fan_in_fan_out: config.fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_bias: false,
    lora_dropout: config.dropout ?? 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    revision: config.revision ?? null,
    target_modules: config.targetModules,
    task_type: config.taskType === undefined ? 'CAUSAL_LM' : config.taskType,
    use_dora: false,
    use_rslora: config.useRslora,
  };
}

/** Null, false, zero-length: what PEFT writes for an option that is not used. */
function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((v) => typeof v === 'string' && v !== '');
const isRank = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
/** A larger factor would be infinite in float32, or near it. */
const MAX_ALPHA = 1e6;
const isAlpha = (value: unknown): value is number => isFiniteNumber(value) && Math.abs(value) <= MAX_ALPHA;
