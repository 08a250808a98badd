/** Jobs of a sweep's points on their clusters that nobody hears any more. */
import { leftJobs, stopLeft, type StoppedJobs } from '../cluster/cluster.js';
import { PATIENCE } from '../cluster/follow.js';
import type { RunEvent, WarningEvent } from '../contract/events.js';
import { on, type ClusterTarget } from '../contract/recipeCluster.js';
import { safeParse } from '../contract/safeParse.js';
import { valuesText, type SweepValues } from '../contract/sweep.js';
import { requireFree } from '../runs/owner.js';
import { errorData } from '../support/errors.js';
import { secretsFrom } from './secrets.js';
import type { Options, Standing } from './sweepPlaces.js';

interface Among {
  /** Absolute path of a path written in the recipe that points vary. */
  readonly path: (written: string) => string;
  readonly options: Options;
  /** Ways to clusters that are not tried again, and why. */
  readonly unreached?: Map<string, unknown>;
}

/** Where something of a point is, for people. */
export const placeOf = (values: SweepValues, { place }: { place?: string }): string =>
  [valuesText(values), place].filter(Boolean).join(' → ');

/** Stops jobs of the run in a folder. */
export async function stopJobsIn(
  folder: string,
  target: ClusterTarget,
  { path, options, unreached }: Among,
): Promise<StoppedJobs> {
  const { signal, patience, onEvent } = options;
  try {
    if ((await leftJobs(folder)).length === 0) return { stopped: [] };
    await requireFree(folder);
    const emit = (event: RunEvent): Promise<void> => Promise.resolve(onEvent(event));
    const secrets = secretsFrom(options.secrets);
    return await stopLeft({ target, path, folder, secrets, signal, emit, patience }, unreached);
  } catch (thrown) {
    return { stopped: [], left: warningOf(thrown) };
  }
}

/** Stops jobs of runs that are no points of the sweep any more, and says so. */
export async function stopLeftOut(
  left: readonly Standing[],
  { emit, ...among }: Among & { readonly emit: (event: RunEvent) => Promise<void> },
): Promise<void> {
  const { patience = PATIENCE } = among.options;
  const unreached = new Map<string, unknown>();
  // The points wait for it.
  const options = { ...among.options, patience: { ...patience, awayMs: patience.stopMs } };
  for (const { at, values, recipe } of left) {
    const target = safeParse(on, recipe.on).data;
    if (!target) continue;
    const { stopped, left: unstopped } = await stopJobsIn(at, target, { ...among, options, unreached });
    const message = `the job ${stopped.join(', ')} was stopped: no point of the sweep needs it any more`;
    if (stopped.length > 0) await emit({ kind: 'warning', message, place: placeOf(values, {}) });
    if (unstopped) await emit({ ...unstopped, place: placeOf(values, unstopped) });
  }
}

function warningOf(thrown: unknown): WarningEvent {
  const { message, place, remedy, kind } = errorData(thrown);
  if (kind === 'internal') throw thrown;
  return { kind: 'warning', message, place, remedy };
}
