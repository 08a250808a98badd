/** Seeded random numbers: the same seed gives the same run on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** Integer in [0, n). */
  int(n: number): number;
  /** Shuffles in place (Fisher–Yates) and returns the array. */
  shuffle<T>(array: T[]): T[];
  pick<T>(array: readonly T[]): T;
}

/**
 * splitmix32 over a seed; a string seed is hashed (FNV-1a), so that streams can be named:
 * `random(`${seed}/shuffle/3`)`.
 */
export function random(seed: number | string): Random {
  let state = 2166136261;
  for (const character of String(seed)) state = Math.imul(state ^ character.charCodeAt(0), 16777619);
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let t = state ^ (state >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  const uniform = (): number => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
  const int = (n: number): number => Math.floor(uniform() * n);
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    int,
    shuffle: (array) => {
      for (let i = array.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [array[i], array[j]] = [array[j], array[i]];
      }
      return array;
    },
    pick: (array) => array[int(array.length)],
  };
}
