/** Judges the kept answers of one finished run once more. */
import { resolve } from 'node:path';
import { agreements } from '../contract/agreement.js';
import type { SampleEvent } from '../contract/answers.js';
import type { Label, LabelledAnswer } from '../contract/labels.js';
import type { Requests } from '../contract/protocol.js';
import type { JudgeChoice } from '../contract/recipeJudges.js';
import { answerHash, changeLabels } from '../data/labelFiles.js';
import { closeJudges, openChoices } from '../evaluation/judges/judges.js';
import type { Judge } from '../evaluation/judges/judge.js';
import { answersOf, warningsOf } from '../evaluation/judges/panel.js';
import { claim } from '../runs/owner.js';
import { HumanError } from '../support/errors.js';
import { removeParts } from '../support/replaceFile.js';
import { askJudges, type Heard } from './askJudges.js';
import { verdictsOf } from '../evaluation/judges/anew.js';
import {
  choicesOf,
  judged,
  labelsOf,
  missingSets,
  readKept,
  writeJudged,
  type Judged,
  type Kept,
} from './finishedRun.js';
import { knownHarm } from './knownHarm.js';
import { requireLabels, requireNew, writeLabelled } from './labelled.js';
import type { Reporter } from './reporter.js';
import { secretsFrom } from './secrets.js';

export type Params = Requests['judge']['params'];
export type Result = Requests['judge']['result'];

/**
 * Judges of several runs, and who tells what they have left open. What else is to be said of all of these is said
 * already.
 */
export interface Opened {
  readonly judges: readonly Judge[];
  readonly heard: Heard;
}

/**
 * @param opened the further judges, where they judge other runs, too
 * @throws HumanError for a run without answers, a judge that cannot be used, and an answer that is not there; nothing
 * is changed then
 */
export async function judgeRun(
  folder: string,
  params: Params,
  reporter: Reporter,
  opened?: Opened,
): Promise<Result & { samples: SampleEvent[] }> {
  const release = await claim(folder);
  try {
    await removeParts(folder);
    const kept = await readKept(folder);
    const more = params.judges ?? [];
    const choices = choicesOf(kept, more);
    const changes = changesOf(kept, params.labels ?? []);
    if (params.export !== undefined) {
      await requireNew(params.export);
      requireLabels(params.export, await willBeLabelled(kept, changes));
    }
    if (!opened) missingSets(kept).forEach(reporter.onEvent);
    const heard: Heard = (judge, name, opinions, { state, set }) =>
      warningsOf(judge, name, opinions, answersOf(state, set)).forEach(reporter.onEvent);
    const ask = (judges: readonly Judge[]): Promise<Judged> =>
      judgeKept(kept, choices, judges, { heard, ...reporter, ...opened }, async () => {
        for (const [file, of] of changes) await changeLabels(file, of);
      });
    const done = opened ? await ask(opened.judges) : await withJudges(more, judgedAnswers(kept), params, reporter, ask);
    const { samples, measurements, judges } = done;
    await writeJudged(kept, done);
    if (params.export !== undefined) await writeLabelled(params.export, samples);
    return {
      samples,
      measurements,
      agreements: agreements(samples, (set) => kept.sets.get(set)?.measure ?? 'exact'),
      labelled: samples.filter(({ label }) => label !== undefined).length,
      judges,
    };
  } finally {
    await release();
  }
}

export const judgedAnswers = ({ samples, sets }: Kept): number => samples.filter(({ set }) => sets.has(set)).length;

/** @returns what is to be written. @param label writes what people say, once the judges were asked */
async function judgeKept(
  kept: Kept,
  choices: readonly JudgeChoice[],
  judges: readonly Judge[],
  reporter: Reporter & { heard: Heard },
  label: () => Promise<void>,
): Promise<Judged> {
  const verdicts = kept.samples.map((sample) => verdictsOf(sample, kept.sets.get(sample.set), kept.recipe.judges));
  const harmful = await knownHarm(kept, choices);
  const facts = await askJudges(kept, judges, verdicts, reporter, async (now) =>
    writeJudged(kept, await judged(kept, choices, verdicts, now, harmful)),
  );
  await label();
  return judged(kept, choices, verdicts, facts, harmful);
}

/** @param answers that they are asked about, at most */
export async function withJudges<T>(
  choices: readonly JudgeChoice[],
  answers: number,
  { secrets }: Params,
  { askEditor }: Reporter,
  use: (judges: readonly Judge[]) => Promise<T>,
): Promise<T> {
  const judges = await openChoices(choices, {
    path: (written) => resolve(written),
    threads: 0,
    answers,
    secrets: secretsFrom(secrets),
    askEditor,
  });
  try {
    return await use(judges);
  } finally {
    await closeJudges(judges);
  }
}

/** What a person has said of answers, by the files of their sets; null takes it back. */
type Changes = Map<string, Map<string, Label | null>>;

function changesOf({ samples, sets, folder }: Kept, changes: readonly LabelledAnswer[]): Changes {
  const files: Changes = new Map();
  for (const { state, set, row, prompt, answer, label } of changes) {
    const isMeant = (one: SampleEvent): boolean =>
      one.state === state && one.set === set && one.row === row && one.prompt === prompt && one.answer === answer;
    const sample = samples.find(isMeant);
    const of = sets.get(set);
    if (!sample || !of)
      throw new HumanError(`there is no answer of "${state}" to row ${row} of "${set}" that could be labelled.`, {
        place: folder,
        remedy: 'Open the answers anew.',
      });
    if (!of.isThere)
      throw new HumanError(`the set "${set}" is missing, and labels are kept beside it.`, {
        place: of.file,
        remedy: 'Put it back there, and label the answer then.',
      });
    const changed = files.get(of.file) ?? new Map<string, Label | null>();
    files.set(of.file, changed.set(answerHash(sample.prompt, sample.answer), label));
  }
  return files;
}

/** Whether any answer has a label when the changes are made. */
async function willBeLabelled(kept: Kept, changes: Changes): Promise<boolean> {
  const labelOf = await labelsOf(kept);
  return kept.samples.some((sample) => {
    const changed = changes.get(kept.sets.get(sample.set)?.file ?? '')?.get(answerHash(sample.prompt, sample.answer));
    return (changed === undefined ? labelOf(sample) : changed) != null;
  });
}
