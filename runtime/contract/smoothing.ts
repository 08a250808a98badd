/** Lines as an exponential mean, also of columns of which not every row is there. */
import type { Column } from './columns.js';
import { isFiniteNumber } from './measures.js';
import { mean } from './sum.js';

/**
 * Of each row that is left of a column: the mean of the values since the row before it, its own included, and how many
 * these are.
 */
export interface Stretches {
  means: Readonly<Column>;
  counts: readonly number[];
}

/** @param kept indices of the rows that are left, ascending */
export function stretchesOf(column: Readonly<Column>, kept: readonly number[]): Stretches {
  const stretches = kept.map((row, i) => column.slice((kept[i - 1] ?? -1) + 1, row + 1).filter(isFiniteNumber));
  return {
    means: stretches.map((values) => (values.length > 0 ? mean(values) : null)),
    counts: stretches.map((values) => values.length),
  };
}

/**
 * An exponential mean that does not begin at zero; gaps stay gaps. Rows that were left out count by their stretches.
 */
export function smoothed(values: Readonly<Column>, weight: number, stretches?: Stretches): Column {
  if (weight <= 0) return [...values];
  let [mean, left] = [0, 1];
  return values.map((value, i) => {
    const here = stretches ? stretches.means[i] : value;
    if (isFiniteNumber(here)) {
      const kept = weight ** (stretches?.counts[i] ?? 1);
      mean = kept * mean + (1 - kept) * here;
      left *= kept;
    }
    return isFiniteNumber(value) ? mean / (1 - left) : value;
  });
}
