/**
 * A file of words about things that are named by a hash: one list of hashes for each word. Reviews and labels are such
 * files.
 */
import * as z from 'zod';
import { isObject } from './isObject.js';
import { parseJsonc } from './jsonc.js';
import { safeParse } from './safeParse.js';

/**
 * Why a text is no such file: not JSON from a line on, of a newer version, another form at a key, or two words about one
 * hash.
 */
export type HashListsFault =
  | { kind: 'json'; line: number }
  | { kind: 'newer' }
  | { kind: 'form'; key: string }
  | { kind: 'twice'; hash: string };

/** Of a million. */
export const MAX_HASH_LISTS_BYTES = 32 * 1024 * 1024;

/** Never throws: the file is either whole or not read at all. */
export function parseHashLists<W extends string>(
  words: readonly W[],
  text: string,
): { found: ReadonlyMap<string, W> } | { fault: HashListsFault } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: { kind: 'json', line: parseJsonc(text).fault?.line ?? 1 } };
  }
  if (isObject(value) && Number(value.version) > 1) return { fault: { kind: 'newer' } };
  // Not at the top: pages import words from beside it, and have no use for zod.
  const hashes = z.array(z.string().regex(/^[\w-]{16}$/, 'this is not a hash'));
  const lists = Object.fromEntries(words.map((word) => [word, hashes])) as Record<W, typeof hashes>;
  const read = safeParse(z.strictObject({ version: z.literal(1), ...lists }), value);
  if (!read.success) {
    const [issue] = read.error.issues;
    const keys = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : (issue?.path ?? []);
    return { fault: { kind: 'form', key: keys.join('.') } };
  }
  const found = new Map<string, W>();
  for (const word of words)
    for (const hash of (read.data as Record<W, string[]>)[word]) {
      if (found.has(hash)) return { fault: { kind: 'twice', hash } };
      found.set(hash, word);
    }
  return { found };
}

/** One hash a line, in order: one more is a line more in a comparison of two versions. */
export function hashListsText<W extends string>(words: readonly W[], found: ReadonlyMap<string, W>): string {
  const sorted = words.map((word): [string, string[]] => [
    word,
    [...found].flatMap(([hash, of]) => (of === word ? [hash] : [])).sort(),
  ]);
  return `${JSON.stringify({ version: 1, ...Object.fromEntries(sorted) }, undefined, 1)}\n`;
}
