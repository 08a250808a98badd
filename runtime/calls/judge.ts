/** Judges the kept answers of a finished run once more: by further judges, and by what people say of them. */
import { dirname, join, resolve } from 'node:path';
import { agreements } from '../contract/agreement.js';
import type { SampleEvent } from '../contract/answers.js';
import { doneOf } from '../contract/facts.js';
import { judgeIdentity } from '../contract/judgeText.js';
import type { Label, Labels } from '../contract/labels.js';
import { mergeMeasurements } from '../contract/measures.js';
import { RUN_FILES } from '../contract/runFiles.js';
import type { DoneEvent, Measurement, RunEvent, Verdict } from '../contract/events.js';
import type { JudgeFacts, Manifest } from '../contract/manifest.js';
import type { Requests } from '../contract/protocol.js';
import type { EvaluateRecipe, FinetuneRecipe } from '../contract/recipe.js';
import type { JudgeChoice } from '../contract/recipeJudges.js';
import { HELD_OUT_SET } from '../contract/recipeWords.js';
import { answerHash, changeLabels, readLabels } from '../data/labelFiles.js';
import { checkChoices, isJudged, judgesSet, nameOf, nameOn, type JudgedSet } from '../evaluation/judges/choices.js';
import { closeJudges, openChoices } from '../evaluation/judges/judges.js';
import type { Judge } from '../evaluation/judges/judge.js';
import { judgedMeasures, openPanel, said } from '../evaluation/judges/panel.js';
import { writeReport } from '../evaluation/report/runReport.js';
import { weakened } from '../recipes/fineTuneRun.js';
import { added } from '../recipes/judgesOfRun.js';
import { parseRecipe } from '../recipes/readRecipe.js';
import { readManifest } from '../runs/output.js';
import { claim } from '../runs/owner.js';
import { readEvents } from '../runs/runFolder.js';
import { HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { readText } from '../support/jsonFile.js';
import type { Reporter } from './reporter.js';
import { requireAbsent, writeLabelled } from './labelled.js';

type Params = Requests['judge']['params'];
type Result = Requests['judge']['result'];

/** A run as it stands, with what is known of its answers. */
interface Kept {
  readonly folder: string;
  readonly manifest: Manifest & { done: DoneEvent };
  readonly recipe: FinetuneRecipe | EvaluateRecipe;
  readonly samples: SampleEvent[];
  /** Sets whose answers are judged, by name, with their files. */
  readonly sets: ReadonlyMap<string, JudgedSet & { file: string }>;
}

const MOST_RECIPE_BYTES = 2 ** 22;

/**
 * @throws HumanError for a folder without a finished run or without answers, a judge that cannot be used, and an answer that
 * is not there; nothing is changed then
 */
export async function judgeAgain(params: Params, reporter: Reporter): Promise<Result> {
  const folder = resolve(params.run);
  await requireFinished(folder);
  const release = await claim(folder);
  try {
    const kept = await readKept(folder);
    const choices = await choicesOf(kept, params.judges ?? []);
    const verdicts = kept.samples.map((sample) => verdictsOf(sample, kept));
    const changes = changesOf(kept, params.labels ?? []);
    if (params.export !== undefined) requireAbsent(params.export);
    const facts = await ask(kept, params, verdicts, reporter);
    for (const [file, of] of changes) await changeLabels(file, of);
    const labels = new Map<string, Labels>();
    for (const [name, { file }] of kept.sets) labels.set(name, await readLabels(file));
    const samples = kept.samples.map((sample, i) => {
      const label = labels.get(sample.set)?.get(answerHash(sample.prompt, sample.answer));
      return judgedSample(sample, kept.sets.get(sample.set), choices, verdicts[i], label);
    });
    const measurements = mergeMeasurements(...remeasured(kept, choices, samples, verdicts));
    const judges = mergedFacts(kept.manifest.judges ?? [], facts);
    const labelled = samples.filter(({ label }) => label !== undefined).length;
    if (params.export !== undefined) await writeLabelled(params.export, samples);
    await write(kept, samples, measurements, judges);
    return {
      measurements,
      agreements: agreements(samples, (set) => kept.sets.get(set)?.measure ?? 'exact'),
      labelled,
      judges,
    };
  } finally {
    await release();
  }
}

async function requireFinished(folder: string): Promise<void> {
  const manifest = await readManifest(folder);
  if (!manifest)
    throw new HumanError('there is no run in this folder.', { place: folder, remedy: 'Name the folder of a run.' });
  if (manifest.kind !== 'finetune' && manifest.kind !== 'evaluate')
    throw new HumanError(`a ${manifest.kind} has no answers to judge.`, {
      place: folder,
      remedy: manifest.kind === 'sweep' ? 'Name one of its points (points/…).' : 'Evaluate a model first.',
    });
  if (manifest.outcome !== 'finished')
    throw new HumanError('this run is not finished.', { place: folder, remedy: 'Resume it, or run it again.' });
}

async function readKept(folder: string): Promise<Kept> {
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

/** The judges of the recipe, those that were added before, and the new ones, each once. */
async function choicesOf({ recipe, manifest, sets }: Kept, more: readonly JudgeChoice[]): Promise<JudgeChoice[]> {
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

/** What each judge has said of an answer, by the names on its set. */
function verdictsOf(sample: SampleEvent, { sets, recipe }: Kept): Map<string, Verdict> {
  const set = sets.get(sample.set);
  if (!set) return new Map();
  const first = recipe.judges.find((choice) => judgesSet(choice, set));
  const main = sample.judge ?? (first && nameOn(first, set));
  return new Map([
    ...(main === undefined || sample.verdict === undefined ? [] : [[main, sample.verdict] as const]),
    ...Object.entries(sample.verdicts ?? {}),
  ]);
}

/** What a person has said of answers, by the files of their sets. */
function changesOf(
  { samples, sets, folder }: Kept,
  changes: NonNullable<Params['labels']>,
): Map<string, Map<string, Label | null>> {
  const files = new Map<string, Map<string, Label | null>>();
  for (const { state, set, row, label } of changes) {
    const sample = samples.find((one) => one.state === state && one.set === set && one.row === row);
    const file = sets.get(set)?.file;
    if (!sample || file === undefined)
      throw new HumanError(`there is no answer of "${state}" to row ${row} of "${set}" that could be labelled.`, {
        place: folder,
        remedy: 'Open the answers anew.',
      });
    const of = files.get(file) ?? new Map<string, Label | null>();
    files.set(file, of.set(answerHash(sample.prompt, sample.answer), label));
  }
  return files;
}

/** Answers that are judged at a time. */
const AT_ONCE = 32;

/** Asks the new judges; one that is the same as before only about what it has left open. */
async function ask(
  { samples, sets, manifest }: Kept,
  { judges: more = [], secrets }: Params,
  verdicts: readonly Map<string, Verdict>[],
  { signal, onEvent, askEditor }: Reporter,
): Promise<JudgeFacts[]> {
  if (more.length === 0) return [];
  const judges = await openChoices(more, {
    path: (written) => resolve(written),
    threads: 0,
    answers: samples.filter(({ set }) => sets.has(set)).length,
    secret: (name) => secrets?.[name] ?? process.env[name],
    askEditor,
  });
  try {
    for (const [k, judge] of judges.entries()) {
      const choice = more[k];
      const before = manifest.judges?.find(({ name }) => name === nameOf(choice));
      const isSame = before !== undefined && judgeIdentity(before) === judgeIdentity(judge.facts?.());
      for (const set of sets.values())
        if (judgesSet(choice, set)) {
          const states = new Set(samples.map(({ state }) => state));
          for (const state of states) await askOf(judge, set, state, isSame);
        }
    }
    return judges.flatMap((judge) => {
      const facts = judge.facts?.();
      return facts ? [{ ...facts, ...(judge.remote && { usage: judge.remote.take() }), added: judge.choice }] : [];
    });
  } finally {
    await closeJudges(judges);
  }

  async function askOf(judge: Judge, set: JudgedSet, state: string, isSame: boolean): Promise<void> {
    const name = nameOn(judge.choice, set);
    const places = samples.flatMap((one, i) =>
      one.state === state && one.set === set.name && !(isSame && verdicts[i].has(name)) ? [i] : [],
    );
    const panel = openPanel([judge], set);
    for (let at = 0; at < places.length; at += AT_ONCE) {
      const group = places.slice(at, at + AT_ONCE);
      onEvent({
        kind: 'state',
        state: 'evaluating',
        message: `${name}: ${state}, ${set.name}`,
        progress: at / places.length,
      });
      const answers = group.map((i) => ({ prompt: samples[i].prompt, answer: samples[i].answer, expected: '' }));
      const opinions = await panel.judge(answers, signal);
      for (const [j, i] of group.entries()) {
        const { verdict } = opinions[j];
        if (verdict === undefined) verdicts[i].delete(name);
        else verdicts[i].set(name, verdict);
      }
    }
    for (const warning of panel.warnings(state)) onEvent(warning satisfies RunEvent);
  }
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

function mergedFacts(before: readonly JudgeFacts[], now: readonly JudgeFacts[]): JudgeFacts[] {
  const merged = new Map(before.map((facts) => [facts.name, facts]));
  for (const facts of now) {
    const earlier = merged.get(facts.name);
    const usage =
      facts.usage && added(judgeIdentity(earlier) === judgeIdentity(facts) ? earlier?.usage : undefined, facts.usage);
    merged.set(facts.name, { ...facts, ...(usage && { usage }) });
  }
  return [...merged.values()];
}

async function write(
  { folder, manifest, recipe }: Kept,
  samples: readonly SampleEvent[],
  measurements: Measurement[],
  judges: JudgeFacts[],
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
