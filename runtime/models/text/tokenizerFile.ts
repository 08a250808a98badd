import { HumanError } from '../../support/errors.js';
import { isObject } from '../../contract/isObject.js';
import { sum } from '../../contract/sum.js';
import { shown } from '../../support/jsonFile.js';
import type { JsonObject } from '../../support/jsonFile.js';

/** A tokenizer.json whose numbers, names and sizes have been checked, as @huggingface/tokenizers takes it. */
export interface TokenizerFile {
  modelType: 'BPE' | 'Unigram' | 'WordPiece' | 'WordLevel';
  model: JsonObject;
  addedTokens: AddedToken[];
  normalizer: unknown;
  preTokenizer: unknown;
  postProcessor: unknown;
  decoder: unknown;
  /** The model's own tokens, without the added ones. */
  vocab: Map<string, number>;
}

export interface AddedToken {
  id: number;
  content: string;
  special: boolean;
  normalized: boolean;
  lstrip: boolean;
  rstrip: boolean;
  /** Not found inside a word. */
  singleWord: boolean;
}

/** The largest vocabularies have 260,000 tokens. */
const MAX_ID = 2 ** 22;
/**
 * How deep sequences of steps may lie in each other: each level is a call, and without end they would fill the stack.
 */
export const MAX_DEPTH = 32;
/** How much longer a normalizer, pre-tokenizer or decoder may make a text. */
const MAX_GROWTH = 64;
/** Steps of one of them; real files have about ten. */
const MAX_STEPS = 64;
/** The longest tokens of known vocabularies have some hundred characters. */
const MAX_TOKEN = 10_000;

/**
 * Checks what the library takes for granted: ids are small whole numbers, merges are pairs, a normalizer cannot blow
 * up.
 * @throws Error saying what is wrong or not supported.
 */
export function checkTokenizerFile(json: JsonObject): TokenizerFile {
  if (!isObject(json.model)) throw new Error('there is no "model"');
  const modelType = typeOf(json.model);
  const vocab = vocabOf(json.model, modelType);
  const normalizer = json.normalizer ?? null;
  for (const key of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
    const name = key.replace('_', '-');
    if (stepCount(json[key] ?? null) > MAX_STEPS) throw new Error(`the ${name} has more than ${MAX_STEPS} steps`);
    if (growth(json[key] ?? null) > MAX_GROWTH) throw new Error(`the ${name} makes texts too long`);
  }
  return {
    modelType,
    model: { ...modelOf(json.model, modelType, vocab), type: modelType },
    addedTokens: addedTokensOf(json.added_tokens ?? []),
    normalizer: escapeDollars(normalizer),
    preTokenizer: json.pre_tokenizer ?? null,
    postProcessor: json.post_processor ?? null,
    decoder: json.decoder ?? null,
    vocab,
  };
}

/** Old files do not name the type of their model. */
function typeOf(model: JsonObject): TokenizerFile['modelType'] {
  const { type } = model;
  if (type === undefined || type === null) {
    if (Array.isArray(model.vocab)) return 'Unigram';
    if (Array.isArray(model.merges)) return 'BPE';
    return model.continuing_subword_prefix === undefined ? 'WordLevel' : 'WordPiece';
  }
  if (type === 'BPE' || type === 'Unigram' || type === 'WordPiece' || type === 'WordLevel') return type;
  throw new Error(`the model type ${shown(type)} is not known (BPE, Unigram, WordPiece, WordLevel)`);
}

function vocabOf(model: JsonObject, type: TokenizerFile['modelType']): Map<string, number> {
  const vocab = new Map<string, number>();
  if (type === 'Unigram') {
    if (!Array.isArray(model.vocab) || model.vocab.length === 0) throw new Error('the "vocab" of a Unigram is a list');
    if (model.vocab.length > MAX_ID) throw new Error('the vocabulary is too large');
    model.vocab.forEach((entry: unknown, id) => {
      const [token, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
      if (typeof token !== 'string' || typeof score !== 'number' || !Number.isFinite(score))
        throw new Error(`entry ${id} of "vocab" is not [text, score]`);
      vocab.set(token, checkId(id, token));
    });
    return vocab;
  }
  if (!isObject(model.vocab)) throw new Error('"vocab"is not an object of ids');
  for (const [token, id] of Object.entries(model.vocab)) vocab.set(token, checkId(id, token));
  return vocab;
}

/** A token's id, which indexes tables. */
export function checkId(id: unknown, token: string): number {
  if (token.length > MAX_TOKEN) throw new Error(`a token has ${token.length} characters: ${shown(token)}`);
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_ID)
    throw new Error(`the id of ${shown(token)} is ${shown(id)}`);
  return id;
}

function modelOf(model: JsonObject, type: TokenizerFile['modelType'], vocab: Map<string, number>): JsonObject {
  const unk = model.unk_token;
  if (unk !== undefined && unk !== null && typeof unk !== 'string') throw new Error('"unk_token" must be a text');
  if (type === 'Unigram') {
    const id = model.unk_id ?? null;
    if (id !== null && (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocab.size))
      throw new Error(`"unk_id" is ${shown(id)}`);
    return model;
  }
  if (type === 'WordPiece') {
    if (typeof unk !== 'string' || !vocab.has(unk)) throw new Error('the "unk_token" of a WordPiece is not in "vocab"');
    const prefix = model.continuing_subword_prefix ?? '##';
    if (typeof prefix !== 'string') throw new Error('"continuing_subword_prefix" must be a text');
    const longest = model.max_input_chars_per_word ?? 100;
    // Cutting a word takes time in the square of its length.
    if (typeof longest !== 'number' || !(longest >= 1 && longest <= 1000))
      throw new Error(`"max_input_chars_per_word" is ${shown(longest)}`);
    return { ...model, continuing_subword_prefix: prefix, max_input_chars_per_word: longest };
  }
  if (type === 'BPE') {
    if (model.continuing_subword_prefix) throw new Error('a BPE with "continuing_subword_prefix" is not supported');
    const suffix = model.end_of_word_suffix ?? null;
    if (suffix !== null && typeof suffix !== 'string') throw new Error('"end_of_word_suffix" must be a text');
    // Dropout makes encoding random, for training from scratch; here the same text gives the same tokens.
    return { ...model, dropout: null, end_of_word_suffix: suffix || null, merges: mergesOf(model.merges) };
  }
  return model;
}

function mergesOf(merges: unknown): [string, string][] {
  if (!Array.isArray(merges)) throw new Error('"merges" is not a list');
  if (merges.length > MAX_ID) throw new Error('there are too many merges');
  return merges.map((merge: unknown, i) => {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    if (pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string')
      throw new Error(`merge ${i} is not a pair: ${shown(merge)}`);
    return [pair[0], pair[1]];
  });
}

function addedTokensOf(given: unknown): AddedToken[] {
  if (!Array.isArray(given)) throw new Error('"added_tokens" is not a list');
  return given.map((entry: unknown) => {
    if (!isObject(entry) || typeof entry.content !== 'string') throw new Error('an added token has no "content"');
    return addedToken(entry, checkId(entry.id, entry.content));
  });
}

/** An added token from its entry in tokenizer.json or tokenizer_config.json. */
export function addedToken(entry: JsonObject, id: number): AddedToken {
  const content = entry.content;
  if (typeof content !== 'string' || content.length === 0) throw new Error(`added token ${id} has no text`);
  return {
    id,
    content,
    special: entry.special === true,
    normalized: typeof entry.normalized === 'boolean' ? entry.normalized : entry.special !== true,
    lstrip: entry.lstrip === true,
    rstrip: entry.rstrip === true,
    singleWord: entry.single_word === true,
  };
}

/** The parts of a Sequence, by what it is a sequence of. */
function partsOf(config: JsonObject): unknown[] {
  for (const key of ['normalizers', 'pretokenizers', 'processors', 'decoders'])
    if (config[key] !== undefined) {
      if (!Array.isArray(config[key])) throw new Error(`"${key}" is not a list`);
      return config[key];
    }
  return [];
}

function stepCount(config: unknown, depth = 0): number {
  if (config === null) return 0;
  if (!isObject(config)) throw new Error('a normalizer, pre-tokenizer, post-processor or decoder is not an object');
  if (depth > MAX_DEPTH) throw new Error('they are nested too deeply');
  return config.type === 'Sequence' ? sum(partsOf(config).map((part) => stepCount(part, depth + 1))) : 1;
}

/** Upper bound of the output in characters for one of the input. NFKC makes at most 18 of one. */
function growth(config: unknown): number {
  if (!isObject(config)) return 1;
  switch (config.type) {
    case 'Sequence':
      return partsOf(config).reduce<number>((product, part) => product * growth(part), 1);
    case 'Replace':
      if (typeof config.content !== 'string') throw new Error('the "content" of a Replace must be a text');
      return Math.max(1, config.content.length / checkPattern(config.pattern));
    case 'Prepend':
      if (typeof config.prepend !== 'string') throw new Error('the "prepend" of a Prepend must be a text');
      return config.prepend.length > 256 ? Infinity : 1;
    // A character for each byte; after the first time, characters have one or two.
    case 'ByteLevel':
      return 2;
    case 'Metaspace':
      return typeof config.replacement === 'string' ? Math.max(1, config.replacement.length) : 1;
    default:
      return 1;
  }
}

/** Length of the shortest text that a pattern of a Replace or Split matches. */
export function checkPattern(pattern: unknown): number {
  const source = isObject(pattern) ? (pattern.String ?? pattern.Regex) : undefined;
  if (typeof source !== 'string' || source.length === 0) throw new Error('a pattern must be {"String"} or {"Regex"}');
  return isObject(pattern) && typeof pattern.String === 'string' ? source.length : 1;
}

/** The library gives `content` to String.replaceAll, where `$` is not a plain character. */
export function escapeDollars(normalizer: unknown): unknown {
  if (!isObject(normalizer)) return normalizer;
  if (Array.isArray(normalizer.normalizers))
    return { ...normalizer, normalizers: normalizer.normalizers.map(escapeDollars) };
  if (normalizer.type !== 'Replace' || typeof normalizer.content !== 'string') return normalizer;
  return { ...normalizer, content: normalizer.content.replaceAll('$', '$$$$') };
}

export function requireText(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`a text was expected, got ${shown(value)}`);
  return value;
}

/** An error about tokenizer.json. */
export function tokenizerError(error: unknown, place: string): unknown {
  if (error instanceof HumanError || !(error instanceof Error) || 'code' in error) return error;
  return new HumanError(`this tokenizer cannot be used: ${error.message.slice(0, 300)}.`, {
    place,
    remedy: 'Take the file from the model’s publisher again, or save it with a current version of transformers.',
    cause: error,
  });
}
