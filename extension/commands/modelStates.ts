import type { Precision } from '../../runtime/contract/recipeWords.js';
import { sortStates } from '../../runtime/contract/states.js';
import { stateOfRun, modelPath, newestFirst, siblings } from '../runs/compare.js';
import { isRunning, type Run } from '../runs/run.js';
import { adapterOf, sameAdapter, type Model } from '../workspace/models.js';
import { precisionWith } from '../workspace/precision.js';
import type { ModelStateChoice } from './recipeFiles.js';

/**
 * Base; the newest result and, where it was fine-tuned both plainly and protected on the same data, the other one; and
 * what is attached now, if it is none of them.
 */
export function modelStates(model: Model, runs: readonly Run[]): ModelStateChoice[] {
  const states: ModelStateChoice[] = [{ name: 'base', adapters: [] }];
  const results = newestFirst(runs).filter(
    (run) => run.manifest?.kind === 'finetune' && run.result && modelPath(run) === model.path && !isRunning(run),
  );
  for (const run of results.slice(0, 1).flatMap((newest) => [newest, ...siblings(newest, results)])) {
    const name = stateOfRun(run);
    if (states.some((state) => state.name === name)) continue;
    const adapter = adapterOf(run);
    states.push(
      adapter ? { name, adapters: [{ path: adapter.path, scale: 1 }] } : { name, model: run.result, adapters: [] },
    );
  }
  const attached = model.adapters.filter((a) => a.attached);
  const isKnown = states.some(
    (state) =>
      !state.model &&
      state.adapters.length === attached.length &&
      attached.every((a) => state.adapters.some((b) => sameAdapter(a.path, b.path) && a.scale === b.scale)),
  );
  if (!isKnown) {
    const name = attached.map((a) => a.ownName ?? a.name).join(' + ');
    states.push({ name, adapters: attached.map(({ path, scale }) => ({ path, scale })) });
  }
  const named = states.map((state) => ({ ...state, state: state.name }));
  return sortStates(named).map(({ state: _, ...choice }) => choice);
}

/** How the weights are held for all states: as for their adapters, and as they are where one is a model of its own. */
export const precisionOf = (model: Model, states: readonly ModelStateChoice[]): Precision | undefined =>
  states.some((state) => state.model !== undefined)
    ? undefined
    : precisionWith(
        model,
        states.flatMap(({ adapters }) => adapters),
      );
