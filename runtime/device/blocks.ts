import type { DeviceChoice, Precision } from '../contract/recipeWords.js';
import { HumanError } from '../support/errors.js';

/**
 * The device for weights that are held so: products with blocks are computed on the CPU.
 * @throws HumanError for a GPU that is asked for with blocks
 */
export function deviceFor(device: DeviceChoice, precision: Precision): DeviceChoice {
  if (precision === 'float32') return device;
  if (device === 'auto' || device === 'cpu') return 'cpu';
  throw new HumanError('weights in blocks ("precision": "int8" or "int4") are for the CPU.', {
    place: 'device',
    remedy: 'Use "device": "cpu", or "precision": "float32".',
  });
}
