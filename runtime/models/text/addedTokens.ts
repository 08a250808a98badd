import type { AddedToken } from './tokenizerFile.js';

/** A piece of a text: an added token, or what stands between them. */
interface Section {
  text: string;
  id?: number;
}

interface Branch {
  next: Map<string, Branch>;
  token?: AddedToken;
}

const SPACE = /\p{White_Space}/u;
const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const WORD_BEFORE = new RegExp(`${WORD}$`, 'u');
const WORD_BEHIND = new RegExp(`^${WORD}`, 'u');

/**
 * Cuts the added tokens out of a text as the `tokenizers` library does (added_vocabulary.rs): the leftmost, of those
 * the longest, with the white space around them that they take. `content` is what a token is found by.
 */
export function sections(tokens: readonly { token: AddedToken; content: string }[]): (text: string) => Section[] {
  const root: Branch = { next: new Map() };
  for (const { token, content } of tokens) {
    let branch = root;
    for (const unit of content.split('')) {
      const next = branch.next.get(unit) ?? { next: new Map<string, Branch>() };
      branch.next.set(unit, next);
      branch = next;
    }
    if (branch !== root) branch.token ??= token;
  }
  return (text) => {
    const found: Section[] = [];
    let before = 0;
    for (let at = 0; at < text.length;) {
      const match = longest(root, text, at);
      if (!match) {
        at++;
        continue;
      }
      let [start, stop] = [at, match.stop];
      at = stop;
      const { token } = match;
      const inWord = (): boolean =>
        WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_BEHIND.test(text.slice(stop, stop + 2));
      if (token.singleWord && inWord()) continue;
      // What another token has taken cannot be taken again; a token of which nothing is left is not there.
      if (token.lstrip) {
        while (start > 0 && SPACE.test(text[start - 1])) start--;
        start = Math.max(start, before);
      }
      if (token.rstrip) while (stop < text.length && SPACE.test(text[stop])) stop++;
      if (start > before) found.push({ text: text.slice(before, start) });
      if (start < stop) found.push({ text: token.content, id: token.id });
      before = stop;
    }
    if (before < text.length) found.push({ text: text.slice(before) });
    return found;
  };
}

function longest(root: Branch, text: string, start: number): { token: AddedToken; stop: number } | undefined {
  let found: { token: AddedToken; stop: number } | undefined;
  let branch: Branch | undefined = root;
  for (let at = start; (branch = branch.next.get(text[at]));) {
    at++;
    if (branch.token) found = { token: branch.token, stop: at };
  }
  return found;
}
