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
    const wrong = (await readFloat32(info)).find((value) => !Number.isFinite(value));
    if (wrong !== undefined)
      throw new HumanError(`the weights have a value that is not a number (${wrong}).`, {
        place: `${info.file}: ${info.name}`,
        remedy: 'The file is damaged, or the training of this model went wrong: take another copy or version of it.',
      });
  }
}
