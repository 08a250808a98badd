/**
 * Text out of files, models and servers as people may see it: characters that move the cursor, recolour or retitle a
 * terminal (C0, C1, DEL), or show text in another order than it has (bidirectional controls, line separators), are
 * written as their codes. Tabs and line ends stay.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same in a page or an editor; a line may end as it does on Windows. */
export const visibleText = (text: string): string => visible(text.replaceAll('\r\n', '\n'));

/** The same on one line. */
export const visibleLine = (text: string): string => visible(text.replace(/\s*[\r\n]+\s*/g, ' '));

const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
