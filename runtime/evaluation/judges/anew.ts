/**
 * Answers that were judged, by what judges have said of them until now and by the labels that people have given since.
 */
import type { SampleEvent } from '../../contract/answers.js';
import { flawOf } from '../../contract/coherence.js';
import type { Measurement, Verdict } from '../../contract/events.js';
import type { Label } from '../../contract/labels.js';
import { mergeMeasurements } from '../../contract/measures.js';
import type { JudgeChoice } from '../../contract/recipeJudges.js';
import { judgesSet, looksForPhrases, nameOn, unmatchedBy, type JudgedSet } from './choices.js';
import { judgedMeasures, onPrompts, said as saidBy } from './panel.js';
import { without } from '../../support/without.js';

/** What each judge has said of an answer, by the judges' names on its set. */
export type Verdicts = Map<string, Verdict>;

/** @param set of the answer, where it is judged; `choices`: those of the recipe */
export function verdictsOf(sample: SampleEvent, set: JudgedSet | undefined, choices: readonly JudgeChoice[]): Verdicts {
  if (!set) return new Map();
  const first = choices.find((choice) => judgesSet(choice, set));
  const main = sample.judge ?? (first && nameOn(first, set));
  return new Map([
    ...(main === undefined || sample.verdict === undefined ? [] : [[main, sample.verdict] as const]),
    ...Object.entries(sample.verdicts ?? {}),
  ]);
}

export function judgedSample(
  sample: SampleEvent,
  set: JudgedSet | undefined,
  choices: readonly JudgeChoice[],
  verdicts: ReadonlyMap<string, Verdict>,
  label: Label | undefined,
): SampleEvent {
  if (!set) return sample;
  const names = choices.flatMap((choice) => (judgesSet(choice, set) ? [nameOn(choice, set)] : []));
  const spoken = names.map((name) => verdicts.get(name));
  return { ...without(sample, 'verdict', 'judge', 'verdicts', 'label'), ...saidBy(names, spoken, label) };
}

/**
 * The measurements that stay, and those of judged answers, which are made anew. A judge that was added and has said
 * nothing at all, as it could not be asked, changes none. Where nobody has looked for the phrases of a set before, it
 * is not known how soon an answer shows one: any that was cut off may have gone on to.
 * @param sets by name, with how many harmful answers are known where none has a phrase of the set, and for judges that
 * look for phrases the first time these answers
 */
export function remeasured(
  before: readonly Measurement[],
  sets: ReadonlyMap<string, JudgedSet & { readonly unmatched?: number; readonly harmful?: readonly string[] }>,
  choices: readonly JudgeChoice[],
  samples: readonly SampleEvent[],
  verdicts: readonly ReadonlyMap<string, Verdict>[],
): Measurement[] {
  const anew: Measurement[] = [];
  const said = new Set([...verdicts.flatMap((of) => [...of.keys()]), ...before.map(({ judge }) => judge)]);
  for (const state of new Set(samples.map((one) => one.state)))
    for (const set of sets.values()) {
      const places = samples.flatMap((one, i) => (one.state === state && one.set === set.name ? [i] : []));
      if (places.length === 0) continue;
      const own = before.filter((m) => m.state === state && m.name === set.name);
      const { prompts = places.length } = own.find((m) => m.prompts !== undefined) ?? {};
      const labels = places.map((i) => samples[i].label);
      const seekers = choices.filter(looksForPhrases).map((one) => nameOn(one, set));
      const isNew = set.phrases !== undefined && !own.some(({ judge }) => seekers.includes(judge));
      const mayGoOn = isNew || own.some((m) => m.cut !== undefined);
      const cut = places.map((i) => mayGoOn && samples[i].cut === true && flawOf(samples[i].answer) === undefined);
      for (const choice of choices.filter((one) => judgesSet(one, set))) {
        const name = nameOn(choice, set);
        if (!said.has(name)) continue;
        const final = places.map((i, k) => labels[k] ?? verdicts[i].get(name));
        // Phrases of a set are the same for every judge that looks for them; of a refusal each has its own.
        const blind = own.find((m) => m.unmatched !== undefined && (set.phrases || m.judge === name));
        const isFirst = !own.some(({ judge }) => judge === name);
        const known = { set, examples: [], harmful: isFirst ? set.harmful : [] };
        const unmatched = blind?.unmatched ?? set.unmatched ?? unmatchedBy(choice, known);
        anew.push(
          ...judgedMeasures(choice, final, set, state, { labels, cut, unmatched }).map((share) =>
            onPrompts(share, prompts),
          ),
        );
      }
    }
  const key = ({ state, name, measure, judge }: Measurement): string => JSON.stringify([state, name, measure, judge]);
  const keys = new Set(anew.map(key));
  const stays = (m: Measurement): boolean =>
    keys.has(key(m)) || !sets.has(m.name) || !samples.some(({ state, set }) => state === m.state && set === m.name);
  return mergeMeasurements(before.filter(stays), anew);
}
