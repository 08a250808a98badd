/** How long a sweep takes: from the points that are done, and corrected by each. */
import type { FinetuneRecipe } from './recipe.js';
import { sum } from './sum.js';

/** A point, and how long it took if it is done. */
interface TimedPoint {
  readonly recipe: Pick<FinetuneRecipe, 'steps' | 'epochs' | 'data' | 'batch'>;
  readonly seconds?: number;
  /** Of its steps, where its training ended early. */
  readonly share?: number;
  /** Of its time, while it is at work. */
  readonly begun?: number;
  /** It ended by an error, maybe at once: how long that took says nothing of the others. */
  readonly failed?: boolean;
}

/** Share of a point's time that its training takes; the rest is for what comes before and for its evaluation. */
export const TRAINING = 0.8;

/** What a training reads, of points of one sweep in the same unit: rows, tokens, or rows of `data.file`. */
const workOf = ({ steps, epochs = 1, data, batch }: TimedPoint['recipe']): number =>
  steps === undefined ? epochs / (1 - (data.mix?.share ?? 0)) : steps * (batch.tokens ?? batch.rows) * batch.accumulate;

/**
 * Seconds for what is not done of the points; undefined where nothing is known.
 * @param expected of the first point, before one is done
 */
export function secondsLeft(points: readonly TimedPoint[], expected?: number): number | undefined {
  const workIn = (which: readonly TimedPoint[]): number => sum(which.map(({ recipe }) => workOf(recipe)));
  const whole = points.filter(({ failed }) => !failed);
  const done = whole.filter(({ seconds }) => seconds !== undefined);
  const work = sum(done.map(({ recipe, share = 1 }) => workOf(recipe) * (1 - TRAINING * (1 - share))));
  const open = whole.filter(({ seconds }) => seconds === undefined);
  const ahead = sum(open.map(({ recipe, begun = 0 }) => workOf(recipe) * (1 - begun)));
  if (!(work > 0)) return expected === undefined ? undefined : (expected / workIn(points.slice(0, 1))) * ahead;
  const seconds = sum(done.map((point) => point.seconds!));
  return (seconds / work) * ahead;
}
