/**
 * `tokenizer.*` metadata of a GGUF file out of tokenizer.json and tokenizer_config.json: the reverse of tokenizer.ts.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { PLAIN_TURNS } from '../text/chatTemplate.js';
import { TOOL_TEMPLATE, TYPE } from './tokenizer.js';
import { HumanError } from '../../support/errors.js';
import { loadTokenizer } from '../text/tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { PRE_TOKENIZERS } from './preTokenizers.js';
import { namingFor } from './spacesBehind.js';
import type { Naming } from './spacesBehind.js';
import type { TypedValue } from './file/writeFile.js';
import { isObject } from '../../contract/isObject.js';
import { MAX_TOKENIZER_BYTES, readJsonObject, readOptionalJson, shown } from '../../support/jsonFile.js';
import type { JsonObject } from '../../support/jsonFile.js';

/**
 * @param vocabSize rows of the embedding; tokens that the tokenizer lacks are filled up
 * @throws HumanError for a tokenizer that GGUF cannot express
 */
export async function tokenizerMetadata(
  folder: string,
  vocabSize: number,
): Promise<{ entries: Record<string, TypedValue>; notes: string[]; rename: Naming['rename'] }> {
  const place = join(folder, 'tokenizer.json');
  const json = await readJsonObject(place, MAX_TOKENIZER_BYTES);
  // A tokenizer that can be used has everything that is read below in its form.
  const tokenizer = await loadTokenizer(folder);
  const reject = (message: string): never => {
    throw new HumanError(message, { place, remedy: 'Export as safetensors instead.' });
  };
  const model = isObject(json.model) ? json.model : {};
  const vocab = isObject(model.vocab) ? (model.vocab as Record<string, number>) : {};
  if ((model.type ?? 'BPE') !== 'BPE' || !Array.isArray(model.merges))
    return reject(`tokenizers of the kind ${String(model.type)} are not written to GGUF.`);
  const unknown = model.unk_token;
  const merges = model.merges.map((merge: unknown) =>
    typeof merge === 'string' ? merge.split(' ') : (merge as string[]),
  );
  const sentencePiece = model.byte_fallback === true;

  if (tokenizer.ownVocabSize > vocabSize)
    reject(`the tokenizer has ${tokenizer.ownVocabSize} tokens; the model has ${vocabSize} embeddings.`);
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = tokens.map((): number => TYPE.unused);
  const set = (token: string, id: number, type: number): void => {
    // an added token that the model has no embedding for
    if (id >= vocabSize) return;
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of Object.entries(vocab)) {
    set(token, id, sentencePiece && /^<0x[0-9A-F]{2}>$/.test(token) ? TYPE.byte : TYPE.normal);
  }
  const addedTokens = Array.isArray(json.added_tokens) ? (json.added_tokens as JsonObject[]) : [];
  for (const added of addedTokens) {
    const content = String(added.content);
    const type = content === unknown ? TYPE.unknown : added.special ? TYPE.control : TYPE.userDefined;
    // Readers look for these in the text before its spaces become marks.
    const spaced = sentencePiece && type === TYPE.userDefined;
    set(spaced ? content.replaceAll('▁', ' ') : content, Number(added.id), type);
  }
  const { plain, source, withTools } = tokenizer.chatTemplate!;
  const { source: toolUse } = withTools('[]');
  const scheme = sentencePiece ? startsWithSpace(json.pre_tokenizer) : undefined;
  const notes = scheme === undefined || scheme === 'never' ? [] : [SPACE_NOTES[scheme]];
  const { different, rename } = namingFor(addedTokens, tokens);
  if (different.length > 0)
    notes.push(
      `GGUF cannot express whether a token takes the spaces beside it, as for ${shown(different[0].content)}: llama.cpp may differ in spaces beside ${different.length} of them.`,
    );
  if (plain) notes.push(NO_TEMPLATE);
  notes.push(...firstToken(tokenizer, await readOptionalJson(join(folder, 'tokenizer_config.json'))));
  const entries: Record<string, TypedValue> = {
    'tokenizer.ggml.model': { text: sentencePiece ? 'llama' : 'gpt2' },
    ...(sentencePiece ? spaces(json, reject) : { 'tokenizer.ggml.pre': { text: preName(json, model, reject) } }),
    'tokenizer.ggml.tokens': { texts: tokens },
    'tokenizer.ggml.token_type': { i32s: types },
    ...(sentencePiece
      ? { 'tokenizer.ggml.scores': { f32s: scoresOf(merges, vocab, types) } }
      : { 'tokenizer.ggml.merges': { texts: merges.map((pair) => pair.join(' ')) } }),
    ...specialIds(tokenizer, typeof unknown === 'string' && Object.hasOwn(vocab, unknown) ? vocab[unknown] : undefined),
    ...added(json, reject),
    ...(plain ? {} : { 'tokenizer.chat_template': { text: source } }),
    ...(toolUse === source ? {} : { [TOOL_TEMPLATE]: { text: toolUse } }),
  };
  return { entries, notes, rename };
}

/** The name whose pre-tokenizer and normalizer are these. */
function preName(json: JsonObject, model: JsonObject, reject: (message: string) => never): string {
  const bare = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value ?? null, (key, v: unknown) => {
        if (key === 'trim_offsets') return undefined;
        // files from before there was this key do not have it
        if (isObject(v) && v.type === 'ByteLevel') return { use_regex: true, ...v };
        // some expressions have line ends themselves, some their escapes
        return key === 'Regex' ? String(v).replaceAll('\r', '\\r').replaceAll('\n', '\\n') : v;
      }),
    );
  const same = Object.entries(PRE_TOKENIZERS).filter(
    ([name, { normalizer, preTokenizer, alternative = preTokenizer }]) =>
      name !== 'default' &&
      [preTokenizer, alternative].some((known) => isDeepStrictEqual(bare(known), bare(json.pre_tokenizer))) &&
      isDeepStrictEqual(bare(normalizer), bare(json.normalizer)),
  );
  const exact = same.find(([, { ignoreMerges }]) => ignoreMerges === (model.ignore_merges === true));
  return (
    (exact ?? same[0])?.[0] ??
    reject('GGUF has no name for this pre-tokenizer, so other programs would cut text in another way.')
  );
}

const KNOWN = 'GGUF knows a space before every text or before none: llama.cpp puts one';
/** Where Metaspace puts spaces, and what GGUF cannot say of it. */
const SPACE_NOTES = {
  first: `${KNOWN} after special tokens and before other spaces too, this tokenizer only at the very beginning.`,
  always: `${KNOWN} before other spaces too, this tokenizer does not.`,
};

const NO_TEMPLATE = `The model has no chat template, so that the file has none: other programs take one of their own. Here conversations are written as ${PLAIN_TURNS}, also while training.`;

/** transformers 5 goes by tokenizer.json, as is done here; others go by tokenizer_config.json. */
function firstToken({ bosId, prefixIds }: Tokenizer, config: JsonObject | undefined): string[] {
  const [says, adds] = [config?.add_bos_token, prefixIds.length > 0];
  if (typeof says !== 'boolean' || says === adds || bosId === undefined) return [];
  return [
    `tokenizer_config.json says "add_bos_token": ${says}, tokenizer.json adds ${adds ? 'one' : 'none'}: the file says what tokenizer.json does, with which the model was used here; transformers 4 and llama.cpp’s converter may go by the other.`,
  ];
}

/** Where Metaspace puts a space, if it is all that is done to texts. */
function startsWithSpace(preTokenizer: unknown): 'first' | 'always' | 'never' | undefined {
  if (!isObject(preTokenizer) || preTokenizer.type !== 'Metaspace' || preTokenizer.split !== false) return undefined;
  return (['first', 'always', 'never'] as const).find((scheme) => scheme === preTokenizer.prepend_scheme);
}

function spaces(json: JsonObject, reject: (message: string) => never): Record<string, TypedValue> {
  const normalizer = json.normalizer ?? undefined;
  const scheme = startsWithSpace(json.pre_tokenizer);
  const types =
    isObject(normalizer) && Array.isArray(normalizer.normalizers)
      ? normalizer.normalizers.map((n: unknown) => (isObject(n) ? n.type : undefined))
      : [isObject(normalizer) ? normalizer.type : undefined];
  const prefix = types.includes('Prepend') || scheme === 'first' || scheme === 'always';
  if (normalizer && types.some((type) => type !== 'Prepend' && type !== 'Replace'))
    reject('GGUF cannot express this normalizer.');
  // Spaces are marks by then, so that there is nothing to cut at.
  const idle = isObject(json.pre_tokenizer) && isDeepStrictEqual(json.pre_tokenizer.pattern, { String: ' ' });
  if (normalizer ? (json.pre_tokenizer ?? null) !== null && !idle : !scheme)
    reject('GGUF cannot express this pre-tokenizer.');
  return { 'tokenizer.ggml.pre': { text: 'default' }, 'tokenizer.ggml.add_space_prefix': { bool: prefix } };
}

/** The earlier a piece is made, the better its score. */
function scoresOf(merges: string[][], vocab: Record<string, number>, types: number[]): number[] {
  const scores = types.map((type): number => (type === TYPE.normal ? 0 : -10000));
  merges.forEach((pair, rank) => {
    const id = vocab[pair.join('')];
    if (scores[id] === 0) scores[id] = -1 - rank;
  });
  return scores;
}

/** GGUF has three places for tokens that end an answer; the tokenizer's own is the end of a text. */
function specialIds(
  { bosId, eosIds, padId, unkId }: Tokenizer,
  unknown: number | undefined = unkId,
): Record<string, TypedValue> {
  const [eos, eot, eom] = eosIds;
  const ids = Object.entries({ bos: bosId, eos, eot, eom, padding: padId, unknown });
  return Object.fromEntries(
    ids.flatMap(([name, u32]) => (u32 === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { u32 }]])),
  );
}

/** The tokens that the post-processor's template adds before and after a text. */
function added(json: JsonObject, reject: (message: string) => never): Record<string, TypedValue> {
  let post = json.post_processor;
  if (isObject(post) && post.type === 'Sequence')
    post = (post.processors as JsonObject[]).find(({ type }) => type === 'TemplateProcessing');
  const template = isObject(post) && Array.isArray(post.single) ? (post.single as JsonObject[]) : [];
  const middle = template.findIndex((part) => 'Sequence' in part);
  const special = isObject(post) && isObject(post.special_tokens) ? post.special_tokens : {};
  const entry = (parts: JsonObject[], name: 'bos' | 'eos'): Record<string, TypedValue> => {
    if (parts.length === 0) return { [`tokenizer.ggml.add_${name}_token`]: { bool: false } };
    const token = isObject(parts[0].SpecialToken) ? special[String(parts[0].SpecialToken.id)] : undefined;
    const ids = isObject(token) && Array.isArray(token.ids) ? (token.ids as unknown[]) : [];
    if (parts.length > 1 || ids.length !== 1 || typeof ids[0] !== 'number')
      return reject('GGUF cannot express more than one token before or after a text.');
    return {
      [`tokenizer.ggml.add_${name}_token`]: { bool: true },
      [`tokenizer.ggml.${name}_token_id`]: { u32: ids[0] },
    };
  };
  return {
    ...entry(middle < 0 ? [] : template.slice(0, middle), 'bos'),
    ...entry(middle < 0 ? [] : template.slice(middle + 1), 'eos'),
  };
}
