import * as vscode from 'vscode';
import type { QueuedRun, TrainingState } from '../../webview/protocol/training.js';
import { openDocument } from '../host/documents.js';
import { exists, readText } from '../host/checkedFile.js';
import { adapterBoxes } from '../panels/adapterBoxes.js';
import { goOnText } from '../runs/awaited.js';
import { runTitle } from '../runs/compare.js';
import type { RecipeFacts } from '../runs/recipe.js';
import type { Run } from '../runs/run.js';
import { wholeRun } from '../runs/snapshot.js';
import { readAs, vectorsFor } from '../services/choice.js';
import type { Services } from '../services/services.js';
import { sameAdapter, type Model } from '../workspace/models.js';
import { nothingYet, untrusted, vectorInTraining } from './trainingNotices.js';
import {
  isOf,
  readWritten,
  recipeChoices,
  trainingForm,
  type Known,
  type Targets,
  type Written,
} from './trainingState.js';
import { reviewedRows } from '../data/reviewedRows.js';

/** What a picture of the training panel is made of. */
export type TrainingParts = Pick<
  Services,
  'estimates' | 'files' | 'inspector' | 'mappings' | 'models' | 'recipes' | 'reviews' | 'runner' | 'scans' | 'store'
>;

/** What the panel shows now: requests are about this. */
export interface TrainingPicture {
  state: TrainingState;
  written: Partial<Written>;
  targets: Targets;
  run: Run | undefined;
}

/** A recipe with its text as it stands in its editor; nothing where there is none. */
export interface ShownRecipe {
  file?: string;
  text?: string;
}

/** The recipes that the panel offers. */
export const fineTunings = ({ recipes }: Pick<Services, 'recipes'>): RecipeFacts[] =>
  recipes.list().filter(({ kind }) => kind === 'finetune');

/** Is there anything to protect with, whichever model it fits? */
export const hasVector = (parts: Pick<Services, 'models' | 'recipes' | 'store'>): boolean =>
  parts.models.list().some((model) => vectorsFor(parts, model).length > 0);

/**
 * What the training panel shows of a recipe and of what the window knows.
 * @param canRestore whether the protection that was taken out of the recipe can be put back
 */
export async function trainingPicture(
  parts: TrainingParts,
  { file, text }: ShownRecipe,
  canRestore: boolean,
): Promise<TrainingPicture> {
  const { estimates, runner, store } = parts;
  const models = parts.models.list();
  const locked = !vscode.workspace.isTrusted;
  const files = fineTunings(parts).map((one) => one.file);
  if (file !== undefined && !files.includes(file)) files.push(file);
  const relative = (path: string): string => vscode.workspace.asRelativePath(path);
  const isThere = file !== undefined && text !== undefined;
  const written = isThere ? readWritten(text, file) : {};
  const { facts } = written;
  const model = models.find(({ path }) => path === facts?.model);
  const shown =
    facts && trainingForm({ ...written, facts }, { ...(await known(parts, facts, models, relative)), canRestore });
  if (shown?.form.canStart && isThere) shown.form.expected = estimates.get(file, text);
  const chosen = runToShow(store, facts);
  const run = chosen && ((await wholeRun(store, chosen.folder)) ?? chosen);
  // Whichever waits has its place in the list, also the one that is shown.
  const queued = store.live().filter((one) => one !== run || one.place !== undefined);
  const notices = [
    ...(locked ? [untrusted()] : []),
    ...(file === undefined && !locked
      ? [nothingYet(models.length > 0, hasVector(parts), vectorInTraining(store))]
      : []),
    ...(shown?.notices ?? []),
  ];
  const state: TrainingState = {
    recipes: recipeChoices(files, relative),
    recipe: file,
    form: shown?.form,
    notices,
    error: written.error,
    adapters: adapterBoxes(model),
    queue: {
      runs: queued.map((one) => queuedRun(one, runner.awaited(one.folder))),
      paused: runner.paused,
    },
    locked,
  };
  return { state, written, targets: shown?.targets ?? {}, run };
}

const queuedRun = (run: Run, awaited: Run | undefined): QueuedRun => ({
  id: run.folder,
  title: runTitle(run),
  place: run.place,
  ...(awaited && { awaits: { text: run.progress.message, button: goOnText(awaited) } }),
});

/** The recipe's run that goes on, else any that does, else the last of the recipe or of its vectors, or of all. */
function runToShow(store: Services['store'], facts: Written['facts'] | undefined): Run | undefined {
  const runs = store.list();
  const own = runs.filter((run) => facts && isOf(run, facts));
  const related = runs.filter((run) => own.includes(run) || facts?.vectors.some((v) => sameAdapter(v, run.folder)));
  // Before there is a recipe, what was made for it.
  return own.find((run) => run.live) ?? store.live()[0] ?? related[0] ?? (facts ? undefined : runs[0]);
}

async function known(
  parts: TrainingParts,
  facts: Written['facts'],
  models: readonly Model[],
  relative: Known['relative'],
): Promise<Omit<Known, 'canRestore'>> {
  const { files, inspector, recipes, reviews, scans, store } = parts;
  const named = [facts.model, ...facts.data, ...facts.vectors];
  const there = new Set<string>();
  for (const path of named) if (await exists(path)) there.add(path);
  // Later changes of a review are told; what it was at the start is read here.
  const [file] = facts.data;
  if (file !== undefined && reviews.get(file).size === 0) await reviews.look(file);
  return {
    models,
    recipes: recipes.list(),
    data: files.dataFiles().filter((path) => !recipes.isEvaluationSet(path)),
    vectors: vectorsFor(
      parts,
      models.find(({ path }) => path === facts.model),
    ),
    runs: store.list(),
    counted: (path) => (vscode.workspace.isTrusted ? inspector.get(path) : undefined),
    readAs: (path) => readAs(parts, path),
    review: (path) => reviewedRows(path, parts),
    scan: (path) => scans.get(path),
    since: (path) => scans.since(path),
    exists: (path) => there.has(path),
    relative,
  };
}

/** The text as the person sees it: that of the editor, else of the file. */
export async function textOf(file: string): Promise<string | undefined> {
  const open = openDocument(file);
  return open?.getText() ?? (await readText(file).catch(() => ''));
}
