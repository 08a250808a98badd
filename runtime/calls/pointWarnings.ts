/** What the points of a sweep are warned of, as the sweep says it. */
import { withoutSlash } from '../contract/address.js';
import type { RunEvent } from '../contract/events.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import type { SweepValues } from '../contract/sweep.js';
import { warningKind, type PointWarning } from '../contract/sweepWarnings.js';
import { placeOf } from './sweepJobs.js';
import { without } from '../support/without.js';

/** Says what a point was warned of, where none before it was. */
export type WarnOnce = (warnings: readonly PointWarning[] | undefined, values: SweepValues) => Promise<void>;

/** Says of all points once what they are warned of, and at which that was first. */
export function warnedOnce(emit: (event: RunEvent) => Promise<void>): WarnOnce {
  const said = new Set<string>();
  return async (warnings = [], values) => {
    for (const warning of warnings) {
      const kind = warningKind(warning);
      if (said.has(kind)) continue;
      said.add(kind);
      await emit({ kind: 'warning', ...warning, place: placeOf(values, warning) });
    }
  };
}

/** Not that its cluster was away: of all points this is said once. */
export const pointWarnings = (events: readonly RunEvent[], { on }: Pick<FinetuneRecipe, 'on'>): PointWarning[] =>
  events.flatMap((event) => {
    if (event.kind !== 'warning' || (on && event.place === withoutSlash(on.ray))) return [];
    return without(event, 'kind', 'code');
  });
