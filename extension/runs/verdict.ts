import { probesAt } from '../../runtime/contract/columns.js';
import { verdictText, VERDICT_SENTENCES } from '../../runtime/contract/sentences.js';
import { runVerdict, type RunFacts, type RunVerdict } from '../../runtime/contract/verdict.js';
import { translated } from '../host/strings.js';
import { numbers } from '../host/text.js';
import { kindOf, vectorCount, type Run } from './run.js';

/** What a verdict needs of a run as the host knows it. */
export const factsOf = (run: Run): RunFacts => ({
  kind: kindOf(run),
  phase: run.progress.state,
  vectors: vectorCount(run),
  // Of a run that has just begun the steps are those of its checkpoint.
  step: run.done?.step ?? run.train.step.at(-1),
  first: probesAt(run.probes, 0),
  last: probesAt(run.probes, run.probes.step.length - 1),
  measurements: run.measurements,
  laws: run.done?.laws,
  weakened: run.done?.protectionWeakened,
});

export const verdict = (run: Run): RunVerdict => runVerdict(factsOf(run));

/** The verdict as a sentence in the language of the window. */
export const verdictSentence = (of: RunVerdict): string =>
  verdictText(of, { strings: translated(VERDICT_SENTENCES), numbers: numbers() });
