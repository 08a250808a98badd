/** When training counts as diverged although no number was NaN. */
import { mean } from '../../contract/sum.js';
import { HumanError } from '../../support/errors.js';
import type { Example } from '../../data/examples.js';
import { meanPerToken } from '../../learner/rows.js';
import type { RowLoss } from '../../learner/learner.js';

type Loss = Pick<RowLoss, 'nll' | 'tokens'>;

/** Steps over which a loss must stay high. */
const STEPS = 10;
/** Rows of those steps that are measured again at the end. */
const ROWS = 64;

/**
 * While training: over ten steps the mean loss is at least that of guessing, ln(vocabulary), and twice that of the
 * first step; or ten times that of the first step and half that of guessing. Single bad steps and a first batch that
 * the model knows already are not divergence.
 * @param before losses of the steps made already, of a run that is resumed
 */
export function divergenceWatch(vocabSize: number, before: readonly number[]): (step: number, loss: number) => void {
  const guessing = Math.log(vocabSize);
  let [first] = before;
  const last = before.slice(-STEPS);
  return (step, loss) => {
    first ??= loss;
    last.push(loss);
    if (last.length > STEPS) last.shift();
    const now = mean(last);
    const limit = Math.min(Math.max(0.95 * guessing, 2 * first), Math.max(10 * first, guessing / 2));
    if (last.length < STEPS || now < limit) return;
    throw new HumanError(
      `the run has diverged: over the last ${STEPS} steps the loss is ${now.toFixed(2)} nats per token; it was ${first.toFixed(2)} at first, and guessing gives ${guessing.toFixed(2)}.`,
      { kind: 'failed', place: `step ${step}`, remedy: REMEDY },
    );
  };
}

const REMEDY =
  'Nothing is delivered. Lower optimizer.learningRate, or set optimizer.clipNorm and optimizer.warmupSteps, and run again.';

/** Rows of the last steps, on which the model before training and the trained one are compared. */
export function lastRows(batchAt: (step: number) => Example[][], step: number): Example[] {
  const rows: Example[] = [];
  for (let s = step; s > Math.max(0, step - STEPS) && rows.length < ROWS; s--) rows.push(...batchAt(s).flat());
  return rows.slice(0, ROWS);
}

/**
 * At the end: on rows that it was trained on, the model must not be worse than before by more than a tenth and a
 * quarter of a nat per token.
 * @throws HumanError, also for a loss that is not a number
 */
export function requireLearned(step: number, before: readonly Loss[], after: readonly Loss[]): void {
  const [was, is] = [meanPerToken(before), meanPerToken(after)];
  if (is <= Math.max(1.1 * was, was + 0.25)) return;
  throw new HumanError(
    Number.isFinite(is)
      ? `the run has diverged: on rows that it was trained on the model's loss is ${is.toFixed(2)} nats per token; before training it was ${was.toFixed(2)}.`
      : 'the run has diverged: the loss of the trained model is not a number.',
    { kind: 'failed', place: `step ${step}`, remedy: REMEDY },
  );
}
