/** Slopes of ALiBi (Press et al. 2022, section 3), as transformers computes them. */

/**
 * A geometric sequence from 2^(−8/n) on; where the number of heads is not a power of two, every second slope of the
 * next power is used, too.
 */
export function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const sequence = (n: number): number[] => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n));
  return [...sequence(power), ...sequence(2 * power).filter((_, i) => i % 2 === 0)].slice(0, heads);
}

/**
 * MPT's own order for other numbers of heads: every second of the next power's slopes from the second on, then the
 * others.
 */
export function mptSlopes(heads: number): number[] {
  const all = alibiSlopes(2 ** Math.ceil(Math.log2(heads)));
  if (all.length === heads) return all;
  return [...all.filter((_, i) => i % 2 === 1), ...all.filter((_, i) => i % 2 === 0)].slice(0, heads);
}
