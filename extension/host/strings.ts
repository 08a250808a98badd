import { t } from './text.js';

/** The strings of a page, or of sentences of the contract, in the language of the window; placeholders stay, who shows them fills them. */
export function translated<S extends Record<string, string>>(strings: S): Record<keyof S, string> {
  const entries = Object.entries(strings).map(([key, english]) => [key, t(english)]);
  return Object.fromEntries(entries) as Record<keyof S, string>;
}
