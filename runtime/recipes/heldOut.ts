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

/**
 * Rows that a vector is never trained on: a share of them, at least 16 where that leaves three quarters, and none where it would be fewer
 * than four. Rows with the same
 * prompt stay together. A function of seed and rows alone.
 * @param share 0 holds nothing out
 */
export function holdOut(examples: ExampleList, share: number, seed: string): Split {
  const n = examples.length;
  const wanted = Math.min(MOST, Math.max(Math.round(share * n), Math.min(FEWEST, Math.floor(n / 4))));
  if (share === 0 || wanted < USEFUL) return { trained: examples, held: [] };
  const groups = new Map<string, number[]>();
  let at = 0;
  for (const { promptText } of examples) {
    const key = promptText === '' ? `row ${at}` : `prompt ${promptText}`;
    const group = groups.get(key);
    if (group) group.push(at);
    else groups.set(key, [at]);
    at += 1;
  }
  const held = new Set<number>();
  for (const group of random(`${seed}/held out`).shuffle([...groups.values()])) {
    if (held.size >= wanted) break;
    if (held.size + group.length <= Math.max(wanted, n / 2)) for (const row of group) held.add(row);
  }
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
