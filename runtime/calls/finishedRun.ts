/** A finished run whose kept answers are judged once more: as it stands, and as it is written again. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { latestAnswers, type SampleEvent } from '../contract/answers.js';
import { measuredProbes } from '../contract/columns.js';
import { doneOf } from '../contract/facts.js';
import { added, judgeIdentity } from '../contract/judgeText.js';
import type { Label, Labels } from '../contract/labels.js';
import { isJudged } from '../contract/measures.js';
import { wayTo } from '../contract/moved.js';
import { RUN_FILES } from '../contract/runFiles.js';
import type { DoneEvent, Measurement, WarningEvent } from '../contract/events.js';
import type { JudgeFacts, Manifest } from '../contract/manifest.js';
import type { EvaluateRecipe, FinetuneRecipe } from '../contract/recipe.js';
import type { EvaluationSet } from '../contract/recipeData.js';
import type { JudgeChoice } from '../contract/recipeJudges.js';
import { HELD_OUT_SET } from '../contract/recipeWords.js';
import { canonical } from '../contract/sweep.js';
import { answerHash, readLabels } from '../data/labelFiles.js';
import { checkChoices, isOwnPhrases, nameOf, type JudgedSet } from '../evaluation/judges/choices.js';
import { judgedSample, remeasured, type Verdicts } from '../evaluation/judges/anew.js';
import { writeReport } from '../evaluation/report/runReport.js';
import { weakened } from '../recipes/fineTune/fineTuneRun.js';
import { isSample } from '../recipes/fineTune/relabelled.js';
import { changedMeanwhile, isSameRun, notTogether, readManifest } from '../runs/output.js';
import { readEvents } from '../runs/runFolder.js';
import { HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { readKeptRecipe } from './keptRecipe.js';

/** A run as it stands, with what is known of its answers. */
export interface Kept {
  readonly folder: string;
  readonly manifest: Manifest & { done: DoneEvent };
  readonly recipe: FinetuneRecipe | EvaluateRecipe;
  readonly samples: SampleEvent[];
  /** Sets whose answers are judged, by name. */
  readonly sets: ReadonlyMap<string, KeptSet>;
}

/** A set with its file, which may have been moved since. */
export type KeptSet = JudgedSet & {
  readonly file: string;
  readonly isThere: boolean;
  readonly unmatched?: number;
  /** Of a set of the recipe that is there: how its rows are read. */
  readonly rows?: Pick<EvaluationSet, 'file' | 'format' | 'columns' | 'limit'>;
};

/** What follows from what the judges have said. */
export interface Judged {
  readonly samples: SampleEvent[];
  readonly measurements: Measurement[];
  readonly judges: JudgeFacts[];
}

/**
 * @throws HumanError for a folder whose files do not belong together, and one without answers, or without some of them
 */
export async function readKept(folder: string): Promise<Kept> {
  const manifest = (await readManifest(folder))!;
  const events = await readEvents(folder);
  const done = doneOf({ manifest, events });
  const recipe = await readKeptRecipe(folder, done?.measurements ?? []);
  if (!done || (recipe.kind !== 'finetune' && recipe.kind !== 'evaluate')) throw notTogether(folder);
  const samples = latestAnswers((await readEvents(folder, RUN_FILES.answers)).filter(isSample));
  if (samples.length === 0)
    throw new HumanError('no answers of this run were kept.', { place: folder, remedy: 'Run it again.' });
  const bases = basesOf(folder, manifest.recipe, done.output);
  const sets = [...recipe.evaluate, ...heldOut(recipe)].filter(isJudged).map((set): KeptSet => {
    const files = bases.map((base) => resolve(base, set.file));
    const found = files.find((file) => existsSync(file));
    const unmatched = manifest.sets?.[set.name]?.unmatched;
    const asked = recipe.evaluate.find(({ name }) => name === set.name);
    const rows = asked && found !== undefined && { ...asked, file: found };
    return { ...set, file: found ?? files[0], isThere: found !== undefined, unmatched, ...(rows && { rows }) };
  });
  const kept = {
    folder,
    manifest: { ...manifest, done },
    recipe,
    samples,
    sets: new Map(sets.map((set) => [set.name, set])),
  };
  requireAll(kept);
  return kept;
}

/** @throws HumanError where answers are gone that were measured: a share of the others is another one */
function requireAll({ folder, manifest, samples, sets }: Kept): void {
  for (const { state, name, count, open = 0 } of manifest.done.measurements) {
    const there = samples.filter((one) => one.state === state && one.set === name).length;
    if (!sets.has(name) || there >= count + open) continue;
    throw new HumanError(
      `the answers of this run are not all there: ${there} of the ${count + open} of "${state}" to "${name}".`,
      { place: join(folder, RUN_FILES.answers), remedy: 'Put the file back as it was, or run it again.' },
    );
  }
}

/**
 * What paths of its recipe may be relative to: where the recipe lies now, in a workspace that was moved or copied
 * whole, before where it lay when the run was made.
 * @param output where the run was made
 */
function basesOf(folder: string, recipe: string | undefined, output: string): string[] {
  if (recipe === undefined) return [folder];
  const then = dirname(recipe);
  const way = wayTo(output, recipe);
  const now = way === undefined ? recipe : resolve(folder, way);
  return existsSync(now) ? [dirname(now), then] : [then];
}

/** Says which sets are not there. */
export const missingSets = ({ sets }: Kept): WarningEvent[] =>
  [...sets.values()].flatMap(({ name, file, isThere }) => {
    if (isThere) return [];
    const message = `the set "${name}" is not there: its answers keep the labels that the run has, and later ones are not known.`;
    return [
      { kind: 'warning', message, place: file, remedy: 'Put it back there, with its labels, and judge the run again.' },
    ];
  });

function heldOut(recipe: Kept['recipe']): (JudgedSet & { file: string })[] {
  if (recipe.kind !== 'finetune' || typeof recipe.heldOut === 'number') return [];
  const { measure, phrases } = recipe.heldOut;
  return [{ name: HELD_OUT_SET, measure, phrases, file: recipe.data.file }];
}

/** The judges of the recipe, those that were added before, and the new ones, each once. @throws HumanError */
export function choicesOf({ recipe, manifest, sets }: Kept, more: readonly JudgeChoice[]): JudgeChoice[] {
  const before = (manifest.judges ?? []).flatMap(({ added: choice }) => (choice ? [choice] : []));
  const choices = new Map([...recipe.judges, ...before].map((choice) => [nameOf(choice), choice]));
  const names = more.map(nameOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new HumanError(`two judges are called "${twice}".`, { place: 'judges', remedy: 'Give one another "name".' });
  for (const [i, choice] of more.entries()) {
    const before = choices.get(nameOf(choice));
    // Another list under one name would take the place of the recipe's; a classifier may lie elsewhere by now.
    if (before && isOwnPhrases(choice) && canonical(before) !== canonical(choice))
      throw new HumanError(`the run has another judge that is called "${nameOf(choice)}".`, {
        place: `judges.${i}`,
        remedy: 'Give this one another "name".',
      });
    choices.set(nameOf(choice), choice);
  }
  const all = [...choices.values()];
  checkChoices(all, [...sets.values()], (i) => (more.includes(all[i]) ? `judges.${more.indexOf(all[i])}` : 'judges'));
  return all;
}

/**
 * By what the judges have said until now, and by the labels of people.
 * @param facts of the judges that were asked
 * @param harmful answers that are known of each set (knownHarm)
 */
export async function judged(
  kept: Kept,
  choices: readonly JudgeChoice[],
  verdicts: readonly Verdicts[],
  facts: readonly JudgeFacts[],
  harmful: ReadonlyMap<string, readonly string[]>,
): Promise<Judged> {
  const labelOf = await labelsOf(kept);
  const samples = kept.samples.map((sample, i) =>
    judgedSample(sample, kept.sets.get(sample.set), choices, verdicts[i], labelOf(sample)),
  );
  const sets = new Map([...kept.sets].map(([name, set]) => [name, { ...set, harmful: harmful.get(name) ?? [] }]));
  return {
    samples,
    measurements: remeasured(kept.manifest.done.measurements, sets, choices, samples, verdicts),
    judges: mergedFacts(kept.manifest.judges ?? [], facts),
  };
}

/** What people say of answers: as it stands beside their set, or as the run has it where the set is not there. */
export async function labelsOf({ sets }: Kept): Promise<(sample: SampleEvent) => Label | undefined> {
  const labels = new Map<string, Labels>();
  for (const [name, { file, isThere }] of sets) if (isThere) labels.set(name, await readLabels(file));
  return (sample) => {
    const known = labels.get(sample.set);
    return known ? known.get(answerHash(sample.prompt, sample.answer)) : sample.label;
  };
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

/**
 * Answers first: verdicts of a judge that the manifest does not name count for nothing. So it first forgets one whose
 * name another judge takes.
 * @throws HumanError where another run has taken the place of this one: nothing of it is changed
 */
export async function writeJudged(
  { folder, manifest, recipe }: Kept,
  { samples, measurements, judges }: Judged,
): Promise<void> {
  const file = (...parts: string[]): string => join(folder, ...parts);
  const standing = await readManifest(folder);
  if (!standing || !isSameRun(standing, manifest)) throw changedMeanwhile(folder, 'judge its answers');
  const writeManifest = (to: Manifest): Promise<void> =>
    writeFileAtomic(file(RUN_FILES.manifest), `${JSON.stringify(to, null, 2)}\n`, { makeFolder: false });
  const { judges: named = [] } = standing;
  const left = named.filter(
    (one) => !judges.some((now) => now.name === one.name && judgeIdentity(now) !== judgeIdentity(one)),
  );
  if (left.length < named.length) await writeManifest({ ...standing, judges: left });
  const events = await readEvents(folder);
  const probes = measuredProbes(events);
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
  await writeManifest(changed);
  await writeReport({ path: folder, file }, changed);
}
