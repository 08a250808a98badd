/**
 * SentencePiece's compiled normalization rules, as the `tokenizers` library applies them (crate spm_precompiled).
 * @huggingface/tokenizers 0.2 does not read the rules and puts NFKC in their place.
 *
 * The rules: the length of a double-array trie in bytes, the trie (its keys are UTF-8 texts, its values offsets), then
 * the replacements, each ended by a zero byte.
 */
export function precompiledRules(base64: string): (text: string) => string {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < 4) throw new Error('"precompiled_charsmap" is too short');
  const size = bytes.readUInt32LE(0);
  if (size % 4 !== 0 || size === 0 || 4 + size > bytes.length) throw new Error('"precompiled_charsmap" is damaged');
  const trie = Uint32Array.from({ length: size / 4 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const replacements = bytes.subarray(4 + size);
  const known = new Map<string, string | undefined>();

  const rule = (text: string): string | undefined => {
    if (!known.has(text)) {
      if (known.size > MAX_CACHED) known.clear();
      known.set(text, lookUp(trie, replacements, text));
    }
    return known.get(text);
  };
  const character = (text: string): string => rule(text) ?? text;
  return (text) => {
    if (isAscii(text)) return Array.from(text, character).join('');
    let normalized = '';
    for (const { segment } of graphemes.segment(text)) {
      // A rule for the beginning of a short grapheme stands for all of it.
      const whole = Buffer.byteLength(segment) < 6 ? rule(segment) : undefined;
      normalized += whole ?? Array.from(segment, character).join('');
    }
    return normalized;
  };
}

const MAX_CACHED = 65_536;
/** The longest replacement of the usual rules has 18 characters. */
const MAX_REPLACEMENT = 256;
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
const utf8 = new TextEncoder();

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return !text.includes('\r\n');
}

/** The replacement for the shortest key that the text begins with. */
function lookUp(trie: Uint32Array, replacements: Buffer, text: string): string | undefined {
  let at = offset(trie[0]);
  for (const byte of utf8.encode(text)) {
    if (byte === 0) return undefined;
    at ^= byte;
    const unit = trie[at];
    // The label, with the bit that marks a value.
    if (unit === undefined || (unit & 0x800000ff) !== byte) return undefined;
    at ^= offset(unit);
    if (((unit >>> 8) & 1) === 0) continue;
    const start = (trie[at] ?? 0) & 0x7fffffff;
    const end = replacements.indexOf(0, start);
    if (start > replacements.length || (end < 0 ? replacements.length : end) - start > MAX_REPLACEMENT)
      throw new Error('"precompiled_charsmap" has a replacement that is too long');
    return replacements.toString('utf8', start, end < 0 ? undefined : end);
  }
  return undefined;
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
