/** Jobs of a sweep's points on their clusters that nobody hears any more. */
import { dirname, resolve } from 'node:path';
import { leftJobs, stopLeft } from '../cluster/cluster.js';
import { PATIENCE } from '../cluster/follow.js';
import type { RunEvent } from '../contract/events.js';
import { on, type ClusterTarget } from '../contract/recipeCluster.js';
import { safeParse } from '../contract/safeParse.js';
import { valuesText, type SweepValues } from '../contract/sweep.js';
import { requireFree } from '../runs/owner.js';
import { errorData } from '../support/errors.js';
import { secretsFrom } from './secrets.js';
import type { Options, Standing } from './sweepPlaces.js';

export type Warning = Extract<RunEvent, { kind: 'warning' }>;

interface Among {
  /** The recipe whose folder paths are relative to. */
  readonly base: string;
  readonly options: Options;
}

/** Where something of a point is, for people. */
export const placeOf = (values: SweepValues, { place }: { place?: string }): string =>
  [valuesText(values), place].filter(Boolean).join(' → ');

/** Stops jobs of the run in a folder. @returns what is said where one may go on */
export async function stopJobsIn(folder: string, target: ClusterTarget, { base, options }: Among): Promise<Warning[]> {
  const { signal, patience, onEvent } = options;
  try {
    await requireFree(folder);
    const warning = await stopLeft({
      target,
      path: (written) => resolve(dirname(base), written),
      folder,
      secrets: secretsFrom(options.secrets),
      signal,
      emit: (event) => Promise.resolve(onEvent(event)),
      patience,
    });
    return warning ? [warning] : [];
  } catch (thrown) {
    return [warningOf(thrown)];
  }
}

/** Stops jobs of runs that are no points of the sweep any more, and says so. */
export async function stopLeftOut(
  left: readonly Standing[],
  { emit, ...among }: Among & { readonly emit: (event: RunEvent) => Promise<void> },
): Promise<void> {
  const { patience = PATIENCE } = among.options;
  // The points wait for it.
  const options = { ...among.options, patience: { ...patience, awayMs: patience.stopMs } };
  for (const { at, values, recipe } of left) {
    const target = safeParse(on, recipe.on).data;
    if (!target) continue;
    const ids = await leftJobs(at).catch((thrown: unknown) => warningOf(thrown));
    if (Array.isArray(ids) && ids.length === 0) continue;
    const said = Array.isArray(ids) ? await stopJobsIn(at, target, { ...among, options }) : [ids];
    if (said.length === 0) said.push({ kind: 'warning', message: `the job ${String(ids)} was stopped: its point is not in the sweep any more` }); // oxfmt-ignore
    for (const warning of said) await emit({ ...warning, place: placeOf(values, warning) });
  }
}

function warningOf(thrown: unknown): Warning {
  const { message, place, remedy, kind } = errorData(thrown);
  if (kind === 'internal') throw thrown;
  return { kind: 'warning', message, place, remedy };
}
