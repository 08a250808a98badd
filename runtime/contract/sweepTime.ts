/** How long a sweep takes: from the points that are done, and corrected by each. */
import type { FinetuneRecipe } from './protocol.js';

/** A point, and how long it took if it is done. */
export interface TimedPoint {
  readonly recipe: Pick<FinetuneRecipe, 'steps' | 'epochs' | 'data' | 'batch'>;
  readonly seconds?: number;
}

/** Rows that a training reads, of points of one sweep in the same unit: rows, or rows of `data.file`. */
const workOf = ({ steps, epochs = 1, data, batch }: TimedPoint['recipe']): number =>
  steps === undefined ? epochs / (1 - (data.mix?.share ?? 0)) : steps * batch.rows * batch.accumulate;

/** Seconds for the points that are not done; undefined before the first one is. */
export function secondsLeft(points: readonly TimedPoint[]): number | undefined {
  const sum = (which: readonly TimedPoint[]): number => which.reduce((total, { recipe }) => total + workOf(recipe), 0);
  const done = points.filter(({ seconds }) => seconds !== undefined);
  const work = sum(done);
  if (!(work > 0)) return undefined;
  const seconds = done.reduce((total, point) => total + point.seconds!, 0);
  return (seconds / work) * (sum(points) - work);
}
