import { HumanError } from '../support/errors.js';
import { computationOf, isOtherComputation } from '../models/decoder/computation.js';
import type { DecoderSpec } from '../models/decoder/spec.js';
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

/** What a model makes of its weights, and of texts. */
interface ModelUse {
  readonly spec: DecoderSpec;
  readonly tokenizer: Tokenizer;
}

/** What is kept of it beside what is trained. */
export const useOf = ({ spec, tokenizer }: ModelUse): { computation: string; tokens?: string } => ({
  computation: computationOf(spec),
  tokens: writtenTokens(tokenizer),
});

/**
 * Why the adapter does here what nobody has measured, though the weights are the same; undefined where nothing is known
 * of another config.json, chat template or tokenizer.
 */
export const otherUse = (
  { path, provenance: { baseModel } }: Pick<AdapterFile, 'path' | 'provenance'>,
  use: ModelUse,
): HumanError | undefined => useFault(baseModel, use, { place: path, kept: `its ${ROLE_FILE}` });

/** The same of what was trained with a model that was used as `before` says. @param kept the file that says so */
export function useFault(
  before: { readonly computation?: string; readonly tokens?: string } | undefined,
  { spec, tokenizer }: ModelUse,
  { place, kept }: { place: string; kept: string },
): HumanError | undefined {
  if (before?.computation !== undefined && isOtherComputation(before.computation, computationOf(spec)))
    return new HumanError('it was trained with another config.json: the same weights compute something else here.', {
      place,
      remedy: `Put back the config.json that it was trained with, or train it again. If the change is meant, take "computation" out of ${kept}.`,
    });
  const now = writtenTokens(tokenizer);
  if (before?.tokens === undefined || now === undefined || now === before.tokens) return undefined;
  return new HumanError(
    'it was trained with another chat template or tokenizer: rows and questions become other tokens here.',
    {
      place,
      remedy: `Put back the files that it was trained with (tokenizer.json, tokenizer_config.json, chat_template.jinja), or train it again. If the change is meant, take "tokens" out of ${kept}.`,
    },
  );
}

/** The base of an adapter that is made of several. How that is used is only known where all of them say the same. */
export function sharedBase(files: readonly Pick<AdapterFile, 'provenance'>[]): AdapterProvenance['baseModel'] {
  const bases = files.map(({ provenance }) => provenance.baseModel);
  const first = bases.find((base) => base !== undefined);
  const shared = (key: 'computation' | 'tokens'): string | undefined =>
    bases.every((base) => base?.[key] === first?.[key]) ? first?.[key] : undefined;
  return first && { ...first, computation: shared('computation'), tokens: shared('tokens') };
}
