/**
 * `tokenizer.ggml.pre` → the model's own pre-tokenizer and normalizer as tokenizer.json has them. The name stands for a regular
 * expression in llama.cpp (llama-vocab.cpp); here is what the models' publishers ship, which those expressions imitate.
 */
import type { JsonObject } from './jsonFile.js';

export interface PreTokenization {
  normalizer: JsonObject | null;
  preTokenizer: JsonObject;
  /** A word that is a token is taken whole, whatever the merges say. */
  ignoreMerges: boolean;
  /** Whether a beginning-of-text token is added when the file does not say. */
  addBos: boolean;
}

const byteLevel = (useRegex: boolean): JsonObject => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const digits = (individual: boolean): JsonObject => ({ type: 'Digits', individual_digits: individual });
const split = (regex: string): JsonObject => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});
const sequence = (...pretokenizers: JsonObject[]): JsonObject => ({ type: 'Sequence', pretokenizers });

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
/** The expression of GPT-4's cl100k with digits in groups of up to three (Llama 3), or one by one (Qwen 2). */
const cl100k = (numbers: string): string =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}`;
const CASED_UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const CASED_LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
/** Words cut before capitals, as in GPT-4o's o200k. */
const cased = (contractions: string, numbers: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${CASED_UPPER}*${CASED_LOWER}+${contractions}|[^\\r\\n\\p{L}\\p{N}]?${CASED_UPPER}+${CASED_LOWER}*${contractions}|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${SPACES}`;
const DEEPSEEK_WORDS =
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|' +
  SPACES;

const kind = (preTokenizer: JsonObject, more: Partial<PreTokenization> = {}): PreTokenization => ({
  normalizer: null,
  preTokenizer,
  ignoreMerges: false,
  addBos: false,
  ...more,
});
const NFC = { normalizer: { type: 'NFC' } };

const GPT2 = kind(byteLevel(true));
const GPT2_NFC = kind(byteLevel(true), NFC);
const STARCODER = kind(sequence(digits(true), byteLevel(true)));
const LLAMA3 = kind(sequence(split(cl100k('\\p{N}{1,3}')), byteLevel(false)), { ignoreMerges: true, addBos: true });
const CL100K = kind(sequence(split(cl100k('\\p{N}{1,3}')), byteLevel(false)));
const QWEN2 = kind(sequence(split(cl100k('\\p{N}')), byteLevel(false)), NFC);
const FALCON = kind(
  sequence({ type: 'Punctuation', behavior: 'Contiguous' }, byteLevel(true), digits(false), split('[0-9][0-9][0-9]')),
);

export const PRE_TOKENIZERS: Readonly<Record<string, PreTokenization>> = {
  default: FALCON,
  falcon: FALCON,
  'gpt-2': GPT2,
  'phi-2': GPT2,
  jais: GPT2,
  trillion: GPT2,
  mpt: GPT2_NFC,
  olmo: GPT2_NFC,
  smollm: STARCODER,
  starcoder: STARCODER,
  refact: STARCODER,
  'command-r': kind(sequence(digits(true), byteLevel(true)), NFC),
  codeshell: STARCODER,
  exaone: STARCODER,
  'minerva-7b': STARCODER,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  'llama-bpe': LLAMA3,
  falcon3: LLAMA3,
  pixtral: kind(sequence(split(cased('', '\\p{N}')), byteLevel(false)), { ignoreMerges: true, addBos: true }),
  tekken: kind(sequence(split(cased('', '\\p{N}')), byteLevel(false)), { ignoreMerges: true, addBos: true }),
  dbrx: CL100K,
  'smaug-bpe': CL100K,
  'chatglm-bpe': CL100K,
  glm4: CL100K,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  megrez: QWEN2,
  stablelm2: kind(sequence(split(cl100k('\\p{N}')), byteLevel(false))),
  'gpt-4o': kind(sequence(split(cased(`${CONTRACTIONS}?`, '\\p{N}{1,3}')), byteLevel(false))),
  'deepseek-v3': kind(
    sequence(split('\\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'), split(DEEPSEEK_WORDS), byteLevel(false)),
  ),
  'deepseek-coder': kind(
    sequence(
      split('[\\r\\n]'),
      split('\\s?\\p{L}+'),
      split('\\s?\\p{P}+'),
      split('[一-龥ࠀ-一가-퟿]+'),
      digits(true),
      byteLevel(false),
    ),
  ),
};
