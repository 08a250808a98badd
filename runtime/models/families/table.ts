import { cohere } from './cohere.js';
import { gemma } from './gemma.js';
import { glm } from './glm.js';
import { gpt } from './gpt.js';
import { granite } from './granite.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { neox } from './neox.js';
import { olmo } from './olmo.js';
import { opt } from './opt.js';
import { phi } from './phi.js';
import { plainMlp } from './plainMlp.js';
import { qwen } from './qwen.js';
import type { Families, Family } from './shared/parts.js';

/** `model_type` of config.json → how to read it. A new family is an entry in the file of its nearest relatives. */
const FAMILIES: Families = {
  ...llama,
  ...mistral,
  ...qwen,
  ...phi,
  ...gemma,
  ...granite,
  ...olmo,
  ...cohere,
  ...glm,
  ...plainMlp,
  ...gpt,
  ...neox,
  ...opt,
};

export const SUPPORTED_FAMILIES: readonly string[] = Object.keys(FAMILIES).sort();

export const familyOf = (modelType: string): Family | undefined =>
  Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined;
