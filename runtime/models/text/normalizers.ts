import { Normalizer, SequenceNormalizer } from '@huggingface/tokenizers';
import { isObject } from '../../contract/isObject.js';
import { precompiledRules } from './precompiled.js';

/**
 * Normalizers as the `tokenizers` library defines them (normalizers/*.rs), where @huggingface/tokenizers 0.2 differs.
 */
class Exact extends Normalizer {
  constructor(
    type: string,
    private readonly rule: (text: string) => string,
  ) {
    super({ type } as ConstructorParameters<typeof Normalizer>[0]);
  }
  normalize(text: string): string {
    return this.rule(text);
  }
}

type Config = Record<string, unknown>;

const RULES: Record<string, (config: Config) => (text: string) => string> = {
  Precompiled: ({ precompiled_charsmap: rules }) => {
    if (rules === null || rules === undefined) return (text) => text;
    if (typeof rules !== 'string') throw new Error('"precompiled_charsmap" must be a text');
    return precompiledRules(rules);
  },
  // JavaScript's trim takes a byte order mark for white space and a next-line character (U+0085) for none; Unicode does
  // not.
  Strip: ({ strip_left: left, strip_right: right }) => {
    const ends = [left ? '^\\p{White_Space}+' : '', right ? '(?<!\\p{White_Space})\\p{White_Space}+$' : ''];
    const expression = new RegExp(ends.filter(Boolean).join('|') || '(?!)', 'gu');
    return (text) => text.replace(expression, '');
  },
  Lowercase: () => lowercase,
  Prepend:
    ({ prepend }) =>
    (text) =>
      text === '' ? '' : String(prepend) + text,
  BertNormalizer: (config) => (text) => {
    let normalized = text;
    if (config.clean_text)
      normalized = normalized
        .replace(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '')
        .replace(/\p{White_Space}/gu, ' ');
    if (config.handle_chinese_chars) normalized = normalized.replace(IDEOGRAPH, ' $& ');
    if (config.strip_accents ?? config.lowercase) normalized = normalized.normalize('NFD').replace(/\p{Mn}/gu, '');
    return config.lowercase ? lowercase(normalized) : normalized;
  },
};

/** Letter by letter, so that a last sigma is one like any other. */
const lowercase = (text: string): string =>
  text.toLowerCase().includes('ς') ? Array.from(text, (letter) => letter.toLowerCase()).join('') : text.toLowerCase();

const IDEOGRAPH =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** The library's normalizer of a config with the parts replaced in which it differs. */
export function exactNormalizer(normalizer: Normalizer | null, config: unknown): Normalizer | null {
  if (!isObject(config)) return normalizer;
  const { type } = config;
  if (typeof type === 'string' && Object.hasOwn(RULES, type)) return new Exact(type, RULES[type](config));
  if (normalizer instanceof SequenceNormalizer && Array.isArray(config.normalizers)) {
    const parts = config.normalizers as unknown[];
    normalizer.normalizers = normalizer.normalizers.map((part, i) => exactNormalizer(part, parts[i]));
  }
  return normalizer;
}
