/** When training has ended badly although no number was NaN: what is said, and when. */
import { HumanError } from '../errors.js';
import type { Example } from '../data/examples.js';
import { mean } from './job.js';
import type { RowLoss } from './learner.js';

/** Steps over which a loss must stay high. */
const STEPS = 10;
/** Rows of those steps that are measured again at the end. */
const ROWS = 64;

/**
 * While training: the mean loss of ten steps is not below that of guessing, ln(vocabulary), and twice that of the first
 * step. A model that was worth training started below; single bad steps and a loss that falls are no matter.
 */
export function divergenceWatch(vocabSize: number, first: number | undefined): (step: number, loss: number) => void {
  const guessing = Math.log(vocabSize);
  const last: number[] = [];
  return (step, loss) => {
    first ??= loss;
    last.push(loss);
    if (last.length > STEPS) last.shift();
    const now = last.reduce((a, b) => a + b, 0) / last.length;
    if (last.length < STEPS || now < 0.95 * guessing || now < 2 * first) return;
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
 * At the end: on rows that it was trained on, the model must not be worse than before by more than a quarter and half a nat.
 * @throws HumanError, also for a loss that is no number
 */
export function requireLearned(step: number, before: readonly RowLoss[], after: readonly RowLoss[]): void {
  const [was, is] = [mean(before), mean(after)];
  if (is <= Math.max(1.25 * was, was + 0.5)) return;
  throw new HumanError(
    Number.isFinite(is)
      ? `the run has diverged: on rows that it was trained on the model's loss is ${is.toFixed(2)} nats per token; before training it was ${was.toFixed(2)}.`
      : 'the run has diverged: the loss of the trained model is not a number.',
    { kind: 'failed', place: `step ${step}`, remedy: REMEDY },
  );
}
