import { HumanError } from '../support/errors.js';
import type { ModelHashes } from '../models/weights/hashes.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { writtenTokens } from '../models/text/writtenTokens.js';
import { ROLE_FILE, type AdapterFile, type AdapterProvenance } from './files.js';

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

/**
 * Why the adapter does here what nobody has measured, though the weights are the same; undefined where nothing is known
 * of another chat template or tokenizer.
 */
export function otherTokens(
  { path, provenance: { baseModel } }: Pick<AdapterFile, 'path' | 'provenance'>,
  tokenizer: Tokenizer,
): HumanError | undefined {
  return tokensFault(baseModel?.tokens, tokenizer, { place: path, kept: `its ${ROLE_FILE}` });
}

/** The same of what was trained with a tokenizer that wrote `before`. @param kept the file that says so */
export function tokensFault(
  before: string | undefined,
  tokenizer: Tokenizer,
  { place, kept }: { place: string; kept: string },
): HumanError | undefined {
  const now = writtenTokens(tokenizer);
  if (before === undefined || now === undefined || now === before) return undefined;
  return new HumanError(
    'it was trained with another chat template or tokenizer: rows and questions become other tokens here.',
    {
      place,
      remedy: `Put back the files that it was trained with (tokenizer.json, tokenizer_config.json, chat_template.jinja), or train it again. If the change is meant, take "tokens" out of ${kept}.`,
    },
  );
}

/** The base of an adapter that is made of several. How that writes is only known where all of them say the same. */
export function sharedBase(files: readonly Pick<AdapterFile, 'provenance'>[]): AdapterProvenance['baseModel'] {
  const bases = files.map(({ provenance }) => provenance.baseModel);
  const first = bases.find((base) => base !== undefined);
  const isShared = bases.every((base) => base?.tokens === first?.tokens);
  return first && (isShared ? first : { ...first, tokens: undefined });
}
