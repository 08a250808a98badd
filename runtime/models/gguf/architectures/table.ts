import { architecture, type Architecture, type Entries } from './shared/layout.js';
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
 * How GGUF files store the families: metadata → config.json, tensor names → Hugging Face names, and what llama.cpp's
 * converter (conversion/*.py) does to the values on the way in, to be undone. By `general.architecture`; Mistral files
 * have llama there, OLMo 3 files olmo2. A new architecture is an entry in the file that is named like that of its
 * family (models/families).
 */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = Object.fromEntries(
  Object.entries(ENTRIES).map(([name, entry]) => [name, architecture(name, entry)]),
);

export const architectureOf = (name: string): Architecture | undefined =>
  Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;

/** `model_type` → the architecture that it is written as. */
export const WRITTEN_AS: ReadonlyMap<string, Architecture> = new Map([
  ...Object.values(ARCHITECTURES).map((written) => [written.modelType, written] as const),
  ...Object.values(ARCHITECTURES).flatMap((written) =>
    written.writtenFor.map((modelType) => [modelType, written] as const),
  ),
]);
