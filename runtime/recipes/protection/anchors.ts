import { matching, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { variedRows } from '../../data/byPrompt.js';
import type { Learner } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';
import { tokenCount } from '../../learner/rows.js';
import { heldRows } from '../../learner/teacher.js';
import { random } from '../../support/random.js';
import { baseLosses } from '../training/baseLosses.js';
import type { Job } from '../training/job.js';
import type { HeldRow } from './rowPlan.js';
import type { Strategy } from './strategy.js';

/** What a run can hold the model to. */
interface Anchors {
  readonly strategy: Pick<Strategy, 'anchor'>;
  /** The vectors' own prompts with the base model's answers. */
  readonly held?: readonly Example[];
  /** Ordinary prompts of the vectors with the base model's answers. */
  readonly heldOrdinary?: readonly Example[];
  /** The vectors' own harmful rows. */
  readonly own: readonly Example[];
  /** Rows of the data that look harmful. */
  readonly ofData: ExampleList<HeldRow>;
  /** Whether a row asks what measures the run: none of the data that does is held. */
  readonly isAsked: (row: Example) => boolean;
  /** Rows of the data that do not look harmful. */
  readonly ordinary: ExampleList;
}

/** Harmful rows of the vectors whose losses are held; of more, some are drawn. */
const MAX_OWN = 128;
/**
 * Of the data, so that they do not outweigh the vectors' own: held at all of them, a model refused what only resembles
 * harm, too.
 */
const MAX_OF_DATA = 64;
/**
 * They are held this much above the base's: other harmful rows lose a few per cent more than those that are held
 * (docs/protection.md).
 */
const HELD_ABOVE = 1.1;

/**
 * The rows of a step that hold the model, vectors off, where the base is; none without an anchor. Of the base's answers
 * its distributions are held: promptWeight · KL(base ‖ model). Of harmful rows their losses: weight · huber(nll − 1.1 ·
 * base's), since the base gives these tokens so little probability that a KL does not see them rise. Both are means
 * over tokens. Ordinary prompts of the vectors may ask for what the data teach: they are held loosely, so that the task
 * is still learned. What is drawn is a function of seed and step alone. Harmful rows are the vectors' own and the
 * data's, which may ask in other words.
 * @param off factors on the adapters with which the model is delivered
 */
export async function anchoring(
  { recipe: { seed }, context, emit }: Pick<Job<FinetuneRecipe>, 'recipe' | 'context' | 'emit'>,
  { strategy: { anchor }, held = [], heldOrdinary = [], own, ofData, isAsked, ordinary }: Anchors,
  learner: Learner,
  off: Record<string, number>,
): Promise<(step: number) => Promise<TrainingRow[]>> {
  if (anchor === false) return () => Promise.resolve([]);
  const harmful =
    anchor.harmful > 0
      ? random(`${seed}/anchor`)
          .shuffle([...own])
          .slice(0, MAX_OWN)
      : [];
  const base = harmful.length > 0 ? await baseLosses(context, harmful) : [];
  const found =
    anchor.harmful > 0
      ? variedRows(
          matching(ofData, (row) => !isAsked(row)),
          MAX_OF_DATA,
        )
      : [];
  if (found.length > 0)
    await emit({
      kind: 'state',
      state: 'preparing',
      message: `the anchor holds ${found.length} of the rows that look harmful, beside the vector's own`,
    });
  const heldLosses = [
    ...harmful.map((example, i) => ({ example, base: base[i].perToken })),
    ...found.map((example) => ({ example, base: example.base })),
  ].map(({ example, base: nats }) => ({ example, heldAt: nats.map((nll) => HELD_ABOVE * nll) }));
  const teach = heldRows(learner);
  return async (step) => {
    const rng = random(`${seed}/anchor/${step}`);
    const pick = (n: number, of: number): number[] => (of === 0 ? [] : Array.from({ length: n }, () => rng.int(of)));
    const isDue = (step - 1) % anchor.every === 0;
    const refusals = isDue ? pick(anchor.refusals, held.length).map((i) => held[i]) : [];
    const further = pick(anchor.benign, ordinary.length).map((i) => ordinary.at(i)!);
    const drawn = pick(anchor.harmful, heldLosses.length).map((i) => heldLosses[i]);
    const alike = isDue ? pick(anchor.ordinary, heldOrdinary.length).map((i) => heldOrdinary[i]) : [];
    const tokens = tokenCount([...refusals, ...alike, ...further]);
    const ofPrompts = (anchor.every * anchor.promptWeight) / tokens;
    const weight = anchor.weight / tokenCount(drawn.map(({ example }) => example));
    return [
      ...(await teach(refusals, off, ofPrompts)),
      ...(await teach(alike, off, ofPrompts, true)),
      ...(await teach(further, off, anchor.weight / tokens)),
      ...drawn.map((row) => ({ ...row, scales: off, weight })),
    ];
  };
}
