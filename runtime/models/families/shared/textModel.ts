import { readFamily } from './readFamily.js';
import type { Families, Family, FamilySpec } from './parts.js';

/** The text model of a model for text and images, under the names that its modules have there. */
export function textModel(families: Families): Family {
  return (c) => {
    c.ignore('vision_config'); // not used for text
    const text =
      c.object('text_config') ?? c.reject('text_config', 'the text model is missing', 'Correct config.json.');
    const known = Object.keys(families);
    const modelType =
      known.find((name) => name === text.raw('model_type')) ??
      text.reject('model_type', `only the text model ${known.join(' or ')} is supported here`);
    const { head, ...spec } = renamed(readFamily(text, modelType, families[modelType]));
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
