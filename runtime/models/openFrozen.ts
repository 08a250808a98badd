import type { Precision } from '../contract/recipeWords.js';
import type { DecoderSpec } from './decoder/spec.js';
import { decoderSpec } from './families/config.js';
import { openModel, type OpenModelOptions } from './folder.js';
import { alignModel, packModel } from './packed/packModel.js';
import type { CacheOptions } from './packed/weightsInCache.js';
import type { ModelFolder } from './weights/modelFolder.js';

/**
 * Opens a model whose weights are mapped as they are, or are held in blocks. An architecture that is not supported is
 * refused before a weight is read.
 * @throws Cancelled, and HumanError for what is missing, damaged or not supported
 */
export async function openFrozen(
  path: string,
  { precision = 'float32', ...where }: OpenModelOptions & CacheOptions & { precision?: Precision },
): Promise<{ model: ModelFolder; spec: DecoderSpec }> {
  const model = await openModel(path, { ...where, precision });
  const spec = decoderSpec(model.config, path);
  if (model.packed) return { model, spec };
  const held = precision === 'float32' ? alignModel(model, spec, where) : packModel(model, spec, precision, where);
  return { model: { ...model, ...(await held) }, spec };
}
