import type { JsonObject } from '../support/jsonFile.js';

/** Types of models that are supported here, and that transformers.js 4 has no class for. */
const LACKING = [
  'biogpt',
  'cwm',
  'exaone4',
  'glm4',
  'hyperclovax',
  'internlm3',
  'jais2',
  'mistral3',
  'nemotron',
  'persimmon',
  'seed_oss',
];

/** Why transformers.js does not load the ONNX folder of a model; undefined where it does. */
export function notInTransformersJs(config: JsonObject): string | undefined {
  const why = reason(config);
  return why && `transformers.js 4 does not load it: it ${why}. onnxruntime runs the file.`;
}

function reason({ model_type, multi_query, layer_types, layers_block_type }: JsonObject): string | undefined {
  const type = String(model_type);
  if (LACKING.includes(type)) return `has no models of the type ${type}`;
  if (type === 'gemma3') return 'looks for the parts of a gemma3, which has images, in several files';
  if (multi_query === true) return `looks for keys and values in one tensor where a ${type} has "multi_query"`;
  const types = layer_types ?? layers_block_type;
  if (type === 'granitemoehybrid' && Array.isArray(types) && types.includes('full_attention'))
    return `looks for "attention" in the types of a ${type}'s layers, which are "full_attention" here`;
  return undefined;
}
