import { HumanError } from '../support/errors.js';
import type { AdapterFile } from './files.js';

/**
 * That the adapter was trained on these weights, where it says on which ones.
 * @param modelSha256 of the model's weights
 * @throws HumanError for others: shapes may fit, and yet it does something else there
 */
export function requireBase({ path, provenance: { baseModel } }: AdapterFile, modelSha256: string): void {
  if (baseModel?.sha256 === undefined || baseModel.sha256 === modelSha256) return;
  const name = baseModel.name === undefined ? '' : ` (${baseModel.name})`;
  throw new HumanError(
    `it was trained on other weights${name}, of SHA-256 ${baseModel.sha256.slice(0, 12)}…; the model here has ${modelSha256.slice(0, 12)}….`,
    { place: path, remedy: 'Train it on this model, or name the model that it was trained on.' },
  );
}
