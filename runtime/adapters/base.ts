import { HumanError } from '../support/errors.js';
import type { ModelHashes } from '../models/weights/hashes.js';
import type { AdapterFile } from './files.js';

/**
 * That the adapter was trained on these weights, where it says on which ones.
 * @param hashes of the model's weights, which may take a while
 * @throws HumanError for others: shapes may fit, and yet it does something else there
 */
export async function requireBase(
  { path, provenance: { baseModel } }: Pick<AdapterFile, 'path' | 'provenance'>,
  hashes: () => Promise<ModelHashes>,
): Promise<void> {
  if (baseModel?.sha256 === undefined) return;
  const known = await hashes();
  if (known.includes(baseModel.sha256)) return;
  const name = baseModel.name === undefined ? '' : ` (${baseModel.name})`;
  throw new HumanError(
    `it was trained on other weights${name}, of SHA-256 ${baseModel.sha256.slice(0, 12)}…; the model here has ${known[0].slice(0, 12)}….`,
    { place: path, remedy: 'Train it on this model, or name the model that it was trained on.' },
  );
}
