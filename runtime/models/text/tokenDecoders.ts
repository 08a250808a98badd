import { ReplaceNormalizer } from '@huggingface/tokenizers';
import { isObject } from '../../contract/isObject.js';
import { shown } from '../../support/jsonFile.js';
import { BYTE_CHARACTERS } from './preTokenizers.js';
import { checkPattern, escapeDollars, MAX_DEPTH, requireText } from './tokenizerFile.js';

/**
 * Decoders as the `tokenizers` library defines them (decoders/*.rs): token texts to texts that are joined. Where
 * @huggingface/tokenizers 0.2 differs: bytes that are not UTF-8, a byte order mark, Metaspace at the start, and
 * ByteLevel, which there searches all added tokens for every token.
 */
type DecodeStep = (tokens: string[]) => string[];

/**
 * The decoder of a tokenizer.json. Without one, tokens are joined by spaces.
 * @throws Error naming a type that is not known.
 */
export function tokenDecoder(config: unknown): (tokens: string[]) => string {
  if (config === null || config === undefined) return (tokens) => tokens.join(' ');
  const step = decodeStep(config, 0);
  return (tokens) => step(tokens).join('');
}

type Config = Record<string, unknown>;

const STEPS: Record<string, (config: Config, depth: number) => DecodeStep> = {
  Sequence: sequence,
  ByteLevel: () => byteLevel,
  ByteFallback: () => byteFallback,
  Fuse: () => (tokens) => [tokens.join('')],
  Metaspace: metaspace,
  Replace: replace,
  Strip: strip,
  WordPiece: wordPiece,
  BPEDecoder: (config) => {
    const suffix = requireText(config.suffix ?? '</w>');
    return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
  },
};

function decodeStep(config: unknown, depth: number): DecodeStep {
  const type = isObject(config) ? config.type : undefined;
  if (depth > MAX_DEPTH) throw new Error('decoders are nested too deeply');
  if (typeof type !== 'string' || !Object.hasOwn(STEPS, type)) throw new Error(`unknown decoder ${shown(type)}`);
  return STEPS[type](config as Config, depth);
}

function sequence(config: Config, depth: number): DecodeStep {
  if (!Array.isArray(config.decoders)) throw new Error('"decoders" must be a list');
  const steps = config.decoders.map((part) => decodeStep(part, depth + 1));
  return (tokens) => steps.reduce((texts, step) => step(texts), tokens);
}

const BYTE_OF = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));
// A byte order mark is text here. Bytes that are not UTF-8 become U+FFFD, as in Rust's from_utf8_lossy.
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
const utf8 = new TextEncoder();

/** A token with a character that stands for no byte (a special token) is used unchanged. */
function byteLevel(tokens: string[]): string[] {
  const bytes: number[] = [];
  for (const token of tokens) {
    const own = Array.from(token, (character) => BYTE_OF.get(character));
    if (own.every((byte) => byte !== undefined)) for (const byte of own) bytes.push(byte);
    else for (const byte of utf8.encode(token)) bytes.push(byte);
  }
  return [lossy.decode(Uint8Array.from(bytes))];
}

/** Runs of `<0xE2>` become their text; a run that is not UTF-8 becomes one U+FFFD a byte. */
function byteFallback(tokens: string[]): string[] {
  const texts: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length === 0) return;
    try {
      texts.push(strict.decode(Uint8Array.from(run)));
    } catch {
      for (const _ of run) texts.push('\ufffd');
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte) run.push(parseInt(byte[1], 16));
    else {
      flush();
      texts.push(token);
    }
  }
  flush();
  return texts;
}

function metaspace(config: Config): DecodeStep {
  const mark = requireText(config.replacement ?? '▁');
  const never = (config.prepend_scheme ?? (config.add_prefix_space === false ? 'never' : 'always')) === 'never';
  return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && !never ? '' : ' '));
}

function replace(config: Config): DecodeStep {
  checkPattern(config.pattern);
  requireText(config.content);
  const given = escapeDollars(config) as ConstructorParameters<typeof ReplaceNormalizer>[0];
  const normalizer = new ReplaceNormalizer(given);
  return (tokens) => tokens.map((token) => normalizer.normalize(token));
}

/** Takes up to `start` and `stop` times `content` off the ends. */
function strip(config: Config): DecodeStep {
  const content = requireText(config.content);
  const start = count(config.start);
  const stop = count(config.stop);
  return (tokens) =>
    tokens.map((token) => {
      const characters = [...token];
      let from = 0;
      while (from < start && characters[from] === content) from++;
      let to = characters.length;
      while (characters.length - to < stop && to > from && characters[to - 1] === content) to--;
      return characters.slice(from, to).join('');
    });
}

function wordPiece(config: Config): DecodeStep {
  const prefix = requireText(config.prefix ?? '##');
  const clean = config.cleanup !== false;
  return (tokens) =>
    tokens.map((token, i) => {
      const spaced = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return clean ? cleanUp(spaced).replaceAll(' do not', " don't") : spaced;
    });
}

const SPACES_BEFORE: [string, string][] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** `clean_up_tokenization_spaces` of tokenizer_config.json. */
export function cleanUp(decoded: string): string {
  return SPACES_BEFORE.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), decoded);
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw new Error(`a count was expected, got ${shown(value)}`);
  return value;
}
