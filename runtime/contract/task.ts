/** Whether a fine-tuning has learned its task. Pure. */
import { BASELINES } from './baselines.js';
import { LIMITS } from './limits.js';
import {
  comparedWithBase,
  fewest,
  isAbove,
  isCutOff,
  isFiniteNumber,
  mostOfBase,
  share,
  type Compared,
} from './measures.js';
import { deliveredState } from './states.js';
import type { FlaggedRows } from './events.js';
import type { RunFacts } from './verdict.js';

/** A task that was not learned, and what is likely to be why. */
export interface Idle {
  /** The task's set where it does best, on enough prompts. */
  of: Compared;
  steps: number;
  /**
   * `cutOff`: too many answers end before they could be right. `lossFell`: it has learned its rows, and its answers are
   * not what the set expects. `lossStays`: the loss on ordinary rows hardly fell.
   */
  reason: 'cutOff' | 'fewSteps' | 'lossStays' | 'lossFell' | 'unclear';
  /**
   * Of a published method with a term of its own: its title. The weight of that term may be what holds the task back.
   */
  weighted?: string;
  /** Most rows look harmful, and the task may be in them. */
  flagged?: FlaggedRows;
}

export function idleOf(run: RunFacts): Idle | undefined {
  if (run.kind !== 'finetune' || run.phase !== 'finished' || run.step === undefined) return undefined;
  const compared = comparedWithBase(run.measurements, ['exact', 'contains'], deliveredState(run));
  // A set that the base answers already may be of old tasks: one must stand for the new one.
  const open = compared.filter((one) => one.base <= LIMITS.taskKnown && fewest(one) >= LIMITS.fewestPrompts);
  const [of] = open.toSorted((a, b) => b.now - b.base - (a.now - a.base));
  if (!of || isAbove(of.now, of.base, LIMITS.taskRise)) return undefined;
  const reason = isCutOff(of) ? 'cutOff' : whyIdle(run.step, run.first?.benignLossWithout, run.last?.benignLossWithout);
  const weighted = reason === 'lossFell' || reason === 'cutOff' ? undefined : weightedTitle(run.baseline);
  const flagged = reason !== 'cutOff' && isMost(run.flagged) ? run.flagged : undefined;
  return { of, steps: run.step, reason, ...(weighted !== undefined && { weighted }), ...(flagged && { flagged }) };
}

const isMost = (flagged?: FlaggedRows): boolean => flagged !== undefined && flagged.rows > flagged.of / 2;

/** Of a method that has a weight; none where a later version names one that is not known here. */
function weightedTitle(baseline: string | undefined): string | undefined {
  const facts = Object.entries(BASELINES).find(([name]) => name === baseline)?.[1];
  return facts && 'weight' in facts.settings ? facts.title : undefined;
}

function whyIdle(steps: number, before: number | undefined, now: number | undefined): Idle['reason'] {
  if (isFiniteNumber(now) && now < LIMITS.taskLossLearned) return 'lossFell';
  if (steps < LIMITS.fewSteps) return 'fewSteps';
  const left = share(now, before);
  return left !== undefined && left > LIMITS.taskLossStays ? 'lossStays' : 'unclear';
}

/** Whether a fine-tuning has learned anything of its task; undefined where that was not measured. */
export function learnedTask(run: RunFacts): boolean | undefined {
  if (run.step === 0) return false;
  const state = deliveredState(run);
  const right = comparedWithBase(run.measurements, ['exact'], state).filter(
    (one) => !isCutOff(one) || isAbove(one.now, one.base, LIMITS.taskRise),
  );
  const losses = comparedWithBase(run.measurements, ['loss'], state)
    .filter(({ harmful }) => !harmful)
    .map(({ base, now }) => share(now, base));
  const [before, now] = [run.first?.benignLossWithout, run.last?.benignLossWithout];
  // A loss that was a number and is none any more is nothing that was learned.
  const kept = [...losses, isFiniteNumber(before) && !isFiniteNumber(now) ? Infinity : share(now, before)];
  const measured = kept.filter((one) => one !== undefined);
  // That phrases are found less says nothing: they may be those of another task.
  const found = comparedWithBase(run.measurements, ['contains'], state);
  if ([...right, ...found].some((one) => isAbove(one.now, mostOfBase(one), LIMITS.taskRise))) return true;
  if (measured.some((one) => one < LIMITS.taskLossFallen)) return true;
  return right.length + measured.length > 0 ? false : undefined;
}
