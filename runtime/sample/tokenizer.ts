/**
 * The sample's tokenizer: byte-level BPE in the Hugging Face format, so that any text can be encoded. Its merges are
 * learned from the sample's own words until each is one token, with and without a space before it: rows stay short.
 */

import { BYTE_CHARACTERS } from '../models/text/preTokenizers.js';

/** The space before a word, as byte-level BPE writes it. */
const SPACE = BYTE_CHARACTERS[32];

const SPECIAL_TOKENS = ['<|end|>', '<|begin|>', '<|user|>', '<|assistant|>'] as const;

/**
 * `<|begin|><|user|>question<|assistant|>answer<|end|>`. A system message goes before the first question, because the
 * model has no place of its own for it.
 */
const CHAT_TEMPLATE = [
  '{{ bos_token }}',
  "{% set ns = namespace(system='') %}",
  '{% for message in messages %}',
  "{% if message['role'] == 'system' %}{% set ns.system = message['content'] + ' ' %}",
  "{% elif message['role'] == 'user' %}{{ '<|user|>' + ns.system + message['content'] }}{% set ns.system = '' %}",
  "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>' + message['content'] + eos_token }}",
  "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
].join('');

/** The words of a text as byte-level BPE cuts it, without the space before them. ASCII only: all of the sample is. */
export function wordsOf(text: string): { word: string; afterSpace: boolean }[] {
  return [...text.matchAll(/( ?)([A-Za-z]+|[0-9]+)/g)].map((match) => ({
    word: match[2],
    afterSpace: match[1] === ' ',
  }));
}

/** Merges in order of rank: the most frequent pair over distinct words first, ties by the pair's text. */
export function learnMerges(texts: Iterable<string>): [string, string][] {
  const alone = new Set<string>();
  const afterSpace = new Set<string>();
  for (const text of texts) {
    for (const found of wordsOf(text)) {
      alone.add(found.word);
      if (found.afterSpace) afterSpace.add(found.word);
    }
  }
  const merges: [string, string][] = [];
  let words = [...alone].sort().map((word) => [...word]);
  for (;;) {
    const counts = new Map<string, number>();
    for (const symbols of words) {
      for (let i = 1; i < symbols.length; i++) {
        const pair = `${symbols[i - 1]} ${symbols[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const best = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0];
    if (!best) break;
    const [left, right] = best[0].split(' ') as [string, string];
    merges.push([left, right]);
    words = words.map((symbols) => merge(symbols, left, right)).filter((symbols) => symbols.length > 1);
  }
  // Last, so that a word is put together in the same way with and without the space.
  for (const word of [...afterSpace].sort()) merges.push([SPACE, word]);
  return merges;
}

function merge(symbols: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      merged.push(left + right);
      i++;
    } else {
      merged.push(symbols[i]);
    }
  }
  return merged;
}

/** tokenizer.json and tokenizer_config.json, and the ids that config.json needs. */
export function buildTokenizer(texts: Iterable<string>): {
  tokenizer: Record<string, unknown>;
  config: Record<string, unknown>;
  vocabSize: number;
  ids: Record<(typeof SPECIAL_TOKENS)[number], number>;
} {
  const merges = learnMerges(texts);
  const tokens = [...new Set([...SPECIAL_TOKENS, ...BYTE_CHARACTERS, ...merges.map(([left, right]) => left + right)])];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const special = SPECIAL_TOKENS.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: special,
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: merges.map(([left, right]) => `${left} ${right}`),
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      add_bos_token: false,
      add_eos_token: false,
      bos_token: '<|begin|>',
      eos_token: '<|end|>',
      pad_token: '<|end|>',
      clean_up_tokenization_spaces: false,
      model_max_length: 256,
      chat_template: CHAT_TEMPLATE,
    },
    vocabSize: tokens.length,
    ids: { '<|end|>': 0, '<|begin|>': 1, '<|user|>': 2, '<|assistant|>': 3 },
  };
}
