import { HumanError } from '../support/errors.js';
import type { AdapterFile } from './files.js';

/** SHA-256 of a model's weights, as it is written down, and others that it is known by. */
export type ModelHashes = readonly [string, ...string[]];

/**
 * That the adapter was trained on these weights, where it says on which ones.
 * @param hashes of the model's weights
 * @throws HumanError for others: shapes may fit, and yet it does something else there
 */
export function requireBase({ path, provenance: { baseModel } }: AdapterFile, hashes: ModelHashes): void {
  if (baseModel?.sha256 === undefined || hashes.includes(baseModel.sha256)) return;
  const name = baseModel.name === undefined ? '' : ` (${baseModel.name})`;
  throw new HumanError(
    `it was trained on other weights${name}, of SHA-256 ${baseModel.sha256.slice(0, 12)}…; the model here has ${hashes[0].slice(0, 12)}….`,
    { place: path, remedy: 'Train it on this model, or name the model that it was trained on.' },
  );
}
