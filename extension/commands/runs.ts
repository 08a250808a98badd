import { exists } from '../host/checkedFile.js';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { Measurement } from '../../runtime/contract/events.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError, parsePlace } from '../host/errors.js';
import { firstFree } from '../host/paths.js';
import { runTitle } from '../runs/compare.js';
import { recipeFacts, recipeFileOf } from '../runs/recipe.js';
import { answersItself, canResume, hasRecipeToRun, isFinished, nameOf, type Run } from '../runs/run.js';
import type { Started } from '../runs/job.js';
import { reportForBrowser } from '../panels/reportPanel.js';
import type { Services } from '../services/services.js';
import { t } from '../host/text.js';
import { runDescription } from '../views/labels.js';
import { confirm } from './confirm.js';
import { savedRecipe } from './savedRecipe.js';
import { wizard, type Choice } from './wizard.js';

/** How a run ended, for whoever called the command. */
export interface Ended {
  folder: string;
  state: Run['progress']['state'];
  error?: string;
  measurements: Measurement[];
}

/** What most commands on a run are called with. */
type OneRun = CommandArguments['openRun'];
/** What starting a run and showing it takes. */
export type Starting = Pick<Services, 'assertTrusted' | 'recipes' | 'runPanels' | 'runner'>;

/** Runs a recipe file, shows its page, and answers when it has ended: of several, when the last has. */
export async function runRecipe(services: Starting, given: CommandArguments['runRecipe']): Promise<Ended> {
  services.assertTrusted();
  if (given.files) return runRecipes(services, given.files);
  const file = given.file ?? activeRecipe() ?? (await chooseRecipe(services));
  return follow(services, await startRecipe(services, file));
}

/** Starts a recipe as it stands in its editor. */
export async function startRecipe(
  services: Pick<Services, 'assertTrusted' | 'runner'>,
  file: string,
): Promise<Started> {
  services.assertTrusted();
  return start(services, file);
}

/** Queues the recipes, in the order of their names; shows the first one's page. */
async function runRecipes(services: Starting, files: readonly string[]): Promise<Ended> {
  const sorted = [...files].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  // All are read before one is begun: a slip in the last does not wait for the others to end.
  const outputs = new Map<string, string>();
  for (const file of sorted) {
    const { output } = await savedRecipe(file);
    const other = outputs.get(output);
    if (other !== undefined)
      throw inputError(
        t('two of the recipes write to the same folder: {0} and {1}.', basename(other), basename(file)),
        {
          place: output,
          remedy: t('Change "output" in one of them.'),
        },
      );
    outputs.set(output, file);
  }
  const begun: Started[] = [];
  for (const file of sorted) begun.push(await start(services, file));
  const [first, ...others] = begun;
  const ended = await follow(services, first!);
  return others.length === 0 ? ended : endOf(await others.at(-1)!.ended);
}

/**
 * Starts a recipe. Where a run stands in its output folder that would be lost, the person decides what becomes of it.
 */
async function start({ runner }: Pick<Services, 'runner'>, file: string): Promise<Started> {
  const { output, kind } = await savedRecipe(file);
  // Points that would be the same are kept, and before others are replaced the person is asked (`notifyEnd`).
  if (kind === 'sweep') return runner.start(file, { resume: await exists(join(output, RUN_FILES.manifest)) });
  // A replacement that was cut off is nearer than what it replaces.
  const replacement = await runner.standing(join(output, RUN_FILES.next));
  const standing = replacement ?? (await runner.standing(output));
  if (!standing) return runner.start(file);
  const another = await freeFolder(output, (folder) => runner.has(folder));
  const shown = vscode.workspace.asRelativePath(output);
  const keep: Choice<Fate> = {
    label: t('Keep both'),
    detail: t('The new run writes to {0}.', basename(another)),
    value: 'keep',
  };
  const answer = isFinished(standing)
    ? await wizard(t('"{0}" is finished already', standing.name), (ask) =>
        ask.pick<Fate>(t('What should happen to the existing result in {0}?', shown), [
          { label: t('Replace it'), detail: t('It stays whole until the new run is done.'), value: 'replace' },
          keep,
        ]),
      )
    : await wizard(t('"{0}" has not reached its end', standing.name), (ask) =>
        ask.pick<Fate>(t('What should happen to the existing run in {0}?', shown), [
          { label: t('Resume it'), detail: t('It goes on from its last checkpoint.'), value: 'resume' },
          { label: t('Start over'), detail: t('Its checkpoint is removed.'), value: 'replace' },
          keep,
        ]),
      );
  if (answer === 'resume') return runner.resume(standing.folder, file);
  return runner.start(file, answer === 'replace' ? { replace: true } : { output: another });
}

/** What becomes of the run that stands where another one is to begin. */
type Fate = 'resume' | 'replace' | 'keep';

/** `folder-2`, `folder-3`, …: the first that is not there, and that no run is going to make. */
const freeFolder = (folder: string, isAwaited: (folder: string) => boolean): Promise<string> =>
  firstFree(folder, async (one) => one === folder || isAwaited(one) || (await exists(one)));

/** Goes on from the last checkpoint. */
export async function resume(
  services: Pick<Services, 'assertTrusted' | 'runPanels' | 'runner' | 'store'>,
  given: OneRun,
): Promise<Ended> {
  services.assertTrusted();
  const folder = await chooseRun(services, given, t('Resume a run'), canResume);
  return follow(services, await services.runner.resume(folder));
}

/** Runs the recipe of a run anew, from its file as it is now. */
export async function runAgain(services: Starting & Pick<Services, 'store'>, given: OneRun): Promise<Ended> {
  services.assertTrusted();
  const folder = await chooseRun(services, given, t('Run again'), hasRecipeToRun);
  return follow(services, await startAgain(services, folder));
}

export async function startAgain(
  services: Pick<Services, 'recipes' | 'runner' | 'store'>,
  folder: string,
): Promise<Started> {
  return start(services, await recipeOf(services, folder));
}

/** Opens the recipe of a run, at the line that it failed on if it says one. */
export async function openRecipe(services: Pick<Services, 'recipes' | 'store'>, given: OneRun): Promise<void> {
  const folder = await chooseRun(services, given, t('Open the recipe of a run'));
  const file = await recipeOf(services, folder);
  const place = parsePlace(services.store.get(folder)?.error?.place);
  const line = place && basename(place.file) === basename(file) ? place.line - 1 : 0;
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(line, 0, line, 0) });
}

export async function recipeOf(
  { recipes, store }: Pick<Services, 'recipes' | 'store'>,
  folder: string,
): Promise<string> {
  return recipeFileOf({ folder, recipe: (await store.open(folder))?.recipe }, () => recipes.list());
}

export async function stop(
  services: Pick<Services, 'runner' | 'store'>,
  given: CommandArguments['stop'],
): Promise<boolean> {
  const chosen = given.runs?.map(folderOf) ?? [await chooseRun(services, given, t('Stop a run'), (run) => run.live)];
  // Those that wait first: none of them begins when the one at work ends.
  const isWaiting = (folder: string): boolean => services.store.get(folder)?.place !== undefined;
  const stopped: boolean[] = [];
  for (const folder of chosen.sort((a, b) => Number(isWaiting(b)) - Number(isWaiting(a))))
    stopped.push(await stopRun(services, folder));
  return stopped.includes(true);
}

/** Stops a run. One that was asked to stop and has not is ended, if the person wants that. */
export async function stopRun({ runner, store }: Pick<Services, 'runner' | 'store'>, folder: string): Promise<boolean> {
  const run = store.get(folder);
  if (!run || !runner.isStopping(folder)) return runner.stop(folder);
  const cluster = run.recipe?.cluster;
  const detail = [
    t('What was done since the last checkpoint is lost; what was saved before is kept.'),
    cluster && t('Its job on {0} may go on.', cluster.address),
  ];
  await confirm(t('"{0}" is stopping. End it now?', nameOf(run)), detail.filter(Boolean).join('\n'), t('End Now'));
  return runner.end(folder);
}

export async function openRun(services: Pick<Services, 'runPanels' | 'store'>, given: OneRun): Promise<void> {
  await services.runPanels.show(await chooseRun(services, given, t('Open a run')));
}

export async function showAnswers(services: Pick<Services, 'runPanels' | 'store'>, given: OneRun): Promise<void> {
  const folder = await chooseRun(services, given, t('Show answers side by side'), answersItself);
  await services.runPanels.show(folder, { answers: true });
}

/**
 * The report is one HTML file, which is shown as a page of the window. A folder that is not trusted may hold any page.
 */
export async function openReport(
  services: Pick<Services, 'assertTrusted' | 'reportPanels' | 'store'>,
  given: OneRun,
): Promise<void> {
  services.assertTrusted();
  await services.reportPanels.show(await chooseRun(services, given, t('Open a report')));
}

/**
 * The report that is in front, in the browser of this machine: to print it, or to keep it open. A browser opens no file
 * of the machine that a remote window is connected to.
 */
export async function openInBrowser({ reportPanels }: Pick<Services, 'reportPanels'>): Promise<void> {
  const folder = reportPanels.active();
  if (folder === undefined)
    throw inputError(t('no report is in front.'), { remedy: t('Open the report of a run first.') });
  if (vscode.env.remoteName !== undefined)
    throw inputError(t('the report and the browser are on different machines.'), {
      place: join(folder, RUN_FILES.report),
      remedy: t('Choose "Download…" on it in the explorer, and open the downloaded file.'),
    });
  await vscode.env.openExternal(vscode.Uri.file(await reportForBrowser(folder)));
}

/** The explorer says nothing of what is not there. */
export async function openFolder(folder: string): Promise<void> {
  const manifest = join(folder, RUN_FILES.manifest);
  if (!(await exists(manifest)))
    throw inputError(t('this run has no folder yet, or no longer.'), { place: folder, remedy: t('Run it again.') });
  await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(manifest));
}

/** Shows the page of a run, and answers when it has ended. */
export async function follow({ runPanels }: Pick<Services, 'runPanels'>, { run, ended }: Started): Promise<Ended> {
  await runPanels.show(run.folder);
  return endOf(await ended);
}

const endOf = ({ folder, progress, error, refused, measurements }: Run): Ended => ({
  folder,
  state: progress.state,
  error: (error ?? refused)?.message,
  measurements,
});

/** The run a command is about: the one given, the only one, or the one chosen. */
export async function chooseRun(
  { store }: Pick<Services, 'store'>,
  { run: given }: OneRun,
  title: string,
  fits: (run: Run) => boolean = () => true,
): Promise<string> {
  if (given !== undefined) return folderOf(given);
  const choices = runChoices(store, fits, title);
  if (choices.length === 1) return choices[0]!.value;
  return wizard(title, (ask) => ask.pick(t('Which run?'), choices));
}

/** The runs a command is about: those selected or given, or those chosen. */
export async function chooseRuns(
  { store }: Pick<Services, 'store'>,
  { run, runs }: { run?: string; runs?: string[] },
  title: string,
  fits: (run: Run) => boolean,
  least = 1,
): Promise<string[]> {
  const given = runs ?? (run === undefined ? [] : [run]);
  if (given.length >= least) return given.map(folderOf);
  // The title of the view passes the row that has the focus alone, and the palette none.
  const proposed = given.every((folder) => store.selected.includes(folder)) ? store.selected : given;
  const choices = runChoices(store, fits, title, least).map((choice) => ({
    ...choice,
    picked: proposed.includes(choice.value),
  }));
  const chosen = await wizard(title, (ask) => ask.pickMany(t('Which runs?'), choices));
  if (chosen.length >= least) return chosen;
  throw inputError(t('too few runs were chosen.'), { remedy: t('Choose {0} or more.', least) });
}

const folderOf = (given: string): string => (given.endsWith(RUN_FILES.manifest) ? dirname(given) : given);

/** @throws HostError where there are fewer than the command needs: choosing would lead nowhere */
function runChoices(store: Services['store'], fits: (run: Run) => boolean, title: string, least = 1): Choice<string>[] {
  const all = store.list();
  const runs = all.filter(fits);
  if (all.length === 0) throw inputError(t('there is no run yet.'), { remedy: t('Run a recipe first.') });
  if (runs.length === 0)
    throw inputError(t('"{0}" fits no run here.', title), {
      remedy: t('Look in the Runs view how each has ended.'),
    });
  if (runs.length < least)
    throw inputError(t('"{0}" needs {1} runs.', title, least), { remedy: t('Run another recipe first.') });
  return runs.map((run) => ({
    label: runTitle(run, store.nameOf(run)),
    description: runDescription(run),
    value: run.folder,
  }));
}

function activeRecipe(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document && recipeFacts(document.getText(), document.uri.fsPath) ? document.uri.fsPath : undefined;
}

async function chooseRecipe({ recipes }: Pick<Services, 'recipes'>): Promise<string> {
  const list = recipes.list();
  if (list.length === 0) {
    const remedy = t('Train a security vector to make one.');
    throw inputError(t('there is no recipe in this workspace.'), { remedy, code: 'vector' });
  }
  const choices = list.map((recipe) => ({
    label: vscode.workspace.asRelativePath(recipe.file),
    description: recipe.kind,
    value: recipe.file,
  }));
  return wizard(t('Run a recipe'), (ask) => ask.pick(t('Which recipe?'), choices));
}
