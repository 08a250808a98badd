import { join } from 'node:path';
import { HumanError } from '../../support/errors.js';
import { shown } from '../../support/jsonFile.js';
import { ConfigReader } from './shared/configReader.js';
import { familyOf, SUPPORTED_FAMILIES } from './table.js';
import { readFamily } from './shared/readFamily.js';
import type { DecoderSpec } from '../decoder/spec.js';

const SUPPORTED = `Supported are ${SUPPORTED_FAMILIES.join(', ')}.`;

/** Class names of models with a language-model head. */
const CAUSAL = /(ForCausalLM|LMHeadModel)$|^(Gemma3|Mistral3)ForConditionalGeneration$/;

/**
 * What the model of a config.json computes.
 * @param model its path, for errors
 * @throws HumanError naming the model, the family or the key, its value and what is supported.
 */
export function decoderSpec(config: Record<string, unknown>, model?: string): DecoderSpec {
  try {
    return specOf(config);
  } catch (error) {
    if (model === undefined || !(error instanceof HumanError)) throw error;
    throw new HumanError(error.message, { ...error, place: join(model, error.place ?? ''), cause: error });
  }
}

/**
 * It takes transformers 5 configs (`rope_parameters`, `dtype`) and transformers 4 ones
 * (`rope_theta`, `rope_scaling`, `torch_dtype`). No weight is read.
 */
function specOf(config: Record<string, unknown>): DecoderSpec {
  const c = new ConfigReader(config);
  const modelType = c.raw('model_type');
  const family = typeof modelType === 'string' ? familyOf(modelType) : undefined;
  const architectures = c.raw('architectures') ?? undefined;
  const architecture: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof modelType !== 'string' || !family) {
    const named = typeof modelType === 'string' ? shown(modelType) : 'without a model_type';
    const also = typeof architecture === 'string' ? ` (${architecture.slice(0, 80)})` : '';
    throw new HumanError(`the architecture ${named}${also} is not supported. ${SUPPORTED}`, {
      place: 'config.json: model_type',
      remedy: 'Use a model of one of these families.',
    });
  }
  if (architecture !== undefined && !(typeof architecture === 'string' && CAUSAL.test(architecture)))
    c.reject(
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
    family: modelType,
    architecture: typeof architecture === 'string' ? architecture : modelType,
    ...readFamily(c, modelType, family),
  };
}
