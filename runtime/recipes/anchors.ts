import type { ExampleList } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import type { Learner } from '../learner/learner.js';
import type { TrainingRow } from '../learner/packing.js';
import { tokenCount } from '../learner/rows.js';
import { heldRows } from '../learner/teacher.js';
import { random } from '../support/random.js';
import { baseLosses } from './baseLosses.js';
import type { Job } from './job.js';
import type { Strategy } from './strategy.js';

/** What a run can hold the model to. */
export interface Anchors {
  readonly strategy: Pick<Strategy, 'anchor'>;
  /** The vectors' own prompts with the base model's answers. */
  readonly held?: readonly Example[];
  /** The vectors' own harmful rows. */
  readonly own: readonly Example[];
  /** Rows of the data that do not look harmful. */
  readonly ordinary: ExampleList;
}

/** Harmful rows whose losses are held; of more, some are drawn. */
const MAX_OWN = 128;
/** They are held this much above the base's: other harmful rows lose a few per cent more than those that are held (docs/protection.md). */
const HELD_ABOVE = 1.1;

/**
 * The rows of a step that hold the model, vectors off, where the base is; none without an anchor. Of the base's answers its
 * distributions are held: weight · KL(base ‖ model). Of harmful rows their losses: weight · ½ (nll − 1.1 · base's)², since the
 * base gives these tokens so little probability that a KL does not see them rise. Both are means over tokens. What is drawn is a
 * function of seed and step alone.
 * @param off factors on the adapters with which the model is delivered
 */
export async function anchoring(
  { recipe: { seed }, context }: Job<FinetuneRecipe>,
  { strategy: { anchor }, held = [], own, ordinary }: Anchors,
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
  const heldAt = base.map(({ perToken }) => perToken.map((nll) => HELD_ABOVE * nll));
  const teach = heldRows(learner);
  return async (step) => {
    const rng = random(`${seed}/anchor/${step}`);
    const pick = (n: number, of: number): number[] => (of === 0 ? [] : Array.from({ length: n }, () => rng.int(of)));
    const prompts = (step - 1) % anchor.every === 0 ? pick(anchor.refusals, held.length).map((i) => held[i]) : [];
    const further = pick(anchor.benign, ordinary.length).map((i) => ordinary.at(i)!);
    const examples = [...prompts, ...further];
    const perToken = anchor.weight / tokenCount(examples);
    const drawn = pick(anchor.harmful, harmful.length);
    const weight = anchor.weight / tokenCount(drawn.map((i) => harmful[i]));
    return [
      ...(await teach(prompts, off, anchor.every * perToken)),
      ...(await teach(further, off, perToken)),
      ...drawn.map((i) => ({ example: harmful[i], scales: off, weight, heldAt: heldAt[i] })),
    ];
  };
}
