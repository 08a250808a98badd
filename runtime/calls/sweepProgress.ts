/** How far the points of a sweep are, and how long the rest takes. */
import type { RunEvent } from '../contract/events.js';
import { formatDuration } from '../contract/format.js';
import type { SweepPoint } from '../contract/sweep.js';
import { secondsLeft, TRAINING } from '../contract/sweepTime.js';
import { sum } from '../contract/sum.js';
import { estimateTraining } from '../estimate/estimate.js';
import type { Options, Point } from './sweepPlaces.js';

/** How much of a sweep is done, and how long the rest takes. */
export function sweepProgress(
  points: readonly Point[],
  results: readonly (SweepPoint | undefined)[],
  atOnce: number,
  expected: number | undefined,
) {
  const shares = results.map((result) => Number(result !== undefined));
  return {
    /** The share of the whole, once a point is at this one of its own. */
    whole: (i: number, share: number): number => {
      shares[i] = share;
      return sum(shares) / points.length;
    },
    /** For the end of a message. */
    left: (): string => {
      const timed = points.map(({ recipe }, i) => {
        const { seconds, share, error } = results[i] ?? {};
        return { recipe, seconds, share, begun: shares[i], failed: error !== undefined };
      });
      const seconds = secondsLeft(timed, expected);
      return seconds === undefined ? '' : `, about ${formatDuration(seconds / atOnce)} left`;
    },
  };
}

/** How long a point takes, before any was run; undefined where it cannot be told, which no run is refused for. */
export async function expectedSeconds(
  { recipe }: Point,
  { path, options }: { path: (written: string) => string; options: Options },
): Promise<number | undefined> {
  if (recipe.on) return undefined;
  const { device, signal } = options;
  const estimate = await estimateTraining(recipe, { path, device, signal }).catch(() => undefined);
  return estimate && Math.sqrt(estimate.seconds[0] * estimate.seconds[1]);
}

const EVERY_MS = 1000;
/** Share of a point's time that is over when it is evaluated after its training. */
const TRAINED = 0.9;

/**
 * What a point at work does, as the progress of the sweep; not recorded. Of what comes before the first step, such as
 * the base's answers, nobody knows how much of the point it is: it counts with the training.
 * @param whole of the sweep, by the share of the point
 */
export function progressOf(
  say: (event: RunEvent) => void,
  title: string,
  whole: (share: number) => number,
  left: () => string,
): (event: RunEvent) => void {
  let last = -EVERY_MS;
  let share = 0;
  return (event) => {
    if (event.kind !== 'step' && event.kind !== 'state') return;
    const isStep = event.kind === 'step';
    if (isStep) share = Math.max(share, TRAINING * (event.step / event.steps));
    else if (event.state === 'evaluating' && share >= TRAINING) share = TRAINED;
    const now = performance.now();
    if (now - last < EVERY_MS) return;
    last = now;
    const progress = whole(share);
    const what = isStep ? `step ${event.step}/${event.steps}` : event.message;
    say({ kind: 'state', state: 'preparing', message: `${title}: ${what}${left()}`, progress });
  };
}
