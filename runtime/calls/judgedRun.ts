/** A finished run whose kept answers are judged once more: as it stands, and as it is written again. */
import { dirname, join, resolve } from 'node:path';
import type { SampleEvent } from '../contract/answers.js';
import { doneOf } from '../contract/facts.js';
import { judgeIdentity } from '../contract/judgeText.js';
import type { Label, Labels } from '../contract/labels.js';
import { mergeMeasurements, isJudged } from '../contract/measures.js';
import { RUN_FILES } from '../contract/runFiles.js';
import type { DoneEvent, Measurement, Verdict } from '../contract/events.js';
import type { JudgeFacts, Manifest } from '../contract/manifest.js';
import type { EvaluateRecipe, FinetuneRecipe } from '../contract/recipe.js';
import type { JudgeChoice } from '../contract/recipeJudges.js';
import { HELD_OUT_SET } from '../contract/recipeWords.js';
import { answerHash, readLabels } from '../data/labelFiles.js';
import { checkChoices, judgesSet, nameOf, nameOn, type JudgedSet } from '../evaluation/judges/choices.js';
import { judgedMeasures, said } from '../evaluation/judges/panel.js';
import { writeReport } from '../evaluation/report/runReport.js';
import { weakened } from '../recipes/fineTuneRun.js';
import { added } from '../recipes/judgesOfRun.js';
import { parseRecipe } from '../recipes/readRecipe.js';
import { readManifest } from '../runs/output.js';
import { readEvents } from '../runs/runFolder.js';
import { HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { readText } from '../support/jsonFile.js';

/** A run as it stands, with what is known of its answers. */
export interface Kept {
  readonly folder: string;
  readonly manifest: Manifest & { done: DoneEvent };
  readonly recipe: FinetuneRecipe | EvaluateRecipe;
  readonly samples: SampleEvent[];
  /** Sets whose answers are judged, by name, with their files. */
  readonly sets: ReadonlyMap<string, JudgedSet & { file: string }>;
}

/** What each judge has said of an answer, by the judges' names on its set. */
export type Verdicts = Map<string, Verdict>;

/** What follows from what the judges have said. */
export interface Judged {
  readonly samples: SampleEvent[];
  readonly measurements: Measurement[];
  readonly judges: JudgeFacts[];
}

const MOST_RECIPE_BYTES = 2 ** 22;

/** @throws HumanError for a folder whose files do not belong together, and one without answers */
export async function readKept(folder: string): Promise<Kept> {
  const manifest = (await readManifest(folder))!;
  const events = await readEvents(folder);
  const done = doneOf({ manifest, events });
  const recipe = parseRecipe(await readText(join(folder, RUN_FILES.recipe), MOST_RECIPE_BYTES), RUN_FILES.recipe);
  if (!done || (recipe.kind !== 'finetune' && recipe.kind !== 'evaluate'))
    throw new HumanError('the files of this run do not belong together.', { place: folder, remedy: 'Run it again.' });
  const base = manifest.recipe === undefined ? folder : dirname(manifest.recipe);
  const given = recipe.evaluate.map((set) => ({ ...set, file: resolve(base, set.file) }));
  const latest = new Map<string, SampleEvent>();
  for (const event of await readEvents(folder, RUN_FILES.answers))
    if (event.kind === 'sample') latest.set(JSON.stringify([event.state, event.set, event.row]), event);
  if (latest.size === 0)
    throw new HumanError('no answers of this run were kept.', { place: folder, remedy: 'Run it again.' });
  const sets = [...given, ...heldOut(recipe, base)].filter(isJudged);
  return {
    folder,
    manifest: { ...manifest, done },
    recipe,
    samples: [...latest.values()],
    sets: new Map(sets.map((set) => [set.name, set])),
  };
}

function heldOut(recipe: Kept['recipe'], base: string): (JudgedSet & { file: string })[] {
  if (recipe.kind !== 'finetune' || typeof recipe.heldOut === 'number') return [];
  const { measure, phrases } = recipe.heldOut;
  return [{ name: HELD_OUT_SET, measure, phrases, file: resolve(base, recipe.data.file) }];
}

/** The judges of the recipe, those that were added before, and the new ones, each once. @throws HumanError */
export function choicesOf({ recipe, manifest, sets }: Kept, more: readonly JudgeChoice[]): JudgeChoice[] {
  const before = (manifest.judges ?? []).flatMap(({ added: choice }) => (choice ? [choice] : []));
  const choices = new Map([...recipe.judges, ...before].map((choice) => [nameOf(choice), choice]));
  const names = more.map(nameOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new HumanError(`two judges are called "${twice}".`, { place: 'judges', remedy: 'Give one another "name".' });
  for (const choice of more) choices.set(nameOf(choice), choice);
  const all = [...choices.values()];
  checkChoices(all, [...sets.values()]);
  return all;
}

export function verdictsOf(sample: SampleEvent, { sets, recipe }: Kept): Verdicts {
  const set = sets.get(sample.set);
  if (!set) return new Map();
  const first = recipe.judges.find((choice) => judgesSet(choice, set));
  const main = sample.judge ?? (first && nameOn(first, set));
  return new Map([
    ...(main === undefined || sample.verdict === undefined ? [] : [[main, sample.verdict] as const]),
    ...Object.entries(sample.verdicts ?? {}),
  ]);
}

/** By what the judges have said until now, and by the labels of people. @param facts of the judges that were asked */
export async function judged(
  kept: Kept,
  choices: readonly JudgeChoice[],
  verdicts: readonly Verdicts[],
  facts: readonly JudgeFacts[],
): Promise<Judged> {
  const labels = new Map<string, Labels>();
  for (const [name, { file }] of kept.sets) labels.set(name, await readLabels(file));
  const samples = kept.samples.map((sample, i) => {
    const label = labels.get(sample.set)?.get(answerHash(sample.prompt, sample.answer));
    return judgedSample(sample, kept.sets.get(sample.set), choices, verdicts[i], label);
  });
  return {
    samples,
    measurements: mergeMeasurements(...remeasured(kept, choices, samples, verdicts)),
    judges: mergedFacts(kept.manifest.judges ?? [], facts),
  };
}

function judgedSample(
  sample: SampleEvent,
  set: JudgedSet | undefined,
  choices: readonly JudgeChoice[],
  verdicts: ReadonlyMap<string, Verdict>,
  label: Label | undefined,
): SampleEvent {
  if (!set) return sample;
  const { verdict: _, judge: __, verdicts: ___, label: ____, ...rest } = sample;
  const names = choices.flatMap((choice) => (judgesSet(choice, set) ? [nameOn(choice, set)] : []));
  const spoken = names.map((name) => verdicts.get(name));
  return { ...rest, ...said(names, spoken, label) };
}

/** The measurements that stay, and those of judged answers, which are made anew. */
function remeasured(
  { manifest, sets }: Kept,
  choices: readonly JudgeChoice[],
  samples: readonly SampleEvent[],
  verdicts: readonly ReadonlyMap<string, Verdict>[],
): [Measurement[], Measurement[]] {
  const anew: Measurement[] = [];
  for (const state of new Set(samples.map((one) => one.state)))
    for (const set of sets.values()) {
      const places = samples.flatMap((one, i) => (one.state === state && one.set === set.name ? [i] : []));
      if (places.length === 0) continue;
      for (const choice of choices.filter((one) => judgesSet(one, set))) {
        const name = nameOn(choice, set);
        const final = places.map((i) => samples[i].label ?? verdicts[i].get(name));
        anew.push(...judgedMeasures(choice, final, set, state));
      }
    }
  const key = ({ state, name, measure, judge }: Measurement): string => JSON.stringify([state, name, measure, judge]);
  const keys = new Set(anew.map(key));
  const stays = (m: Measurement): boolean =>
    keys.has(key(m)) || !sets.has(m.name) || !samples.some(({ state, set }) => state === m.state && set === m.name);
  return [manifest.done.measurements.filter(stays), anew];
}

export function mergedFacts(before: readonly JudgeFacts[], now: readonly JudgeFacts[]): JudgeFacts[] {
  const merged = new Map(before.map((facts) => [facts.name, facts]));
  for (const facts of now) {
    const earlier = merged.get(facts.name);
    const usage =
      facts.usage && added(judgeIdentity(earlier) === judgeIdentity(facts) ? earlier?.usage : undefined, facts.usage);
    merged.set(facts.name, { ...facts, ...(usage && { usage }) });
  }
  return [...merged.values()];
}

/** Answers first: verdicts of a judge that the manifest does not name count for nothing. */
export async function writeJudged(
  { folder, manifest, recipe }: Kept,
  { samples, measurements, judges }: Judged,
): Promise<void> {
  const file = (...parts: string[]): string => join(folder, ...parts);
  const events = await readEvents(folder);
  const probes = events.flatMap((e) => (e.kind === 'evaluation' && e.probes ? [e.probes] : []));
  const { protectionWeakened: _, ...done } = manifest.done;
  const weak =
    recipe.kind === 'finetune' &&
    weakened({
      vectors: manifest.vectors.length,
      baseline: manifest.baseline,
      byVector: done.byVector,
      step: done.watch?.delivered ?? done.step,
      probes,
      measurements,
      harmfulLoss: done.harmfulLoss,
    });
  const changed: Manifest = {
    ...manifest,
    ...(judges.length > 0 && { judges }),
    done: { ...done, measurements, ...(weak && { protectionWeakened: weak }) },
  };
  const lines = samples.map((sample) => `${JSON.stringify(sample)}\n`).join('');
  await writeFileAtomic(file(RUN_FILES.answers), lines, { makeFolder: false });
  await writeFileAtomic(file(RUN_FILES.manifest), `${JSON.stringify(changed, null, 2)}\n`, { makeFolder: false });
  await writeReport({ path: folder, file }, changed);
}
