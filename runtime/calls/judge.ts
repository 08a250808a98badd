/** Judges the kept answers of a finished run once more: by further judges, and by what people have said of them. */
import { resolve } from 'node:path';
import { agreements } from '../contract/agreement.js';
import type { Label } from '../contract/labels.js';
import type { Requests } from '../contract/protocol.js';
import type { JudgeChoice } from '../contract/recipeJudges.js';
import { answerHash, changeLabels } from '../data/labelFiles.js';
import { closeJudges, openChoices } from '../evaluation/judges/judges.js';
import type { Judge } from '../evaluation/judges/judge.js';
import { readManifest } from '../runs/output.js';
import { claim } from '../runs/owner.js';
import { HumanError } from '../support/errors.js';
import { askJudges } from './askJudges.js';
import { choicesOf, judged, readKept, verdictsOf, writeJudged, type Judged, type Kept } from './judgedRun.js';
import { requireAbsent, writeLabelled } from './labelled.js';
import type { Reporter } from './reporter.js';

type Params = Requests['judge']['params'];
type Result = Requests['judge']['result'];

/**
 * What was judged until then is kept when the signal fires.
 * @throws HumanError for a folder without a finished run or without answers, a judge that cannot be used, and an answer that
 * is not there; nothing is changed then
 */
export async function judgeAgain(params: Params, reporter: Reporter): Promise<Result> {
  const folder = resolve(params.run);
  await requireFinished(folder);
  const release = await claim(folder);
  try {
    const kept = await readKept(folder);
    const more = params.judges ?? [];
    const choices = choicesOf(kept, more);
    const changes = changesOf(kept, params.labels ?? []);
    if (params.export !== undefined) requireAbsent(params.export);
    const most = kept.samples.filter(({ set }) => kept.sets.has(set)).length;
    const done = await withJudges(more, most, params, reporter, async (judges) => {
      return judgeKept(kept, choices, judges, reporter, async () => {
        for (const [file, of] of changes) await changeLabels(file, of);
      });
    });
    const { samples, measurements, judges } = done;
    if (params.export !== undefined) await writeLabelled(params.export, samples);
    await writeJudged(kept, done);
    return {
      measurements,
      agreements: agreements(samples, (set) => kept.sets.get(set)?.measure ?? 'exact'),
      labelled: samples.filter(({ label }) => label !== undefined).length,
      judges,
    };
  } finally {
    await release();
  }
}

/** @returns what is to be written. @param label writes what people say, once the judges were asked */
async function judgeKept(
  kept: Kept,
  choices: readonly JudgeChoice[],
  judges: readonly Judge[],
  reporter: Reporter,
  label: () => Promise<void>,
): Promise<Judged> {
  const verdicts = kept.samples.map((sample) => verdictsOf(sample, kept));
  const facts = await askJudges(kept, judges, verdicts, reporter, async (now) =>
    writeJudged(kept, await judged(kept, choices, verdicts, now)),
  );
  await label();
  return judged(kept, choices, verdicts, facts);
}

/** @param answers that they are asked about, at most */
async function withJudges<T>(
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
    secret: (name) => secrets?.[name] ?? process.env[name],
    askEditor,
  });
  try {
    return await use(judges);
  } finally {
    await closeJudges(judges);
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
