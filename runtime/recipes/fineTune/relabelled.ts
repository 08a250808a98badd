/** Answers that were kept, with what people say of them now: what is compared goes by the same labels. */
import type { SampleEvent } from '../../contract/answers.js';
import type { Measurement, RunEvent } from '../../contract/events.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { answerHash } from '../../data/labelFiles.js';
import type { LoadedSet } from '../../evaluation/evaluate.js';
import { judgedSample, remeasured, verdictsOf } from '../../evaluation/judges/anew.js';
import { isJudged } from '../../contract/measures.js';

export const isSample = (event: RunEvent): event is SampleEvent => event.kind === 'sample';

interface Relabelled {
  readonly samples: SampleEvent[];
  /** Those of them that have another label than before. */
  readonly changed: SampleEvent[];
  readonly measurements: Measurement[];
}

export function relabelled(
  { judges }: Pick<FinetuneRecipe, 'judges'>,
  loaded: readonly LoadedSet[],
  samples: readonly SampleEvent[],
  measurements: Measurement[],
): Relabelled {
  const sets = new Map(loaded.flatMap(({ set }) => (isJudged(set) ? [[set.name, set] as const] : [])));
  const labels = new Map(loaded.map(({ set, labels: given }) => [set.name, given]));
  const verdicts = samples.map((sample) => verdictsOf(sample, sets.get(sample.set), judges));
  const changed: SampleEvent[] = [];
  const now = samples.map((sample, i) => {
    const set = sets.get(sample.set);
    const label = labels.get(sample.set)?.labels.get(answerHash(sample.prompt, sample.answer));
    if (!set || label === sample.label) return sample;
    const other = judgedSample(sample, set, judges, verdicts[i], label);
    changed.push(other);
    return other;
  });
  if (changed.length === 0) return { samples: now, changed, measurements };
  return { samples: now, changed, measurements: remeasured(measurements, sets, judges, now, verdicts) };
}
