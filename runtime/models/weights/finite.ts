import { HumanError } from '../../support/errors.js';
import type { ModelFolder } from './modelFolder.js';
import { isFloat, readFloat32 } from './safetensors.js';

/**
 * Called when a model's results are not finite: names the tensor that is to blame, if one is. Reads all weights.
 * @throws HumanError naming file and tensor
 */
export async function requireFiniteWeights({ tensors }: Pick<ModelFolder, 'tensors'>): Promise<void> {
  for (const info of tensors.values()) {
    if (!isFloat(info.dtype)) continue;
    requireFinite(await readFloat32(info), `${info.file}: ${info.name}`);
  }
}

/** @throws HumanError for the first value that is not finite */
export function requireFinite(values: Float32Array, place: string): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new HumanError(`the weights have a value that is not a number (${values[i]}).`, {
        place,
        remedy: 'The file is damaged, or the training of this model went wrong: take another copy or version of it.',
      });
}
