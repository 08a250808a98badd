/** What a person does with runs that are there: name, tag, archive, delete, copy their recipes. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import { isWithin } from '../host/paths.js';
import { t } from '../host/text.js';
import { jobsOf } from '../runs/clusterJobs.js';
import { runTitle } from '../runs/compare.js';
import { removeLabel, tagsOf, writeLabel, type RunLabel } from '../runs/label.js';
import { requireFree } from '../runs/owner.js';
import type { RecipeFacts } from '../runs/recipe.js';
import { isReplacement, isRunning, kindOf, nameOf, sweepOf, type Run } from '../runs/run.js';
import { adapterToGoOn, copyOfRecipe, longerRecipe } from '../runs/recipeCopy.js';
import type { Services } from '../services/services.js';
import { confirm } from './confirm.js';
import { chooseRun, chooseRuns, runRecipe, type Starting } from './runs.js';
import { wizard } from './wizard.js';

type Known = Pick<Services, 'store'>;

/** Another name in views and on pages; the folder, and whatever refers to it, stay as they are. */
export async function renameRun({ store }: Known, given: CommandArguments['renameRun']): Promise<void> {
  const run = await requireRun({ store }, await chooseRun({ store }, given, t('Rename a run'), hasFolder));
  const name =
    given.name ??
    (await wizard(t('Rename "{0}"', nameOf(run)), (ask) =>
      ask.input(
        t('A name for views and pages. The folder keeps its own; leave it empty to use that.'),
        nameOf(run),
        () => undefined,
      ),
    ));
  const shown = name.trim();
  await label(store, run, { name: shown === '' || shown === run.name ? undefined : shown });
}

export async function tagRuns({ store }: Known, given: CommandArguments['tagRuns']): Promise<void> {
  const runs = await chosen({ store }, given, t('Tag runs'));
  const before = [...new Set(runs.flatMap((run) => run.label?.tags ?? []))].join(', ');
  const tags =
    given.tags ??
    tagsOf(
      await wizard(t('Tag runs'), (ask) =>
        ask.input(t('Tags, with commas between them; none removes them'), before, () => undefined),
      ),
    );
  for (const run of runs) await label(store, run, { tags });
}

/** Those that are shown are put away; when all of them are put away already, they come back. */
export async function archiveRuns({ store }: Known, given: CommandArguments['archiveRuns']): Promise<void> {
  const runs = await chosen({ store }, given, t('Archive runs'));
  const archived = given.archived ?? runs.some((run) => !run.label?.archived);
  for (const run of runs) await label(store, run, { archived });
}

async function label(store: Services['store'], run: Run, change: Partial<RunLabel>): Promise<void> {
  const next: RunLabel = { tags: [], archived: false, ...run.label, ...change };
  await writeLabel(run.folder, next);
  store.relabel(run.folder, next);
}

/** A page with all that is selected, or of what is chosen; one run alone is compared with others that are asked for. */
export async function compareRuns(
  services: Known & Pick<Services, 'comparePanels'>,
  given: CommandArguments['compareRuns'],
): Promise<string[]> {
  const runs = await chooseRuns(services, given, t('Compare runs'), hasFolder, 2);
  services.comparePanels.show(runs);
  return runs;
}

/** Moves run folders to the trash, after a confirmation that says what they hold; never one that is worked in. */
export async function deleteRuns(
  { store, recipes, problems }: Pick<Services, 'store' | 'recipes' | 'problems'>,
  given: CommandArguments['deleteRuns'],
): Promise<void> {
  const runs = wholeRuns(store, await chosen({ store }, given, t('Move to Trash'), () => true));
  for (const { folder } of runs) await requireIdle(store, folder);
  const isUsed = ({ uses }: Pick<RecipeFacts, 'uses'>): boolean =>
    uses.some((path) => runs.some(({ folder }) => isWithin(path, folder)));
  const used = recipes.list().filter(isUsed);
  const waiting = store.live().filter(({ place, recipe }) => place !== undefined && recipe && isUsed(recipe));
  const strange = (await Promise.all(runs.map(({ folder }) => othersIn(folder)))).flat();
  const jobs = (await Promise.all(runs.map(jobsOf))).flat();
  if (!given.confirmed || jobs.length > 0) {
    const detail = [
      runs.length > 1 &&
        runs
          .map((run) => runTitle(run, store.nameOf(run)))
          .slice(0, 10)
          .join('\n'),
      runs.length > 10 && t('… and {0} more', runs.length - 10),
      t('Everything that the run made goes with it: its adapter or model, its answers and its report.'),
      used.length > 0 &&
        t('Recipes that use it: {0}.', used.map(({ file }) => vscode.workspace.asRelativePath(file)).join(', ')),
      waiting.length > 0 && t('Runs of the queue that use it: {0}.', waiting.map(nameOf).join(', ')),
      jobs.length > 0 &&
        t(
          'Jobs that may still be running on a cluster: {0}. To end them, cancel, resume the run and stop it, or use the Ray dashboard.',
          jobs.join(', '),
        ),
      strange.length > 0 && t('Also in its folder, but not written by a run: {0}.', strange.slice(0, 5).join(', ')),
    ];
    const [first] = runs;
    const question =
      runs.length === 1
        ? t('Move "{0}" to the trash?', store.nameOf(first!))
        : t('Move {0} runs to the trash?', runs.length);
    await confirm(question, detail.filter(Boolean).join('\n'), t('Move to Trash'));
  }
  for (const { folder } of runs) {
    // Somebody may have begun to work there while the person was asked.
    await requireIdle(store, folder);
    const run = store.get(folder);
    if (run?.manifest) await remove(folder);
    // The next run of its recipe would be called, and put away, like it.
    else if (run?.label) await removeLabel(folder);
    store.forget(folder);
    problems.forget(join(folder, RUN_FILES.manifest));
  }
}

/**
 * Points go with their sweep; what was to replace one may also go by itself.
 * @throws HostError for one whose sweep stays: its table names the folder
 */
function wholeRuns(store: Services['store'], runs: readonly Run[]): Run[] {
  const points = runs.filter((run) => store.isPoint(run));
  const alone = points.filter((point) => runs.every(({ folder }) => folder !== sweepOf(point)));
  const left = alone.find((point) => !isReplacement(point));
  if (left)
    throw inputError(t('"{0}" is a point of a sweep, whose table names it.', nameOf(left)), {
      place: left.folder,
      remedy: t('Move the whole sweep to the trash.'),
    });
  return runs.filter((run) => !points.includes(run) || alone.includes(run));
}

/**
 * @throws HostError where a run works, or is to work, in the folder: as itself, as a replacement, or as a point of a
 * sweep
 */
async function requireIdle(store: Services['store'], folder: string): Promise<void> {
  const running = store.all().find((run) => isWithin(run.folder, folder) && isRunning(run));
  if (running)
    throw inputError(t('"{0}" is running.', nameOf(running)), { place: running.folder, remedy: t('Stop it first.') });
  for (const place of [folder, join(folder, RUN_FILES.next)]) await requireFree(place);
}

async function remove(folder: string): Promise<void> {
  const uri = vscode.Uri.file(folder);
  try {
    await vscode.workspace.fs.delete(uri, { recursive: true, useTrash: true });
  } catch (error) {
    if (error instanceof vscode.FileSystemError && error.code === 'FileNotFound') return;
    // A server has no trash; neither have some file systems.
    await confirm(
      t('"{0}" cannot be moved to a trash here. Delete it for good?', basename(folder)),
      (error as Error).message,
      t('Delete Permanently'),
    );
    await vscode.workspace.fs.delete(uri, { recursive: true, useTrash: false });
  }
}

/** Names in a run folder that no run gives. */
async function othersIn(folder: string): Promise<string[]> {
  const own = new Set<string>(Object.values(RUN_FILES));
  return (await readdir(folder).catch(() => [])).filter((name) => !own.has(name));
}

/** A copy of the recipe that was run, with an output of its own, opened for changes. */
export async function duplicateRun(services: Known, given: CommandArguments['duplicateRun']): Promise<string> {
  const run = await requireRun(services, await chooseRun(services, given, t('Copy the recipe of a run'), hasRecipe));
  const copy = await copyOfRecipe(run, given.name);
  await show(copy.file);
  return copy.file;
}

/** A recipe that goes on from the result of a run; says what is not the same as one longer run. */
export async function trainLonger(
  services: Starting & Known & Pick<Services, 'notices'>,
  given: CommandArguments['trainLonger'],
): Promise<string> {
  const folder = await chooseRun(
    services,
    given,
    t('Train longer'),
    (run) => hasRecipe(run) && kindOf(run) !== 'evaluate',
  );
  const run = await requireRun(services, folder);
  await adapterToGoOn(run);
  const length = run.recipe?.raw['steps'] !== undefined ? 'steps' : 'epochs';
  const before = Number(run.recipe?.raw[length]) || 1;
  const more =
    given.more ??
    Number(
      await wizard(t('Train "{0}" longer', nameOf(run)), (ask) =>
        ask.input(
          length === 'epochs' ? t('How many further epochs?') : t('How many further steps?'),
          String(before),
          (text) => faultOfMore(length, text),
        ),
      ),
    );
  const copy = await longerRecipe(run, length, more, given.name);
  await show(copy.file);
  services.notices.info(
    t(
      '{0} starts from the weights of "{1}", with a new optimizer and a new learning-rate schedule: it is not the same as one longer run. "base" in its table is still the model without any adapter.',
      basename(copy.file),
      nameOf(run),
    ),
    { title: t('Run it'), run: () => runRecipe(services, { file: copy.file }) },
  );
  return copy.file;
}

/** Steps are counted; an epoch may be a part of one. */
export function faultOfMore(length: 'epochs' | 'steps', text: string): string | undefined {
  const more = Number(text);
  if (length === 'steps')
    return more > 0 && Number.isInteger(more) ? undefined : t('A whole number above zero is needed.');
  return more > 0 && Number.isFinite(more) ? undefined : t('A number above zero is needed.');
}

async function show(file: string): Promise<void> {
  await vscode.window.showTextDocument(vscode.Uri.file(file));
}

const hasFolder = (run: Run): boolean => run.manifest !== undefined;
const hasRecipe = (run: Run): boolean => run.recipe !== undefined && hasFolder(run);

async function requireRun({ store }: Known, folder: string): Promise<Run> {
  const run = await store.open(folder);
  if (run) return run;
  throw inputError(t('there is no run in this folder.'), { place: folder, remedy: t('Run its recipe again.') });
}

/** The runs a command is about; those that have a folder, unless the command can do with less. */
async function chosen(
  services: Known,
  given: { run?: string; runs?: string[] },
  title: string,
  fits: (run: Run) => boolean = hasFolder,
): Promise<Run[]> {
  const folders = await chooseRuns(services, given, title, fits);
  return Promise.all(folders.map((folder) => requireRun(services, folder)));
}
