/**
 * `tokenizer.ggml.pre` → the model's own pre-tokenizer and normalizer as tokenizer.json has them. The name identifies a
 * regular expression in llama.cpp (llama-vocab.cpp); here is what the models' publishers ship, which those expressions
 * imitate. A model whose tokenizer is written gets the first name that fits.
 */
import type { JsonObject } from '../../support/jsonFile.js';

interface PreTokenization {
  normalizer: JsonObject | null;
  preTokenizer: JsonObject;
  /** Another way to write the pre-tokenizer. */
  alternative?: JsonObject;
  /** A word that is a token is taken whole, without the merges. */
  ignoreMerges: boolean;
  /** Whether a beginning-of-text token is added where the file has no key for it. */
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
/** The same as `split` for expressions that match all text. */
const matches = (regex: string): JsonObject => ({ ...split(regex), behavior: 'Removed', invert: true });
const sequence = (...pretokenizers: JsonObject[]): JsonObject => ({ type: 'Sequence', pretokenizers });

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
/** The expression of GPT-4's cl100k with digits in groups of up to three (Llama 3), or one by one (Qwen 2). */
const cl100k = (numbers: string, spaces = SPACES): string =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`;
/** Spaces in numbers that are powers of two. */
const FEWER_SPACES = `\\s*[\\r\\n]+|${[512, 256, 128, 64, 32, 16, 8, 4].map((n) => `\\s{${n}}(?!\\S)`).join('|')}|\\s{1,2}(?!\\S)|\\s{1}`;
const CASED_UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const CASED_LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
/** Words cut before capitals, as in GPT-4o's o200k. */
const cased = (contractions: string, numbers: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${CASED_UPPER}*${CASED_LOWER}+${contractions}|[^\\r\\n\\p{L}\\p{N}]?${CASED_UPPER}+${CASED_LOWER}*${contractions}|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${SPACES}`;
/** Clauses between marks, for BLOOM and models that took its tokenizer over. */
const BLOOM_MARKS = '.,!?…。，、।۔،';
/** Cased letters, as Python's list of them was. */
const CASED_LETTERS =
  'A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃';
const DEEPSEEK_WORDS =
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|' +
  SPACES;

const kind = (preTokenizer: JsonObject, overrides: Partial<PreTokenization> = {}): PreTokenization => ({
  normalizer: null,
  preTokenizer,
  ignoreMerges: false,
  addBos: false,
  ...overrides,
});
const NFC = { normalizer: { type: 'NFC' } };

const GPT2 = kind(byteLevel(true));
const GPT2_NFC = kind(byteLevel(true), NFC);
const STARCODER = kind(sequence(digits(true), byteLevel(true)));
/** One expression that matches all text. */
const whole = (regex: string, overrides: Partial<PreTokenization> = {}): PreTokenization =>
  kind(sequence(split(regex), byteLevel(false)), {
    alternative: sequence(matches(regex), byteLevel(false)),
    ...overrides,
  });
const LLAMA3 = whole(cl100k('\\p{N}{1,3}'), { ignoreMerges: true, addBos: true });
const CL100K = whole(cl100k('\\p{N}{1,3}'));
const QWEN2 = whole(cl100k('\\p{N}'), NFC);
const BY_DIGIT = whole(cl100k('\\p{N}'));
const TEKKEN = whole(cased('', '\\p{N}'), { ignoreMerges: true, addBos: true });
const O200K = cased(`${CONTRACTIONS}?`, '\\p{N}{1,3}');
const BLOOM = kind(sequence(split(` ?[^(\\s|${BLOOM_MARKS})]+`), byteLevel(false)), {
  alternative: sequence(split(` ?[^(\\s|[${BLOOM_MARKS}])]+`), byteLevel(false)),
});
const DEEPSEEK_V3 = kind(
  sequence(split('\\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'), split(DEEPSEEK_WORDS), byteLevel(false)),
);
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
  exaone4: GPT2,
  'a.x-4.0': GPT2,
  mellum: GPT2,
  'granite-docling': GPT2,
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
  'midm-2.0': LLAMA3,
  tekken: TEKKEN,
  // as published; llama.cpp cuts it like Llama 3
  pixtral: TEKKEN,
  dbrx: CL100K,
  'smaug-bpe': CL100K,
  'chatglm-bpe': CL100K,
  glm4: CL100K,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  megrez: QWEN2,
  stablelm2: BY_DIGIT,
  kormo: BY_DIGIT,
  f2llmv2: BY_DIGIT,
  'seed-coder': whole(`${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${SPACES}`),
  minicpm5: kind(sequence(split('\\p{N}{1,3}'), split(cl100k('\\p{N}+')), byteLevel(false))),
  'jais-2': whole(cl100k('\\p{N}{1,3}', FEWER_SPACES)),
  'gpt-4o': whole(O200K),
  tiny_aya: kind(sequence(split('\\d{1,3}(?=(?:\\d{3})*\\b)'), split(O200K), byteLevel(false))),
  bloom: BLOOM,
  'poro-chat': BLOOM,
  'gpt3-finnish': BLOOM,
  viking: kind(sequence(split(` ?[^(\\s|${BLOOM_MARKS})]+`), digits(true), byteLevel(false))),
  'deepseek-v3': DEEPSEEK_V3,
  'hunyuan-dense': DEEPSEEK_V3,
  'deepseek-llm': kind(
    sequence(
      split('[\\r\\n]'),
      split(`\\s?[${CASED_LETTERS}]+`),
      split('\\s?[!-/:-~！-／：-～‘-‟　-。]+'),
      split('\\s+$'),
      split('[一-龥ࠀ-一가-퟿]+'),
      digits(true),
      byteLevel(false),
    ),
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
