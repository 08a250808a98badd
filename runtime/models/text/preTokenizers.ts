import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { isObject } from '../../contract/isObject.js';
import { shown } from '../../support/jsonFile.js';
import { MAX_DEPTH, requireText } from './tokenizerFile.js';

/**
 * Pre-tokenizers as the `tokenizers` library defines them (pre_tokenizers/*.rs). @huggingface/tokenizers 0.2 has them
 * too, but differs where it matters for ids: Split and Punctuation know only two of the five behaviours, Digits and
 * Whitespace only ASCII, Metaspace neither `split` nor `add_prefix_space`, and `\s` is JavaScript's (with U+FEFF,
 * without U+0085). Its translation of Oniguruma regular expressions is used.
 */
/**
 * Cuts a text into the pieces that a model encodes. `first`: whether nothing stands before it, nor was removed there.
 */
export type Cut = (text: string, first: () => boolean) => string[];

/**
 * The pre-tokenizer of a tokenizer.json.
 * @throws Error naming a type, behaviour or pattern that is not known.
 */
export function preTokenizer(config: unknown): Cut {
  return config === null || config === undefined ? (text) => [text] : cutter(config, 0);
}

type Config = Record<string, unknown>;

const CUTTERS: Record<string, (config: Config, depth: number) => Cut> = {
  Sequence: sequence,
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  Split: (config) => split(pattern(config.pattern), config),
  Punctuation: (config) => split(/[!-/:-@[-`{-~\p{P}]/gu, { behavior: 'Isolated', ...config }),
  Digits: (config) => pieces(config.individual_digits ? /\p{N}|\P{N}+/gu : /\p{N}+|\P{N}+/gu),
  // \w of Rust's regex crate: Alphabetic, M, Nd, Pc and Join_Control.
  Whitespace: () =>
    pieces(
      /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
    ),
  WhitespaceSplit: () => pieces(/\P{White_Space}+/gu),
  BertPreTokenizer: () => pieces(/[^\p{White_Space}!-/:-@[-`{-~\p{P}]+|[!-/:-@[-`{-~\p{P}]/gu),
  CharDelimiterSplit: (config) => split(literal(requireText(config.delimiter)), { behavior: 'Removed' }),
};

function cutter(config: unknown, depth: number): Cut {
  const type = isObject(config) ? config.type : undefined;
  if (depth > MAX_DEPTH) throw new Error('pre-tokenizers are nested too deeply');
  if (typeof type !== 'string' || !Object.hasOwn(CUTTERS, type))
    throw new Error(`unknown pre-tokenizer ${shown(type)}`);
  return CUTTERS[type](config as Config, depth);
}

function sequence(config: Config, depth: number): Cut {
  if (!Array.isArray(config.pretokenizers)) throw new Error('"pretokenizers" must be a list');
  const cuts = config.pretokenizers.map((part) => cutter(part, depth + 1));
  return (text, first) =>
    cuts.reduce<string[]>(
      (parts, cut) => parts.flatMap((part, i) => cut(part, () => i === 0 && text.startsWith(part) && first())),
      [text],
    );
}

function pieces(found: RegExp): Cut {
  return (text) => text.match(found) ?? [];
}

/** GPT-2's printable stand-ins: the character for each of the 256 bytes. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
})();

const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function byteLevel(config: Config): Cut {
  const prefix = config.add_prefix_space !== false;
  const words = config.use_regex !== false;
  const utf8 = new TextEncoder();
  return (text) => {
    const spaced = prefix && !text.startsWith(' ') ? ` ${text}` : text;
    const parts = words ? (spaced.match(GPT2) ?? []) : [spaced];
    return parts.map((part) => {
      let characters = '';
      for (const byte of utf8.encode(part)) characters += BYTE_CHARACTERS[byte];
      return characters;
    });
  };
}

function metaspace(config: Config): Cut {
  const mark = requireText(config.replacement ?? '▁');
  // Files from before `prepend_scheme` say `add_prefix_space`.
  const scheme = config.prepend_scheme ?? (config.add_prefix_space === false ? 'never' : 'always');
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
    throw new Error(`unknown prepend_scheme ${shown(scheme)}`);
  const cut = config.split === false ? undefined : split(literal(mark), { behavior: 'MergedWithNext' });
  return (text, first) => {
    let marked = text.replaceAll(' ', mark);
    if (!marked.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && first()))) marked = mark + marked;
    return cut ? cut(marked, first) : [marked];
  };
}

/** Where the pattern matches, and what lies between. */
interface Piece {
  text: string;
  match: boolean;
}

const BEHAVIORS: Record<string, (pieces: Piece[]) => string[]> = {
  removed: (pieces) => pieces.filter((piece) => !piece.match).map((piece) => piece.text),
  isolated: (pieces) => pieces.map((piece) => piece.text),
  contiguous: (pieces) => {
    const parts: string[] = [];
    pieces.forEach((piece, i) => {
      if (i > 0 && piece.match === pieces[i - 1].match) parts[parts.length - 1] += piece.text;
      else parts.push(piece.text);
    });
    return parts;
  },
  mergedwithprevious: (pieces) => {
    const parts: string[] = [];
    pieces.forEach((piece, i) => {
      if (i > 0 && piece.match && !pieces[i - 1].match) parts[parts.length - 1] += piece.text;
      else parts.push(piece.text);
    });
    return parts;
  },
  mergedwithnext: (pieces) => {
    const parts: string[] = [];
    for (let i = 0; i < pieces.length; i++) {
      const merges = pieces[i].match && i + 1 < pieces.length && !pieces[i + 1].match;
      parts.push(merges ? pieces[i].text + pieces[++i].text : pieces[i].text);
    }
    return parts;
  },
};

function split(matches: RegExp, config: Config): Cut {
  const behavior = requireText(config.behavior).toLowerCase().replaceAll('_', '');
  if (!Object.hasOwn(BEHAVIORS, behavior)) throw new Error(`unknown behavior ${shown(config.behavior)}`);
  const join = BEHAVIORS[behavior];
  const inverted = config.invert === true;
  return (text) => {
    const found: Piece[] = [];
    let end = 0;
    for (const match of text.matchAll(matches)) {
      // A match of nothing is a place to cut, but not behind another one.
      if (match[0].length === 0 && match.index === end) continue;
      if (match.index > end) found.push({ text: text.slice(end, match.index), match: inverted });
      found.push({ text: match[0], match: !inverted });
      end = match.index + match[0].length;
    }
    if (end < text.length) found.push({ text: text.slice(end), match: inverted });
    return join(found).filter((part) => part !== '');
  };
}

function pattern(config: unknown): RegExp {
  if (isObject(config) && typeof config.String === 'string') return literal(config.String);
  if (!isObject(config) || typeof config.Regex !== 'string') throw new Error('a Split needs a pattern');
  const found = new SplitPreTokenizer({
    type: 'Split',
    pattern: { Regex: config.Regex },
    behavior: 'Isolated',
    invert: false,
  }).pattern;
  if (!found) throw new Error(`unusable pattern ${shown(config.Regex)}`);
  // Of the letters that are the same to Oniguruma where case is ignored, the library knows those of ASCII.
  const ignoresCase = /\(\?[a-z]*i/.test(config.Regex);
  if (!ignoresCase) return found;
  return new RegExp(found.source.replaceAll('[sS]', '[sS\\u017f]').replaceAll('[kK]', '[kK\\u212a]'), found.flags);
}

function literal(characters: string): RegExp {
  if (characters.length === 0) throw new Error('an empty pattern');
  return new RegExp(characters.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'), 'gu');
}
