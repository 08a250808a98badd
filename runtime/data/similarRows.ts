/**
 * Groups of texts that share most of their words, by MinHash (Broder 1997): the share of equal values in two signatures
 * estimates the Jaccard similarity of two sets of words and word pairs. Each row joins the leader that it is most like,
 * or leads a group itself; so a group is like one row, which can be read, and does not drift from row to row. Depends
 * on the rows and their order alone.
 */
const VALUES = 32;
/** Rows that share the values of a band are compared: of pairs that are as alike as `SIMILAR`, 94 of 100. */
const BAND = 2;
/** Share of words and pairs in common. */
const SIMILAR = 0.4;
/** Leaders of a band that a row is compared with; more are the same few words in thousands of short texts. */
const MOST_LEADERS = 16;
/** A text is known by its beginning. */
const MAX_WORDS = 1000;

interface Grouping {
  /** The group of the next text, from 0. */
  add(text: string): number;
  /** Pairs of texts that were compared so far: the time that it takes. */
  readonly compared: number;
}

export function similarRows(): Grouping {
  const leaders: Uint32Array[] = [];
  const bands = Array.from({ length: VALUES / BAND }, () => new Map<number, number[]>());
  let compared = 0;
  return {
    get compared() {
      return compared;
    },
    add(text) {
      const own = signature(text);
      const tried = new Set<number>();
      const buckets = bands.map((band, b): [Map<number, number[]>, number] => [
        band,
        mixed(own[b * BAND] ^ Math.imul(own[b * BAND + 1], 0x9e3779b1)),
      ]);
      let best = -1;
      let most = SIMILAR * VALUES - 1;
      for (const [band, key] of buckets)
        for (const leader of band.get(key) ?? []) {
          if (tried.has(leader)) continue;
          tried.add(leader);
          compared++;
          const shared = equal(own, leaders[leader]);
          if (shared > most) [best, most] = [leader, shared];
        }
      if (best >= 0) return best;
      const leader = leaders.push(own) - 1;
      for (const [band, key] of buckets) {
        const there = band.get(key);
        if (!there) band.set(key, [leader]);
        else if (there.length < MOST_LEADERS) there.push(leader);
      }
      return leader;
    },
  };
}

const equal = (a: Uint32Array, b: Uint32Array): number => a.reduce((sum, value, i) => sum + Number(value === b[i]), 0);

/** Odd factors and terms of the hash functions, fixed. */
const FACTORS = Uint32Array.from({ length: VALUES }, (_, i) => mixed(2 * i + 1) | 1);
const TERMS = Uint32Array.from({ length: VALUES }, (_, i) => mixed(2 * i + 2));

/** Words without case, numbers and punctuation, and pairs of words that follow each other. */
function signature(text: string): Uint32Array {
  const found = new Uint32Array(VALUES).fill(0xffffffff);
  const take = (value: number): void => {
    for (let i = 0; i < VALUES; i++) {
      const other = mixed(Math.imul(value, FACTORS[i]) + TERMS[i]);
      if (other < found[i]) found[i] = other;
    }
  };
  let before = 0;
  let count = 0;
  for (const [word] of text
    .normalize('NFKC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{M}]+|\p{N}+/gu)) {
    if (++count > MAX_WORDS) break;
    const own = hashOf(/^\p{N}/u.test(word) ? '0' : word);
    take(own);
    if (before !== 0) take(Math.imul(before, 31) ^ own);
    before = own;
  }
  // A text without words is like texts that are the same.
  if (count === 0) take(hashOf(text));
  return found;
}

/** FNV-1a, mixed. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** The finaliser of MurmurHash3. */
function mixed(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
