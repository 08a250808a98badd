/** When an answer is right, for whoever judges it or shows what was judged. Pure. */
import { behindThought } from './coherence.js';
import type { EvaluationSet } from './recipeData.js';

/** Scripts without spaces between words, and Hangul, where particles follow a word without one. */
const UNSPACED = ['Han', 'Hira', 'Kana', 'Thai', 'Lao', 'Khmr', 'Mymr', 'Hang']
  .map((script) => `\\p{scx=${script}}`)
  .join('');
/** A character of a word that has spaces around it. */
export const IN_WORD = `(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}]`;
/** A place that is not inside such a word. */
const EDGE = new RegExp(`(?<!${IN_WORD})|(?!${IN_WORD})`, 'uy');

/** One kind of apostrophe and of space, and accents in one form. */
export function normalized(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\u2018\u2019\u02bc]|(?<=\p{L})[\u0060\u00b4\u201b\u2032\uff07](?=\p{L})/gu, "'")
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * Of an answer that begins with a thought, what stands behind it is judged.
 * - `exact`: right when the text and an expected one agree but for white space around and between words; of an expected
 *   one that is a thought alone, the thoughts must agree.
 * - `contains`: right with one of the phrases in any case; without phrases, with an expected answer in it.
 */
export function isRight({
  answer,
  expected,
  measure,
  phrases,
}: {
  answer: string;
  expected: Iterable<string>;
  measure: Extract<EvaluationSet['measure'], 'exact' | 'contains'>;
  phrases?: readonly string[];
}): boolean {
  const text = normalized(behindThought(answer));
  return measure === 'exact'
    ? [...expected].some((one) => isSame(text, one, answer))
    : hasPhrase(text, phrases ?? [...expected].map(behindThought));
}

/** @param text what stands behind the thoughts of the answer */
export function isSame(text: string, expected: string, answer: string): boolean {
  const wanted = normalized(behindThought(expected));
  return wanted === '' ? normalized(answer) === normalized(expected) : text === wanted;
}

/** Whole words only, so that "arr" is not found in "carry". */
export function hasPhrase(text: string, phrases: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return phrases.some((phrase) => {
    const needle = normalized(phrase).toLowerCase();
    if (needle === '') return false;
    for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, at + 1))
      if (isEdge(lower, at) && isEdge(lower, at + needle.length)) return true;
    return false;
  });
}

function isEdge(text: string, at: number): boolean {
  EDGE.lastIndex = at;
  return EDGE.test(text);
}
