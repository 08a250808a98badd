import { Cancelled, HumanError, nextTurn } from '../../support/errors.js';
import { usedMemory } from '../../support/memory.js';
import type { Optimizer, OptimizerState } from '../../optim/optimizer.js';
import { learningRate } from '../../optim/schedule.js';
import type { HarmfulLoss, ProbeRows, Probes, RunEvent } from '../../contract/events.js';
import type { TrainingRecipe } from '../../contract/kinds.js';
import { sum } from '../../contract/sum.js';
import { stepLosses } from '../../runs/runFolder.js';
import { divergenceWatch } from './divergence.js';
import type { Job, TrainingState } from './job.js';
import { summed } from './summed.js';
import { timeLeft } from './timeLeft.js';
import type { Learner } from '../../learner/learner.js';
import { batchesOf, type TrainingRow } from '../../learner/packing.js';
import { meanPerToken } from '../../learner/rows.js';
import type { Feeds, Tensor } from '../../device/session.js';

/** Rows of each kind whose loss, or gradient, is drawn while training. */
export const PROBE_ROWS = 8;

/** What was measured at a step. */
export const evaluationEvent = (
  step: number,
  { probes, probeRows, harmfulLoss }: { probes?: Probes; probeRows?: ProbeRows; harmfulLoss?: HarmfulLoss },
): RunEvent => ({
  kind: 'evaluation',
  step,
  probes,
  ...(probes && probeRows && { probeRows }),
  ...(harmfulLoss && { harmfulLoss }),
});

/** A training that is ready to begin. */
export interface LoopOptions {
  readonly training: Pick<TrainingState, 'state' | 'checkpoint' | 'ended'>;
  readonly steps: number;
  readonly learner: Learner;
  readonly optimizer: Optimizer;
  /** All graph parameters with the present state of the trainable ones. */
  readonly parameters: () => Feeds;
  /** Rows of a step's micro-batches, weights chosen so that the sum over all is the step's mean loss. */
  readonly rows: (step: number) => Promise<TrainingRow[][]>;
  /** What the optimizer gets instead of a step's gradients, which are freed. */
  readonly gradients?: (own: Tensor[], at: { step: number; steps: number; state: OptimizerState }) => Promise<Tensor[]>;
  /** Measures harmful rows, whenever the probes are measured. */
  readonly harmfulLoss?: () => Promise<HarmfulLoss | undefined>;
  /** Ends training, perhaps with an earlier state, when it returns true for what was measured. */
  readonly watch?: (loss: HarmfulLoss) => Promise<boolean>;
  /**
   * Measures the probe rows: before step 1, every `evaluateEvery` steps, and at the end.
   * @param over gradients that nobody reads any more: those of the probes may take their place
   */
  readonly probe: (over?: readonly Tensor[]) => Promise<Probes | undefined>;
  /** Which rows these are. */
  readonly probeRows?: ProbeRows;
  /** Hears of them, while the state is the one that was measured. Ends training when it returns true. */
  readonly probed?: (probes: Probes) => Promise<boolean>;
  /** Ends training early when it returns true after a step. */
  readonly enough?: (step: { harmfulLoss: number | undefined }) => Promise<boolean>;
  /** Rows whose mean loss is reported as harmful. */
  readonly isHarmful?: (row: TrainingRow) => boolean;
}

/**
 * Runs optimizer steps until `steps`, `enough` or the signal. Throws Cancelled after a checkpoint when the signal
 * fired.
 */
export async function trainingLoop(job: Job<TrainingRecipe>, options: LoopOptions): Promise<void> {
  const { recipe, context, folder, signal, emit } = job;
  const { training, steps, optimizer, isHarmful = () => false } = options;
  const { state, checkpoint, ended } = training;
  const { evaluateEvery, batch } = recipe;
  const left = timeLeft(steps, evaluateEvery);
  let saved = state.step;
  const watch = divergenceWatch(context.spec.vocabSize, await stepLosses(folder.path));

  /** Gradients of the step before, to be written over. */
  let old: Tensor[] | undefined;

  /** Whether training ends here. */
  const measure = async (): Promise<boolean> => {
    const over = old;
    old = undefined;
    const [probes, harmfulLoss] = [await options.probe(over), await options.harmfulLoss?.()];
    if (probes ?? harmfulLoss)
      await emit(evaluationEvent(state.step, { probes, probeRows: options.probeRows, harmfulLoss }));
    const isOver = (probes && (await options.probed?.(probes))) ?? false;
    return ((harmfulLoss && (await options.watch?.(harmfulLoss))) ?? false) || isOver;
  };

  if (state.step === 0 && !ended) {
    const began = performance.now();
    await measure();
    left.measured(performance.now() - began);
  }
  while (state.step < steps && !ended) {
    await nextTurn();
    if (signal.aborted) {
      if (state.step > saved) await emit({ kind: 'checkpoint', step: state.step, path: await checkpoint(false) });
      throw new Cancelled();
    }
    const began = performance.now();
    const step = state.step + 1;
    const rate = learningRate(recipe.optimizer, step, steps);

    const batches = (await options.rows(step)).flatMap((some) => batchesOf(some, { tokens: batch.tokens }));
    const found = await summed(options.learner, batches, options.parameters(), old);
    old = found.gradients;
    if (!Number.isFinite(found.loss)) throw notFinite('loss', step, saved);
    const told = batches
      .flat()
      .map((row, i) => ({ row, ...found.rows[i] }))
      .filter(({ row }) => !row.heldAt);
    const loss = meanPerToken(told);
    const harmful = told.filter(({ row, tokens }) => tokens > 0 && isHarmful(row));
    const harmfulLoss = harmful.length > 0 ? meanPerToken(harmful) : undefined;
    let { gradients } = found;
    if (options.gradients) gradients = await options.gradients(gradients, { step, steps, state });
    const { norm } = await optimizer.step(state, gradients, rate, (n) => {
      if (!Number.isFinite(n)) throw notFinite('gradient', step, saved);
    });

    const stepMs = performance.now() - began;
    left.stepped(stepMs);
    await emit({
      kind: 'step',
      step,
      steps,
      lossNatsPerToken: loss,
      harmfulLossNatsPerToken: harmfulLoss,
      gradNorm: norm,
      learningRate: rate,
      tokens: sum(told.map(({ tokens }) => tokens)),
      stepMs,
      memoryBytes: usedMemory(),
      secondsLeft: left.after(step),
    });
    watch(step, loss);
    let enough = (await options.enough?.({ harmfulLoss })) ?? false;
    if (enough || step === steps || step % evaluateEvery === 0) {
      const measuring = performance.now();
      if (await measure()) enough = true;
      await emit({ kind: 'checkpoint', step: state.step, path: await checkpoint(enough) });
      left.measured(performance.now() - measuring);
      saved = step;
    }
    if (enough) return;
  }
}

function notFinite(what: string, step: number, saved: number): HumanError {
  return new HumanError(`the ${what} is not a number (NaN or infinite) at step ${step}; the run stops here.`, {
    kind: 'failed',
    place: `step ${step}`,
    remedy: `Lower optimizer.learningRate, or look for damaged rows or weights. ${saved > 0 ? `The checkpoint of step ${saved} is kept.` : 'Nothing was changed.'}`,
  });
}
