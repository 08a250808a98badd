import { basename, dirname, join } from 'node:path';
import { useFault } from '../../adapters/base.js';
import { openContext, scratchFolder, unusedWarning, type Context } from '../../context/context.js';
import { adapterName } from '../../contract/adapterName.js';
import type { Measurement, RunEvent, TrainedPrompts } from '../../contract/events.js';
import type { EvaluateRecipe } from '../../contract/recipe.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { questionCount } from '../../data/askedBy.js';
import { writtenTokens } from '../../models/text/writtenTokens.js';
import { readManifest } from '../../runs/output.js';
import type { HumanError } from '../../support/errors.js';
import { loadReporter, type Ending, type Job } from '../training/job.js';
import { seenBefore } from './seenBefore.js';
import {
  blindSets,
  evaluateState,
  judgedRows,
  loadSets,
  setFacts,
  withLabels,
  type LoadedSet,
} from '../../evaluation/evaluate.js';
import { tooLong } from '../../evaluation/cutOff.js';
import { judgesOfRun, noteUsage } from './judgesOfRun.js';
import { closeJudges } from '../../evaluation/judges/judges.js';
import { statesThere } from './evaluateThere.js';
import { activeAdapters, openState } from '../../evaluation/inference/states.js';

type NamedState = NonNullable<EvaluateRecipe['states']>[number];

/** Judges the answers of one or more states of a model on the same sets. */
export async function evaluateRun(job: Job<EvaluateRecipe>): Promise<Ending> {
  const { recipe, signal, emit } = job;
  const sets = await loadSets(job.context, recipe.evaluate, job.path, loadReporter(job));
  const states = [];
  for (const state of statesOf(recipe)) states.push({ name: state.name, ...(await readState(job, state)) });
  const judges = await judgesOfRun(job, states.length * judgedRows(sets));
  try {
    const facts = setFacts(sets);
    await job.folder.manifest({ sets: withLabels(facts, sets) });
    const trainedPrompts: TrainedPrompts[] = [];
    const unknown: [state: string, why: string][] = [];
    for (const { name, results } of states)
      for (const seen of await seenBefore(results, sets, facts, (why) => unknown.push([name, why])))
        trainedPrompts.push({ ...seen, state: name });
    await job.begin();
    for (const one of tooLong(sets, job.context.tokenizer, recipe.generation.maxNewTokens)) await emit(one);
    for (const one of blindSets(sets, recipe.judges)) await emit(one);
    for (const one of trainedPrompts) await emit(seenWarning(one, sets));
    for (const [state, why] of unknown)
      await emit({
        kind: 'state',
        state: 'preparing',
        message: `which prompts of these sets the training of "${state}" has seen is not known: ${why}`,
      });
    const all: Measurement[] = [];
    const there = job.cluster && (await statesThere(job, job.cluster, sets, states));
    const generation = { ...recipe.generation, seed: recipe.seed };
    for (const { name, context, adapters } of states) {
      const here = there ? undefined : await openState(context, name, adapters);
      try {
        const state = here ?? there!.get(name)!;
        all.push(
          ...(await evaluateState(context, await setsOf(job, context, sets), state, {
            step: 0,
            generation,
            signal,
            emit,
            judges,
          })),
        );
        await context.intact();
      } finally {
        await here?.dispose();
      }
    }
    await noteUsage(job, judges);
    return { measurements: all, ...(trainedPrompts.length > 0 && { trainedPrompts }) };
  } finally {
    await closeJudges(judges);
  }
}

/**
 * The sets as a state is asked them: a model of its own may have another tokenizer or chat template. What is wrong with
 * their rows has been said.
 */
async function setsOf(
  job: Job<EvaluateRecipe>,
  context: Context,
  sets: readonly LoadedSet[],
): Promise<readonly LoadedSet[]> {
  const own = writtenTokens(context.tokenizer);
  if (own === undefined || own === writtenTokens(job.context.tokenizer)) return sets;
  const reporter = { ...loadReporter(job), warn: () => undefined };
  const loaded = await loadSets(context, job.recipe.evaluate, job.path, reporter);
  for (const one of tooLong(loaded, context.tokenizer, job.recipe.generation.maxNewTokens)) await job.emit(one);
  return loaded;
}

const seenWarning = ({ set, state, count }: TrainedPrompts, sets: readonly LoadedSet[]): RunEvent => ({
  kind: 'warning',
  message: `the training of "${state}" has seen ${count} of the ${questionCount(sets.find((one) => one.set.name === set)!.examples)} prompts of "${set}": their answers say nothing about other prompts.`,
  place: 'evaluate',
  remedy: 'Evaluate on prompts that the vector, or the method, is not trained on.',
});

/** Without names: the base, and the model with the adapters where there are some. */
function statesOf({ states, adapters }: EvaluateRecipe): NamedState[] {
  const names = adapters.map((a) => adapterName(a.adapter)).join(' + ');
  const name = names === 'base' ? 'base with adapters' : names;
  return states ?? [{ name: 'base', adapters: [] }, ...(adapters.length > 0 ? [{ name, adapters }] : [])];
}

/** Opens the model and reads the adapters of a state. Warns of a security vector that is active. */
async function readState(
  job: Job<EvaluateRecipe>,
  { name, model, adapters }: NamedState,
): Promise<{ context: Context; adapters: Awaited<ReturnType<typeof activeAdapters>>; results: string[] }> {
  const context =
    model === undefined
      ? job.context
      : await openContext(job.path(model), {
          device: job.context.backend.device,
          threads: job.recipe.threads,
          precision: job.recipe.precision,
          scratch: scratchFolder(job.folder.path),
          signal: job.signal,
        });
  const changed = await changedSince(context);
  if (changed) throw changed;
  const unused = model === undefined ? undefined : unusedWarning(context);
  if (unused) await job.emit({ kind: 'warning', ...unused });
  const active = await activeAdapters(
    context,
    adapters.map((a) => ({ path: job.path(a.adapter), scale: a.scale })),
    loadReporter(job).warn,
  );
  for (const a of active.filter((a) => a.role === 'security' && a.scale !== 0)) {
    await job.emit({
      kind: 'warning',
      message: `the security vector ${adapterName(a.path)} is active in "${name}": this state answers as the vector does, not as a delivered model.`,
      place: 'adapters',
    });
  }
  const results = [...(model === undefined ? [] : [context.model.folder]), ...active.map(({ path }) => path)];
  return { context, adapters: active, results };
}

/** Of a model that a run has made: why nothing that is measured here is true of it. */
async function changedSince({ model: { folder }, ...use }: Context): Promise<HumanError | undefined> {
  if (basename(folder) !== RUN_FILES.model) return undefined;
  const made = dirname(folder);
  const run = await readManifest(made);
  const kept = `"model" in ${join(made, RUN_FILES.manifest)}`;
  return run?.result?.path === RUN_FILES.model ? useFault(run.model, use, { place: folder, kept }) : undefined;
}
