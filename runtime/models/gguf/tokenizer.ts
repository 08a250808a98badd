/** tokenizer.json, tokenizer_config.json and the stop tokens out of a GGUF file's `tokenizer.*` metadata. */
import { PRE_TOKENIZERS } from './preTokenizers.js';
import { spacesBehind } from './spacesBehind.js';
import type { Metadata } from './file/metadata.js';
import { shown } from '../../support/jsonFile.js';
import type { JsonObject } from '../../support/jsonFile.js';

/** `tokenizer.ggml.token_type`. */
export const TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The chat template for conversations with tools. */
export const TOOL_TEMPLATE = 'tokenizer.chat_template.tool_use';

/** SentencePiece pieces are at most 16 characters by default; longer ones than this are damage. */
const MAX_PIECE_LENGTH = 1024;

export interface ConvertedTokenizer {
  tokenizer: JsonObject;
  tokenizerConfig: JsonObject;
  bosId?: number;
  padId?: number;
  /** The first is the file's own. */
  eosIds: number[];
}

interface Vocabulary {
  tokens: string[];
  types: number[];
  bosId?: number;
  eosId?: number;
}

/**
 * @returns undefined when the file has no tokenizer.
 * @throws HumanError naming the key: an unknown kind of tokenizer or pre-tokenizer, ids outside the vocabulary.
 */
export function convertTokenizer(m: Metadata, contextLength: number): ConvertedTokenizer | undefined {
  const model = m.text('tokenizer.ggml.model', 'none');
  if (model === 'none' || model === 'no_vocab') return undefined;
  if (model !== 'gpt2' && model !== 'llama') {
    m.reject(
      'tokenizer.ggml.model',
      `the tokenizer ${shown(model)} is not supported; "gpt2" (byte-level BPE) and "llama" (SentencePiece BPE) are`,
    );
  }
  const tokens = m.texts('tokenizer.ggml.tokens');
  const types = m.has('tokenizer.ggml.token_type')
    ? m.numbers('tokenizer.ggml.token_type')
    : tokens.map(() => TYPE.normal);
  if (types.length !== tokens.length)
    m.reject('tokenizer.ggml.token_type', `${types.length} types for ${tokens.length} tokens`);
  const id = (name: string): number | undefined => {
    const key = `tokenizer.ggml.${name}_token_id`;
    if (!m.has(key)) return undefined;
    const value = m.count(key);
    return value < tokens.length ? value : m.reject(key, `${value} is not one of the ${tokens.length} tokens`);
  };
  const vocabulary: Vocabulary = { tokens, types, bosId: id('bos'), eosId: id('eos') };
  const [unkId, padId] = [id('unknown'), id('padding')];
  const kind =
    model === 'gpt2'
      ? byteLevelBpe(m, vocabulary)
      : sentencePieceBpe(m, vocabulary, unkId ?? types.indexOf(TYPE.unknown));
  const addBos = m.boolean('tokenizer.ggml.add_bos_token', kind.addBos);
  const addEos = m.boolean('tokenizer.ggml.add_eos_token', false);
  const templateAt = (key: string): string | undefined => (m.has(key) ? m.text(key) : undefined);
  const template = templateAt('tokenizer.chat_template');
  const toolUse = templateAt(TOOL_TEMPLATE);
  const named = (i: number | undefined): string | undefined => (i === undefined ? undefined : tokens[i]);

  const eosIds = [vocabulary.eosId, id('eot'), id('eom')].filter((i) => i !== undefined);
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(m, vocabulary),
      normalizer: kind.normalizer,
      pre_tokenizer: kind.preTokenizer,
      post_processor: postProcessor(m, vocabulary, addBos, addEos),
      decoder: kind.decoder,
      model: kind.model,
    },
    tokenizerConfig: {
      add_bos_token: addBos,
      add_eos_token: addEos,
      bos_token: named(vocabulary.bosId),
      eos_token: named(vocabulary.eosId),
      unk_token: named(unkId),
      pad_token: named(padId),
      chat_template:
        template === undefined || toolUse === undefined
          ? template
          : Object.entries({ default: template, tool_use: toolUse }).map(([name, text]) => ({ name, template: text })),
      clean_up_tokenization_spaces: false,
      model_max_length: contextLength,
      tokenizer_class: 'PreTrainedTokenizerFast',
    },
    bosId: vocabulary.bosId,
    padId,
    eosIds: [...new Set(eosIds)],
  };
}

interface Kind {
  normalizer: JsonObject | null;
  preTokenizer: JsonObject | null;
  decoder: JsonObject;
  model: JsonObject;
  addBos: boolean;
}

function bpe(vocab: JsonObject, merges: [string, string][], extra: JsonObject): JsonObject {
  const plain = { dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null };
  return {
    type: 'BPE',
    ...plain,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    ...extra,
    vocab,
    merges,
  };
}

/** Ids by text; where two tokens have the same text the first counts. */
const vocabOf = ({ tokens }: Vocabulary): JsonObject =>
  Object.fromEntries(tokens.map((token, i): [string, number] => [token, i]).reverse());

function byteLevelBpe(m: Metadata, vocabulary: Vocabulary): Kind {
  const name = m.text('tokenizer.ggml.pre', '');
  if (!Object.hasOwn(PRE_TOKENIZERS, name)) {
    const which =
      name === ''
        ? 'the file does not name the rule that cuts text into words'
        : `the pre-tokenizer "${name.slice(0, 60)}" is not known`;
    m.reject(
      'tokenizer.ggml.pre',
      `${which}; known are ${Object.keys(PRE_TOKENIZERS).join(', ')}`,
      'Use the original Hugging Face folder, or a newer GGUF file.',
    );
  }
  const { normalizer, preTokenizer, ignoreMerges, addBos } = PRE_TOKENIZERS[name];
  const vocab = vocabOf(vocabulary);
  const merges = m.texts('tokenizer.ggml.merges').map((merge): [string, string] => {
    const space = merge.indexOf(' ', 1);
    const pair: [string, string] = [merge.slice(0, space), merge.slice(space + 1)];
    if (space < 0 || ![...pair, pair.join('')].every((token) => Object.hasOwn(vocab, token))) {
      m.reject(
        'tokenizer.ggml.merges',
        `"${merge.slice(0, 60)}" does not join two tokens to a third`,
        'The file is damaged: convert or download it again.',
      );
    }
    return pair;
  });
  return {
    normalizer,
    preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpe(vocab, merges, { ignore_merges: ignoreMerges }),
    addBos,
  };
}

/**
 * SentencePiece's BPE picks, of all pairs that make a piece, the one with the best score: scores give the order of
 * merges.
 */
function sentencePieceBpe(m: Metadata, vocabulary: Vocabulary, unkId: number): Kind {
  const { tokens, types } = vocabulary;
  const scores = m.numbers('tokenizer.ggml.scores');
  if (scores.length !== tokens.length)
    m.reject('tokenizer.ggml.scores', `${scores.length} scores for ${tokens.length} tokens`);
  if (m.has('tokenizer.ggml.precompiled_charsmap'))
    m.reject('tokenizer.ggml.precompiled_charsmap', 'normalization by a table is not supported');
  if (m.boolean('tokenizer.ggml.remove_extra_whitespaces', false))
    m.reject('tokenizer.ggml.remove_extra_whitespaces', 'it is not supported');
  const long = tokens.findIndex((token) => token.length > MAX_PIECE_LENGTH);
  if (long >= 0) m.reject('tokenizer.ggml.tokens', `token ${long} has ${tokens[long].length} characters`);

  const pieces = new Map<string, number>();
  tokens.forEach((token, i) => {
    if ((types[i] === TYPE.normal || types[i] === TYPE.unused) && !pieces.has(token)) pieces.set(token, i);
  });
  const mark = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const spaces = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  const prefix = m.boolean('tokenizer.ggml.add_space_prefix', true);
  return {
    normalizer: prefix ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, mark] } : mark,
    preTokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: prefix ? [...spaces, { type: 'Strip', content: ' ', start: 1, stop: 0 }] : spaces,
    },
    model: bpe(vocabOf(vocabulary), mergesByScore(pieces, scores), {
      unk_token: unkId >= 0 ? tokens[unkId] : null,
      fuse_unk: true,
      byte_fallback: true,
    }),
    addBos: true,
  };
}

/**
 * All ways to join two pieces to a third: by score, then longer left and right parts, first; then by the parts' ids.
 */
function mergesByScore(pieces: Map<string, number>, scores: number[]): [string, string][] {
  const merges: { left: string; right: string; score: number; lengths: [number, number] }[] = [];
  for (const [piece, id] of pieces) {
    const pairs: { left: string; right: string; ids: [number, number] }[] = [];
    for (let cut = 1; cut < piece.length; cut++) {
      const [left, right] = [piece.slice(0, cut), piece.slice(cut)];
      const ids = [pieces.get(left), pieces.get(right)];
      if (ids[0] !== undefined && ids[1] !== undefined) pairs.push({ left, right, ids: [ids[0], ids[1]] });
    }
    pairs.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
    for (const { left, right } of pairs)
      merges.push({ left, right, score: scores[id], lengths: [[...left].length, [...right].length] });
  }
  merges.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return merges.map(({ left, right }) => [left, right]);
}

/** Control and user-defined tokens are found in text before anything else; only control tokens count as special. */
function addedTokens(m: Metadata, { tokens, types }: Vocabulary): JsonObject[] {
  const plain = { single_word: false, lstrip: false, normalized: false };
  const takesSpace = spacesBehind(String(m.raw('general.name')), tokens);
  return tokens.flatMap((content, id) => {
    const added = types[id] === TYPE.control || types[id] === TYPE.userDefined || types[id] === TYPE.unknown;
    return added && content !== ''
      ? [{ id, content, ...plain, rstrip: takesSpace(content), special: types[id] !== TYPE.userDefined }]
      : [];
  });
}

function postProcessor(
  m: Metadata,
  { tokens, bosId, eosId }: Vocabulary,
  addBos: boolean,
  addEos: boolean,
): JsonObject | null {
  if (!addBos && !addEos) return null;
  const special: JsonObject = {};
  const token = (id: number | undefined, name: string, type: number): JsonObject => {
    if (id === undefined)
      return m.reject(`tokenizer.ggml.add_${name}_token`, `it is true, but there is no ${name}_token_id`);
    special[tokens[id]] = { id: tokens[id], ids: [id], tokens: [tokens[id]] };
    return { SpecialToken: { id: tokens[id], type_id: type } };
  };
  const part = (sequence: 'A' | 'B', type: number): JsonObject[] => [
    ...(addBos ? [token(bosId, 'bos', type)] : []),
    { Sequence: { id: sequence, type_id: type } },
    ...(addEos ? [token(eosId, 'eos', type)] : []),
  ];
  const single = part('A', 0);
  return { type: 'TemplateProcessing', single, pair: [...single, ...part('B', 1)], special_tokens: special };
}
