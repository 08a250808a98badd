import { architecture, type Architecture, type Entries } from '../layout.js';
import { cohere } from './cohere.js';
import { gemma } from './gemma.js';
import { glm } from './glm.js';
import { gpt } from './gpt.js';
import { granite } from './granite.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { neox } from './neox.js';
import { olmo } from './olmo.js';
import { phi } from './phi.js';
import { plainMlp } from './plainMlp.js';
import { qwen } from './qwen.js';

const ENTRIES: Entries = {
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
};

/**
 * How GGUF files store the families: metadata → config.json, tensor names → Hugging Face names, and what llama.cpp's converter
 * (conversion/*.py) does to the values on the way in, to be undone. By `general.architecture`; Mistral files have llama there,
 * OLMo 3 files olmo2. A new architecture is an entry in the file that is named like that of its family (models/families).
 */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = Object.fromEntries(
  Object.entries(ENTRIES).map(([name, entry]) => [name, architecture(name, entry)]),
);

/** `model_type` → the `general.architecture` that it is written as. */
export const WRITTEN_AS: Readonly<Record<string, string>> = Object.fromEntries([
  ...Object.entries(ARCHITECTURES).map(([name, { modelType }]) => [modelType, name]),
  ...Object.entries(ENTRIES).flatMap(([name, { writtenFor = [] }]) => writtenFor.map((modelType) => [modelType, name])),
]) as Record<string, string>;
