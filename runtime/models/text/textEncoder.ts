import { sections } from './addedTokens.js';
import type { Cut } from './preTokenizers.js';
import type { AddedToken } from './tokenizerFile.js';

/**
 * Characters between added tokens of which the ids are kept: a conversation is encoded for each of its answers, up to
 * that, and would take time in the square of its length.
 */
const KEPT_CHARACTERS = 2 ** 20;

/** A text of its own: part of a longer one keeps the whole of it in memory (V8 stores where it stands there). */
const copied = (part: string): string => Buffer.from(part, 'utf16le').toString('utf16le');

/** Ids of a text without special tokens around it: added tokens are cut out before and after it is normalized. */
export function textEncoder(
  added: readonly AddedToken[],
  normalize: (text: string) => string,
  cut: Cut,
  encodePiece: (piece: string) => (number | undefined)[],
): (text: string) => number[] {
  const literal = added.filter((token) => !token.normalized).map((token) => ({ token, content: token.content }));
  const normalized = added
    .filter((token) => token.normalized)
    .map((token) => ({ token, content: normalize(token.content) }));
  const lost = normalized.find(({ content }) => content === '');
  if (lost)
    throw new Error(`nothing is left of the added token ${JSON.stringify(lost.token.content)} once it is normalized`);
  const [findLiteral, findNormalized] = [sections(literal), sections(normalized)];
  const between = (given: string, isFirst: boolean): number[] => {
    const ids: number[] = [];
    const text = normalize(given);
    // A first character that the normalizer takes away still stands before the rest.
    const whole = (): boolean => normalize(given.replace(/^./su, '')) !== text || text === '';
    for (const [j, inner] of findNormalized(text).entries()) {
      if (inner.id !== undefined) ids.push(inner.id);
      else
        for (const piece of cut(inner.text, () => isFirst && j === 0 && whole()))
          for (const id of encodePiece(piece)) {
            if (id === undefined) throw new Error('it has no token for a part of the text, and no unknown token');
            ids.push(id);
          }
    }
    return ids;
  };
  const kept = new Map<string, number[]>();
  let characters = 0;
  const keptBetween = (given: string): number[] => {
    const found = kept.get(given) ?? between(given, false);
    if (kept.has(given) || given.length > KEPT_CHARACTERS) return found;
    if ((characters += given.length) > KEPT_CHARACTERS) {
      kept.clear();
      characters = given.length;
    }
    kept.set(copied(given), found);
    return found;
  };
  return (given) => {
    const ids: number[] = [];
    for (const [i, { text, id }] of findLiteral(given).entries()) {
      if (id !== undefined) ids.push(id);
      else for (const one of i === 0 ? between(text, true) : keptBetween(text)) ids.push(one);
    }
    return ids;
  };
}
