import { questionsOf } from '../data/askedBy.js';
import { subset, type ExampleList } from '../data/exampleList.js';
import { random } from '../support/random.js';

/** Of this many rows at least one in four may be held out, so that something can be said of the vector. */
const FEWEST = 16;
/** Fewer rows than this tell nothing. */
const USEFUL = 4;
/** More rows than this tell nothing new. */
const MOST = 512;

export interface Split {
  readonly trained: ExampleList;
  readonly held: ExampleList;
}

/** How many of `n` rows are held out, about: rows with the same prompt stay together. */
export function heldOutCount(n: number, share: number): number {
  const wanted = Math.min(MOST, Math.max(Math.round(share * n), Math.min(FEWEST, Math.floor(n / 4))));
  return share === 0 || wanted < USEFUL ? 0 : wanted;
}

/**
 * Rows that a vector is never trained on: a share of them, at least 16 where that leaves three quarters, and none where it would be fewer
 * than four. Rows with the same prompt stay together, of conversations those with the same first one that is answered: every answer
 * is trained on. A function of seed and rows alone.
 * @param share 0 holds nothing out
 * @param seen what was trained on before (questionsOf): it is never held out
 */
export function holdOut(
  examples: ExampleList,
  share: number,
  seed: string,
  seen: ReadonlySet<string> = new Set(),
): Split {
  const n = examples.length;
  const wanted = heldOutCount(n, share);
  const none = { trained: examples, held: [] };
  if (wanted === 0) return none;
  const groups = new Map<string, number[]>();
  const known = new Set<string>();
  let at = 0;
  for (const example of examples) {
    const names = questionsOf(example);
    const [key] = names;
    if (names.some((name) => seen.has(name))) known.add(key);
    const group = groups.get(key);
    if (group) group.push(at);
    else groups.set(key, [at]);
    at += 1;
  }
  for (const key of known) groups.delete(key);
  const held = new Set<number>();
  for (const group of random(`${seed}/held out`).shuffle([...groups.values()])) {
    if (held.size >= wanted) break;
    if (held.size + group.length <= Math.max(wanted, n / 2)) for (const row of group) held.add(row);
  }
  if (held.size < USEFUL) return none;
  const indices = Array.from({ length: n }, (_, i) => i);
  return {
    trained: subset(
      examples,
      indices.filter((i) => !held.has(i)),
    ),
    held: subset(
      examples,
      indices.filter((i) => held.has(i)),
    ),
  };
}
