/** Judges the kept answers of a run once more: by further judges, and by what people have said of them. */
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { WarningEvent } from '../../runtime/contract/events.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { JudgeChoice } from '../../runtime/contract/recipeJudges.js';
import { refusedSecrets, secretsOfJudges } from '../../runtime/contract/recipeFacts.js';
import { editorModels } from '../engine/editorModels.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { COMMANDS } from '../host/contributions.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { LabelledAnswer } from '../../runtime/contract/labels.js';
import { canJudge, isSweep, sweepOf, type Run } from '../runs/run.js';
import type { Services } from '../services/services.js';
import { askFurtherJudge } from './furtherJudge.js';
import { chooseRun } from './runs.js';
import { judgeSecrets } from './secrets.js';

type Needs = Pick<Services, 'assertTrusted' | 'engine' | 'notices' | 'recipes' | 'secrets' | 'store' | 'workAtHand'>;
type Judged = Requests['judge']['result'];

export async function judgeAgain(
  services: Needs & Pick<Services, 'runPanels'>,
  given: CommandArguments['judgeAgain'],
): Promise<Judged> {
  services.assertTrusted();
  const run = await chooseJudged(services, given, t('Judge the answers again'));
  const { folder } = run;
  const judges = given.judges ?? (await askFurtherJudge(services, run));
  const done = await judge(services, folder, judges);
  // The answers of a sweep are those of its points.
  await services.runPanels.show(folder, { answers: !isSweep(run) });
  return done;
}

/** @throws HostError for a run that is given and has no answers, before anything is asked */
async function chooseJudged(
  services: Pick<Services, 'store'>,
  given: CommandArguments['openRun'],
  title: string,
): Promise<Run> {
  const folder = await chooseRun(services, given, title, canJudge);
  const run = await services.store.open(folder);
  if (run && canJudge(run)) return run;
  throw inputError(t('this run has no answers that can be judged.'), {
    place: folder,
    remedy: t('Only finished fine-tunings and evaluations have answers, and sweeps with at least one finished point.'),
  });
}

/** With progress; says what the judges took, or why they left answers open. */
async function judge(services: Needs, run: string, judges: JudgeChoice[]): Promise<Judged> {
  const { engine, store, notices, workAtHand } = services;
  const wanted = secretsOfJudges(judges);
  const kept = judgeSecrets(services.secrets);
  const secrets = await kept.get(wanted);
  const warnings: WarningEvent[] = [];
  const asked = { command: 'judgeAgain', given: { run, judges } } as const;
  const ask = (): Promise<Judged> =>
    workAtHand.during(asked, t('Judging the answers'), (report, token) =>
      engine.request(
        'judge',
        { run, judges, secrets },
        {
          token,
          onAsk: editorModels(),
          onEvents(events) {
            for (const event of events) {
              if (event.kind === 'state') report(event.message);
              if (event.kind === 'warning') warnings.push(event);
            }
          },
        },
      ),
    );
  let done: Judged;
  try {
    done = await store.whileJudged(run, ask);
  } finally {
    // What was judged until it was cancelled is in the folder, too.
    await readAgain(store, run);
  }
  await kept.forget(refusedSecrets(warnings, judges, wanted));
  const last = warnings.at(-1);
  const open = { title: t('Open run'), run: () => void vscode.commands.executeCommand(COMMANDS.openRun, { run }) };
  if (last) notices.warn(last.message, open);
  else
    for (const { name, usage } of done.judges.filter(({ usage, added }) => usage && judges.length > 0 && added))
      notices.info(
        t(
          '{0} was asked {1} times, with {2} tokens.',
          name,
          usage!.requests,
          (usage!.inputTokens ?? 0) + (usage!.outputTokens ?? 0),
        ),
      );
  return done;
}

/** The run, and the sweep whose table follows it; of a sweep its points. */
async function readAgain(store: Services['store'], folder: string): Promise<void> {
  const run = await store.read(folder);
  const sweep = run && sweepOf(run);
  if (sweep !== undefined) await store.read(sweep);
  if (run && isSweep(run)) for (const point of store.pointsOf(folder)) await store.read(point.folder);
}

/** Says of an answer what a person says; the run follows. */
export async function labelAnswers(
  { assertTrusted, engine, store }: Pick<Services, 'assertTrusted' | 'engine' | 'store'>,
  run: string,
  labels: readonly LabelledAnswer[],
): Promise<Judged> {
  assertTrusted();
  const done = await engine.request('judge', { run, labels: [...labels] });
  await readAgain(store, run);
  return done;
}

/** Writes labelled answers of a run as an evaluation set, and opens it. */
export async function exportLabels(
  services: Needs,
  given: CommandArguments['exportLabels'],
): Promise<string | undefined> {
  services.assertTrusted();
  const { folder, recipe } = await chooseJudged(services, given, t('Save labelled answers'));
  const set = recipe?.evaluate[0]?.file;
  const beside = set === undefined ? folder : dirname(set);
  const out =
    given.out ??
    (
      await vscode.window.showSaveDialog({
        defaultUri: vscode.Uri.file(join(beside, 'labelled.jsonl')),
        filters: { [t('JSON lines')]: ['jsonl'] },
      })
    )?.fsPath;
  if (out === undefined) return undefined;
  await services.engine.request('judge', { run: folder, export: out });
  await readAgain(services.store, folder);
  await vscode.window.showTextDocument(vscode.Uri.file(out));
  return out;
}
