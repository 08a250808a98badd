import { basename } from 'node:path';
import { cacheFolder, openContext } from '../context.js';
import type { EvaluateRecipe, Measurement, RunEvent } from '../protocol.js';
import { warnings, type Job } from '../training/job.js';
import { evaluateState, judgesOfRun, loadSets, type LoadedSet } from './evaluate.js';
import { closeJudges, type Judge } from './judges.js';
import { activeAdapters, openState } from './states.js';

/** Judges the answers of one or more states of a model on the same sets. */
export async function* evaluateRun(job: Job<EvaluateRecipe>): AsyncGenerator<RunEvent, Measurement[]> {
  const { recipe } = job;
  const { speech, flush } = warnings(job);
  const sets = await loadSets(job.context, recipe.evaluate, job.path, speech);
  yield* flush();
  const name = recipe.adapters.map((a) => basename(a.adapter)).join(' + ');
  const states = recipe.states ?? [
    { name: 'base', adapters: [] },
    ...(recipe.adapters.length > 0 ? [{ name, adapters: recipe.adapters }] : []),
  ];
  const judges = await judgesOfRun(job);
  try {
    return yield* evaluateStates(job, states, sets, judges);
  } finally {
    await closeJudges(judges);
  }
}

async function* evaluateStates(
  { recipe, signal, ...job }: Job<EvaluateRecipe>,
  states: readonly Pick<NonNullable<EvaluateRecipe['states']>[number], 'name' | 'model' | 'adapters'>[],
  sets: readonly LoadedSet[],
  judges: readonly Judge[],
): AsyncGenerator<RunEvent, Measurement[]> {
  const all: Measurement[] = [];
  for (const wanted of states) {
    const context =
      wanted.model === undefined
        ? job.context
        : await openContext(job.path(wanted.model), {
            device: job.context.backend.device,
            threads: recipe.threads,
            cache: cacheFolder(job.folder.path),
          });
    const adapters = await activeAdapters(
      context,
      wanted.adapters.map((a) => ({ path: job.path(a.adapter), scale: a.scale })),
    );
    for (const a of adapters.filter((a) => a.role === 'security' && a.scale !== 0)) {
      yield {
        kind: 'warning',
        message: `the security vector ${basename(a.path)} is active in "${wanted.name}": this state answers as the vector does, not as a delivered model.`,
        place: 'adapters',
      };
    }
    const state = await openState(context, wanted.name, adapters);
    try {
      all.push(
        ...(yield* evaluateState(context, sets, state, {
          step: 0,
          generation: { ...recipe.generation, seed: recipe.seed },
          signal,
          judges,
        })),
      );
    } finally {
      await state.dispose();
    }
  }
  return all;
}
