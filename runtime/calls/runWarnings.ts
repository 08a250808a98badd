/** What a run says of its model, its adapters and its machine before it begins. */
import type { HubAdapter } from '../adapters/hubAdapters.js';
import { templateWarning, unusedWarning, type Context } from '../context/context.js';
import { hubName } from '../contract/hubName.js';
import type { Recipe } from '../contract/recipe.js';
import { machineChanges } from '../recipes/training/dependencies.js';
import type { Job } from '../recipes/training/job.js';
import type { Checkpoint } from '../runs/checkpoint.js';

/** @param given why it is this device, where the device does not say it */
export async function warnOfContext(context: Context, emit: Job<Recipe>['emit'], given?: string): Promise<void> {
  const { device, reason = given } = context.backend;
  if (reason) await emit({ kind: 'state', state: 'preparing', message: `${device}: ${reason}`, device });
  for (const warning of [templateWarning(context), unusedWarning(context)])
    if (warning) await emit({ kind: 'warning', ...warning });
}

/** The same recipe may mean another adapter tomorrow. */
export async function warnOfRevisions(hub: ReadonlyMap<string, HubAdapter>, emit: Job<Recipe>['emit']): Promise<void> {
  for (const [name, { commit, isPinned }] of hub)
    if (!isPinned)
      await emit({
        kind: 'warning',
        message: `${name} is now at commit ${commit}, and may change later.`,
        remedy: `Write hub:${hubName(name)!.repository}@${commit} to use this one for ever.`,
      });
}

/** Another device or processor rounds differently. */
export async function warnOfMachine({ facts }: Checkpoint, { machine, folder, emit }: Job<Recipe>): Promise<void> {
  const others = machineChanges(facts.machine, machine);
  if (others.length === 0) return;
  await emit({
    kind: 'warning',
    message: `the run is resumed on another machine or device than it started on (${others.join(', ')}): its result will differ in the last digits from that of a run that was not stopped.`,
    place: folder.path,
  });
}
