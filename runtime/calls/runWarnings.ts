/** What is said of a run before it begins. */
import type { HubAdapter } from '../adapters/hubAdapters.js';
import type { Context } from '../context/context.js';
import { hubName } from '../contract/hubName.js';
import type { Recipe } from '../contract/recipe.js';
import { machineChanges } from '../recipes/dependencies.js';
import type { Job } from '../recipes/job.js';
import type { Checkpoint } from '../runs/checkpoint.js';

export async function warnOfContext({ backend, tokenizer, model }: Context, emit: Job<Recipe>['emit']): Promise<void> {
  if (backend.reason) {
    const message = `${backend.device}: ${backend.reason}`;
    await emit({ kind: 'state', state: 'preparing', message, device: backend.device });
  }
  if (tokenizer.chatTemplate?.plain) {
    await emit({
      kind: 'warning',
      message: 'the model has no chat template; conversations use a plain one.',
      place: model.folder,
      remedy: "Put the model's own chat_template into tokenizer_config.json if it was trained with one.",
    });
  }
}

/** The same recipe may mean another adapter tomorrow. */
export async function warnOfRevisions(hub: ReadonlyMap<string, HubAdapter>, emit: Job<Recipe>['emit']): Promise<void> {
  for (const [name, { commit, isPinned }] of hub)
    if (!isPinned)
      await emit({
        kind: 'warning',
        message: `${name} is now at commit ${commit}, and may change.`,
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
