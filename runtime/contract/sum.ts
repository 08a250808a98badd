/** Added in their order, which floating-point numbers depend on. */
export function sum(values: Iterable<number>): number {
  let all = 0;
  for (const value of values) all += value;
  return all;
}

/** Not a number without values. */
export const mean = (values: Iterable<number> & ArrayLike<number>): number => sum(values) / values.length;
