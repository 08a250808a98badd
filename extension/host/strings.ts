import { t, translation } from './text.js';

/** By what they were translated, and to what: a window asks for the same words again and again. */
const known = new WeakMap<object, { by: unknown; words: unknown }>();

/**
 * The strings of a page, or of sentences of the contract, in the language of the window; placeholders stay, who shows
 * them fills them.
 */
export function translated<S extends Record<string, string>>(strings: S): Record<keyof S, string> {
  const before = known.get(strings);
  if (before?.by === translation()) return before.words as Record<keyof S, string>;
  const entries = Object.entries(strings).map(([key, english]) => [key, t(english)]);
  const words = Object.fromEntries(entries) as Record<keyof S, string>;
  known.set(strings, { by: translation(), words });
  return words;
}
