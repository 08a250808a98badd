/** Tokenizers of every kind, damaged. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../runtime/support/random.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';

const TOKENIZERS = join(import.meta.dirname, '..', 'fixtures', 'tokenizers');
const NAMES = [
  ...['gpt2', 'llama', 'gemma', 'unigram-bytes', 'unigram-nfkc', 'unigram-precompiled', 'wordpiece', 'wordlevel'],
  ...['deepseek', 'falcon', 'digit-groups', 'tekken', 'added-strip', 'split-kinds'],
];
const CONFIG = {
  bos_token: '<s>',
  eos_token: { content: '</s>' },
  added_tokens_decoder: { 7: { content: '<|tool|>', special: true, normalized: false } },
  additional_special_tokens: ['<|x|>'],
  clean_up_tokenization_spaces: true,
};
const VALUES: readonly unknown[] = [
  ...['▁', { type: 'Sequence' }, { type: 'Sequence', pretokenizers: [{ type: 'ByteLevel' }] }, 0, 1, 250, 2 ** 22, 2 ** 22 - 1],
  ...[{ Regex: '(a|a)*$' }, { Regex: '(\\s|\\S)*?#' }, { Regex: '' }, { String: '' }, { String: ' ' }, { Regex: '.' }, { Regex: '\\p{X}' }],
  ...['ByteLevel', 'Metaspace', 'Replace', 'Split', 'Digits', 'NFKC', 'Precompiled', 'Strip', 'ByteFallback', 'Fuse', 'BPE', 'Unigram'],
  ...[['a', 'b'], 'a b', ['a', -1], '<0x41>', 'Isolated', 'MergedWithPrevious', 'Removed', 'é'.repeat(50)],
]; // oxfmt-ignore

export interface TokenizerFiles {
  tokenizer: string;
  config: string;
}

export const tokenizers = (names = NAMES): TokenizerFiles[] =>
  names.map((name) => ({
    tokenizer: readFileSync(join(TOKENIZERS, name, 'tokenizer.json'), 'utf8'),
    config: JSON.stringify(CONFIG),
  }));

export function damageTokenizer({ tokenizer, config }: TokenizerFiles, rng: Random): TokenizerFiles {
  if (rng.int(8) === 0) return { tokenizer, config: damageJsonText(config, rng, VALUES) };
  const text = damageJsonText(tokenizer, rng, VALUES);
  return { tokenizer: rng.int(10) ? text : damageText(text, rng, JSON_WORDS), config };
}
