import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { HumanError } from '../../support/errors.js';
import { loadChatTemplate } from './chatTemplate.js';
import type { ChatTemplate } from './chatTemplate.js';
import { isObject } from '../../contract/isObject.js';
import { MAX_TOKENIZER_BYTES, readOptionalJson } from '../../support/jsonFile.js';
import type { JsonObject } from '../../support/jsonFile.js';
import { missingTokenizer } from './missingTokenizer.js';
import { exactNormalizer } from './normalizers.js';
import { postProcessor } from './postProcessors.js';
import { preTokenizer } from './preTokenizers.js';
import { withTimeLimit } from '../../support/timeLimit.js';
import { textEncoder } from './textEncoder.js';
import { cleanUp, tokenDecoder } from './tokenDecoders.js';
import { addedToken, checkTokenizerFile, tokenizerError } from './tokenizerFile.js';
import type { AddedToken, TokenizerFile } from './tokenizerFile.js';

/** Text to token ids and back, as the model's publisher defined it. */
export interface Tokenizer {
  /** The model has none: only ids can be used. */
  absent?: boolean;
  /**
   * Ids of a text. Special tokens written in the text become those tokens. `addSpecialTokens` (default true) adds what
   * the tokenizer itself puts around a text, usually the beginning-of-text token; leave it out for a rendered chat
   * template, which writes its own.
   * @throws HumanError when the text cannot be encoded.
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /**
   * Text of ids. Ids that are not tokens give no text. `skipSpecialTokens` (default false) leaves special tokens out.
   */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** Largest id + 1. A model's embedding may have more rows (see `modelVocabSize`). */
  vocabSize: number;
  /** The same without added tokens: a model may have no embedding for those. */
  ownVocabSize: number;
  /** `vocab_size` of config.json, if there is one. */
  modelVocabSize?: number;
  bosId?: number;
  /**
   * Ids that end an answer: the tokenizer's own end-of-text token, what the chat template writes behind an answer, what
   * the publisher generates with. Empty if there is none.
   */
  eosIds: number[];
  /** May equal an end token: never find padding by comparing with it. */
  padId?: number;
  unkId?: number;
  /** Ids that `addSpecialTokens` puts before a text. */
  prefixIds: number[];
  /** Tokens that are cut out of a text before anything else. */
  addedIds: ReadonlySet<number>;
  /** Always there when loaded from a folder; `chatTemplate.plain` is set when the model has none. */
  chatTemplate?: ChatTemplate;
}

const TIME_MS = 800;
const TIME_MS_PER_CHARACTER = 0.05;

/**
 * Loads the tokenizer of a Hugging Face folder: tokenizer.json; tokenizer_config.json and special_tokens_map.json for
 * the special tokens; the chat template; it, generation_config.json and config.json for more end tokens.
 * @throws HumanError for a folder without tokenizer.json, and for one that cannot be used, with the reason.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const file = join(folder, 'tokenizer.json');
  const json = await readOptionalJson(file, MAX_TOKENIZER_BYTES);
  if (!json) throw missingTokenizer(folder);
  const map = (await readOptionalJson(join(folder, 'special_tokens_map.json'))) ?? {};
  const config = { ...map, ...((await readOptionalJson(join(folder, 'tokenizer_config.json'))) ?? {}) };
  const modelConfig = (await readOptionalJson(join(folder, 'config.json'))) ?? {};
  const generationConfig = await readOptionalJson(join(folder, 'generation_config.json'));
  const tokenizer = makeTokenizer(json, config, file);
  const { vocab_size: modelVocabSize } = isObject(modelConfig.text_config) ? modelConfig.text_config : modelConfig;
  if (typeof modelVocabSize === 'number') tokenizer.modelVocabSize = modelVocabSize;
  const size = tokenizer.modelVocabSize ?? tokenizer.vocabSize;
  const usable = (id: unknown): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) < size;
  // The generation config is what the publisher generates with; config.json counts only where it has no entry.
  const ends = generationConfig?.eos_token_id ?? modelConfig.eos_token_id;
  tokenizer.eosIds = [...new Set([...tokenizer.eosIds, ...[ends].flat().filter(usable)])];
  tokenizer.bosId ??= [generationConfig?.bos_token_id, modelConfig.bos_token_id].find(usable);
  tokenizer.padId = [tokenizer.padId, generationConfig?.pad_token_id, modelConfig.pad_token_id].find(usable);
  const bos = tokenizer.prefixIds.length > 0 ? tokenizer.decode(tokenizer.prefixIds) : '';
  const template = await loadChatTemplate(folder, config, templateTexts(config, tokenizer), bos);
  tokenizer.chatTemplate = template;
  const end = [endOfTurn(template, tokenizer)].filter(usable);
  tokenizer.eosIds = [...new Set([...tokenizer.eosIds.slice(0, 1), ...end, ...tokenizer.eosIds])];
  return tokenizer;
}

/**
 * The added token that a chat template writes behind an answer, with at most white space before it: what the model has
 * learned to end an answer with, which may be another one than the end of a text. Of several behind each answer it is
 * the one that is an end already: marks that close an answer may stand before it.
 */
function endOfTurn(template: ChatTemplate, tokenizer: Tokenizer): number | undefined {
  const asked = { role: 'user', content: 'A question?' } as const;
  const answered = [asked, { role: 'assistant', content: ANSWER } as const];
  const last = addedBehind(answered, template, tokenizer);
  if (last.length < 2) return last[0];
  // What stands only behind the last answer ends the text.
  const inner = addedBehind([...answered, asked], template, tokenizer);
  const other = last.findIndex((id, at) => id !== inner[at]);
  const each = other < 0 ? last : last.slice(0, other);
  return each.find((id) => tokenizer.eosIds.includes(id)) ?? last[0];
}

const ANSWER = 'An answer.';

/** Added tokens directly behind the answer in a conversation. */
function addedBehind(
  messages: Parameters<ChatTemplate['render']>[0],
  template: ChatTemplate,
  { encode, decode, addedIds }: Tokenizer,
): number[] {
  try {
    const text = template.render(messages, { addGenerationPrompt: false });
    if (!text.includes(ANSWER)) return [];
    const behind = encode(text.slice(text.lastIndexOf(ANSWER) + ANSWER.length), { addSpecialTokens: false });
    const from = behind.findIndex((id) => decode([id]).trim() !== '');
    const stop = behind.findIndex((id, at) => at >= from && !addedIds.has(id));
    return from < 0 ? [] : behind.slice(from, stop < 0 ? undefined : stop);
  } catch (error) {
    // Whoever uses the template is told what is wrong with it.
    if (error instanceof HumanError) return [];
    throw error;
  }
}

/**
 * The special tokens that a chat template can name, as transformers gives them. Where the tokenizer's config does not
 * speak of the first and last token of a text, the model's does.
 */
function templateTexts(config: JsonObject, { bosId, eosIds, decode }: Tokenizer): Record<string, string> {
  const extra = isObject(config.extra_special_tokens) ? config.extra_special_tokens : {};
  const named = Object.entries({ ...config, ...extra }).flatMap(([name, token]) => {
    const content = name.endsWith('_token') || Object.hasOwn(extra, name) ? contentOf(token) : undefined;
    return content === undefined ? [] : [[name, content] as const];
  });
  const unnamed = Object.entries({ bos_token: bosId, eos_token: eosIds[0] }).flatMap(([name, id]) =>
    id === undefined || Object.hasOwn(config, name) ? [] : [[name, decode([id])] as const],
  );
  return Object.fromEntries([...unnamed, ...named]);
}

/**
 * Texts of so few tokens are kept: to limit the time of each costs more than to decode it, and the same ones are asked
 * for at each answer's end and where a row is read token by token.
 */
const SHORT = 2;
const MOST_SHORT = 16_384;

/**
 * A tokenizer from the contents of tokenizer.json and tokenizer_config.json, without a chat template.
 * @throws HumanError naming `place` when it cannot be used.
 */
export function makeTokenizer(json: JsonObject, config: JsonObject, place: string): Tokenizer {
  return withTimeLimit(60_000, 'the tokenizer takes too long to load.', place, () => {
    try {
      return make(json, config, place);
    } catch (error) {
      throw tokenizerError(error, place);
    }
  });
}

function make(json: JsonObject, config: JsonObject, place: string): Tokenizer {
  const file = checkTokenizerFile(json);
  const texts = specialTexts(config);
  const named = namedTokens(config);
  const added = allAddedTokens(file, config, named);
  const library = new HuggingFaceTokenizer(
    {
      model: file.model,
      normalizer: file.normalizer,
      // Ours, below.
      added_tokens: [],
      pre_tokenizer: null,
      decoder: null,
      post_processor: null,
    },
    {},
  );
  const normalizer = exactNormalizer(library.normalizer, file.normalizer);
  const normalize = (text: string): string => (normalizer ? normalizer.normalize(text) : text);
  correctModel(library, file);
  const model = library.model!;
  const encodeText = textEncoder(added, normalize, preTokenizer(file.preTokenizer), (piece) =>
    model._call([piece]).map((token) => file.vocab.get(token) ?? model.unk_token_id),
  );
  const process = postProcessor(file.postProcessor);
  const decoder = tokenDecoder(file.decoder);
  const tokens: string[] = [];
  const ids = new Map(file.vocab);
  for (const [token, id] of file.vocab) tokens[id] = token;
  for (const { content, id, normalized } of added) {
    // The text of a normalized token is what it was found by: `▁word`, which decodes with its space.
    tokens[id] = normalized ? normalize(content) : content;
    ids.set(content, id);
  }
  const special = new Set(added.filter((token) => token.special).map((token) => token.id));
  for (const content of named) if (ids.has(content)) special.add(ids.get(content)!);
  // Clean-up is for WordPiece; for BPE it would take spaces away that the model wrote (transformers does the same).
  const clean = config.clean_up_tokenization_spaces === true && file.modelType !== 'BPE';

  const limited = <T>(size: number, work: () => T): T =>
    withTimeLimit(TIME_MS + TIME_MS_PER_CHARACTER * size, 'the tokenizer takes too long.', place, () => {
      try {
        return work();
      } catch (error) {
        throw tokenizerError(error, place);
      }
    });
  const encode: Tokenizer['encode'] = (text, { addSpecialTokens = true } = {}) =>
    limited(text.length, () => {
      const found = encodeText(text);
      return addSpecialTokens ? process(found) : found;
    });
  const decoded: Tokenizer['decode'] = (given, { skipSpecialTokens = false } = {}) =>
    limited(given.length, () => {
      const kept = skipSpecialTokens ? given.filter((id) => !special.has(id)) : given;
      const known = kept.map((id) => tokens[id]).filter((token) => token !== undefined);
      if (known.length === 0) return '';
      const text = decoder(known);
      return clean ? cleanUp(text) : text;
    });
  const short = new Map<string, string>();
  const decode: Tokenizer['decode'] = (given, options = {}) => {
    if (given.length > SHORT) return decoded(given, options);
    const key = `${options.skipSpecialTokens === true}:${given.join()}`;
    const text = short.get(key) ?? decoded(given, options);
    if (short.size >= MOST_SHORT) short.clear();
    short.set(key, text);
    return text;
  };
  const idOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : ids.get(text));
  const eos = idOf(texts.eos_token);
  return {
    encode,
    decode,
    vocabSize: tokens.length,
    ownVocabSize: ownSize(file.vocab, added),
    bosId: idOf(texts.bos_token),
    eosIds: eos === undefined ? [] : [eos],
    padId: idOf(texts.pad_token),
    unkId: idOf(texts.unk_token),
    prefixIds: prefixOf(encode),
    addedIds: new Set(added.map(({ id }) => id)),
  };
}

/** Some files list their added tokens in the vocabulary as well. */
function ownSize(vocab: ReadonlyMap<string, number>, added: readonly AddedToken[]): number {
  const names = new Set(added.map(({ content }) => content));
  let size = 0;
  for (const [token, id] of vocab) if (id >= size && !names.has(token)) size = id + 1;
  return size;
}

/** What stands before a text when special tokens are added. */
function prefixOf(encode: Tokenizer['encode']): number[] {
  const [plain, full] = [encode('a', { addSpecialTokens: false }), encode('a')];
  const key = plain.join();
  for (let at = 0; at + plain.length <= full.length; at++) {
    if (full.slice(at, at + plain.length).join() === key) return full.slice(0, at);
  }
  return [];
}

/**
 * Tokens that are cut out of a text before anything else: those of tokenizer.json, and those that only the config
 * names. Where both describe one, the config does it, as in transformers.
 */
function allAddedTokens(file: TokenizerFile, config: JsonObject, named: readonly string[]): AddedToken[] {
  const added = new Map(file.addedTokens.map((token) => [token.content, token]));
  if (isObject(config.added_tokens_decoder))
    for (const [key, entry] of Object.entries(config.added_tokens_decoder)) {
      if (!isObject(entry) || typeof entry.content !== 'string' || !/^\d{1,7}$/.test(key) || Number(key) >= 2 ** 22)
        continue;
      const own = added.get(entry.content);
      const token = addedToken(entry, own?.id ?? Number(key));
      added.set(entry.content, { ...token, special: token.special || own?.special === true });
    }
  for (const content of named) {
    const id = file.vocab.get(content);
    if (id === undefined || content === '' || added.has(content)) continue;
    added.set(content, addedToken({ content, special: true, normalized: false }, id));
  }
  return [...added.values()];
}

/** Where the library's models differ from the `tokenizers` library. */
function correctModel(library: HuggingFaceTokenizer, { modelType, model, vocab }: TokenizerFile): void {
  const own = library.model!;
  // The library takes the unknown token of a WordLevel from tokenizer_config.json.
  if (modelType === 'WordLevel') own.unk_token_id = vocab.get(String(model.unk_token));
  // A Unigram without an unknown token: the library would write the score of index null.
  if (modelType === 'Unigram' && model.unk_id === null) own.unk_token_id = undefined;
  // What has no token is left out before pairs are merged, so that its neighbours meet; the library leaves it out
  // afterwards.
  if (modelType === 'BPE' && !model.unk_token && model.byte_fallback !== true && model.end_of_word_suffix === null) {
    const encode = own.encode.bind(own);
    own.encode = (pieces) =>
      encode(
        pieces.map((piece) =>
          Array.from(piece)
            .filter((character) => vocab.has(character))
            .join(''),
        ),
      );
  }
  // The library knows the fallback to bytes for BPE only.
  if (modelType === 'Unigram' && model.byte_fallback === true) {
    const encode = own.encode.bind(own);
    const utf8 = new TextEncoder();
    own.encode = (pieces) =>
      encode(pieces).flatMap((token) => {
        if (vocab.has(token)) return [token];
        const bytes = Array.from(utf8.encode(token), (b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
        return bytes.every((byte) => vocab.has(byte)) ? bytes : [token];
      });
  }
}

const NAMED = ['bos_token', 'eos_token', 'unk_token', 'pad_token'] as const;

/** The special tokens of tokenizer_config.json: texts, or objects with `content`. */
function specialTexts(config: JsonObject): Partial<Record<(typeof NAMED)[number], string>> {
  const found: ReturnType<typeof specialTexts> = {};
  for (const name of NAMED) {
    const content = contentOf(config[name]);
    if (content !== undefined) found[name] = content;
  }
  return found;
}

/** All that the config names: as the end of a text, as a padding, as an image. They are special. */
function namedTokens(config: JsonObject): string[] {
  const named = Object.entries(config).flatMap(([name, token]) => (name.endsWith('_token') ? [token] : []));
  const listed = [config.additional_special_tokens, config.extra_special_tokens].flatMap((list) =>
    Array.isArray(list) ? (list as unknown[]) : isObject(list) ? Object.values(list) : [],
  );
  return [...named, ...listed].map(contentOf).filter((content) => content !== undefined);
}

function contentOf(token: unknown): string | undefined {
  const content = isObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}
