import { largestPull, lastProbes, probesAt, stepBack, takenBack } from '../../runtime/contract/columns.js';
import { invariantStates } from '../../runtime/contract/invariants.js';
import {
  runView,
  VIEW_STRINGS,
  type RunReading,
  type RunView,
  type ViewStrings,
} from '../../runtime/contract/runView.js';
import type { Wording } from '../../runtime/contract/format.js';
import { runVerdict, type RunFacts } from '../../runtime/contract/verdict.js';
import { translated } from '../host/strings.js';
import { numbers, translation } from '../host/text.js';
import { baselineName, isOver, kindOf, vectorCount, type Run } from './run.js';

/** What a verdict needs of a run as the host knows it. */
const factsOf = (run: Run): RunFacts => ({
  kind: kindOf(run),
  phase: run.progress.state,
  vectors: vectorCount(run),
  baseline: baselineName(run),
  // Of a run that has just begun the steps are those of its checkpoint.
  step: stepBack(run.done) ?? run.done?.step ?? run.train.step.at(-1),
  first: probesAt(run.probes, 0),
  last: lastProbes(run.probes, run.done),
  largest: largestPull(run.probes, run.done),
  harmfulRows: run.probes.rows?.harmful,
  measurements: run.measurements,
  harmfulLoss: run.done?.harmfulLoss ?? run.harmfulLoss,
  byVector: run.done?.byVector,
  flagged: run.done?.flagged,
  trainedPrompts: run.done?.trainedPrompts,
  quality: run.done?.vector,
  watch: run.done?.watch,
  taken: takenBack(run.done),
  laws: run.done?.laws,
  weakened: run.done?.protectionWeakened,
});

/** A run as the host knows it, for the one view of it. */
export function readingOf(run: Run): RunReading {
  const facts = factsOf(run);
  return {
    kind: facts.kind,
    vectors: Array.from({ length: facts.vectors }),
    train: run.train,
    probes: run.probes,
    named: run.recipe?.probes,
    goalHarmfulLoss: run.recipe?.goalHarmfulLoss,
    verdict: runVerdict(facts),
    laws: run.done?.outcome === 'finished' ? invariantStates(facts) : [],
    measurements: run.measurements,
  };
}

/** The words of a view in the language of the window. */
export const viewWording = (): Wording<ViewStrings> => ({ strings: translated(VIEW_STRINGS), numbers: numbers() });

const views = new WeakMap<Run, { of: unknown[]; view: RunView }>();

/**
 * What trees, lenses and notices show of a run; the run page makes the same view from its snapshot. That of a run which
 * is over is made once.
 */
export function viewOf(run: Run): RunView {
  const { done, measurements, harmfulLoss, progress, train, probes, manifest, recipe } = run;
  const lengths = [train.step.length, probes.step.length];
  const of = [done, measurements, harmfulLoss, progress.state, manifest, recipe, translation(), ...lengths];
  const known = isOver(run) ? views.get(run) : undefined;
  if (known?.of.every((part, i) => part === of[i])) return known.view;
  const view = runView(readingOf(run), viewWording());
  views.set(run, { of, view });
  return view;
}
