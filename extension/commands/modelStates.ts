import { sortStates } from '../../runtime/contract/states.js';
import { deliveredState, modelPath, newestFirst } from '../runs/compare.js';
import { isRunning, type Run } from '../runs/run.js';
import { adapterOf, sameAdapter, type Model } from '../workspace/models.js';
import type { ModelStateChoice } from './recipeFiles.js';

/** Base; the newest plain and protected results; and what is attached now, if it is none of them. */
export function modelStates(model: Model, runs: readonly Run[]): ModelStateChoice[] {
  const states: ModelStateChoice[] = [{ name: 'base', adapters: [] }];
  for (const run of newestFirst(runs)) {
    const { manifest } = run;
    const name = deliveredState(run);
    if (manifest?.kind !== 'finetune' || !run.result || modelPath(run) !== model.path) continue;
    if (isRunning(run) || states.some((state) => state.name === name)) continue;
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
    const name = attached.map((a) => a.name).join(' + ');
    states.push({ name, adapters: attached.map(({ path, scale }) => ({ path, scale })) });
  }
  const named = states.map((state) => ({ ...state, state: state.name }));
  return sortStates(named).map(({ state: _, ...choice }) => choice);
}
