import { join } from 'node:path';
import * as vscode from 'vscode';
import { Lenses } from './codelens/lenses.js';
import { Marks } from './codelens/marks.js';
import { VerdictMarks } from './codelens/verdictMarks.js';
import { rowActions } from './codelens/rowActions.js';
import { hubToken } from './commands/hub.js';
import { setAttached } from './commands/models.js';
import { registerCommands } from './commands/register.js';
import { workspaceRoots } from './commands/root.js';
import { requireFreeOfOthers } from './commands/queue.js';
import { renames } from './data/renames.js';
import { Reviews } from './data/reviews.js';
import { replacePoints } from './commands/replacePoints.js';
import { COMMANDS, CONTEXTS } from './host/contributions.js';
import { Mappings } from './data/mappings.js';
import { previewDocuments } from './data/previews.js';
import { Scans } from './data/scans.js';
import { debounce } from './host/disposable.js';
import { notifyCutOff, notifyEnd, notifyHeld, notifyWithdrawn, type Pages } from './endings.js';
import { Engine, RestartLimit } from './engine/engine.js';
import { inputError } from './host/errors.js';
import { readBy } from './services/choice.js';
import { dataInspectors } from './services/inspectors.js';
import { createNotices } from './host/notices.js';
import { createPages, createTrainingView, type Own } from './pages.js';
import { ReportPanels } from './panels/reportPanel.js';
import { modelPath } from './runs/compare.js';
import { Estimates } from './runs/estimates.js';
import { Follower } from './runs/follower.js';
import { canResume, isSweep, type Run } from './runs/run.js';
import { Runner } from './runs/runner.js';
import { RunStore } from './runs/store.js';
import type { Services } from './services/services.js';
import { proxyEnvironment } from './host/settings.js';
import { SafetyTests } from './testing/controller.js';
import { t, useTranslations } from './host/text.js';
import { Archive } from './workspace/archive.js';
import { dataView } from './views/data.js';
import { dangerDecorations, modelsView } from './views/models.js';
import { clusterSecrets } from './commands/cluster.js';
import { followWindows } from './commands/windows.js';
import { judgeSecrets } from './commands/secrets.js';
import { editorModels } from './engine/editorModels.js';
import { runsView } from './views/runs.js';
import { statusBar } from './views/statusBar.js';
import type { TrainingView } from './views/training.js';
import { adapterOf, WorkspaceModels } from './workspace/models.js';
import { Problems } from './data/problems.js';
import { RecipeIndex } from './workspace/recipes.js';
import { tickSteps, walkthrough } from './walkthrough.js';
import { WorkspaceFiles } from './workspace/watch.js';
import { WindowMemory } from './host/windowMemory.js';
import { WorkAtHand } from './host/workAtHand.js';
import { SharedMemory, type Remembered } from './host/sharedMemory.js';

/** A chat keeps its model loaded this long after the last answer. */
const IDLE_MS = 5 * 60_000;

const logBug =
  (log: vscode.LogOutputChannel) =>
  (error: unknown): void =>
    log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));

function assertTrusted(): void {
  if (vscode.workspace.isTrusted) return;
  throw inputError(t('this workspace is not trusted: nothing is run in it.'), {
    remedy: t('Trust it with "Workspaces: Manage Workspace Trust" first.'),
  });
}

/** Constructs the parts and registers them, nothing else. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const own: Own = (part) => {
    context.subscriptions.push(part);
    return part;
  };
  useTranslations(vscode.l10n, vscode.env.language);
  const memory = own(
    new WindowMemory(join(context.globalStorageUri.fsPath, 'windows'), workspaceRoots, (error) =>
      services.notices.error(error),
    ),
  );
  const shared = sharedMemory(context);
  const services = createServices(context, memory, shared, own);
  registerSurfaces(services, own);
  const training = own(createTrainingView(services, context.workspaceState, shared, logBug(services.log)));
  const pages = pagesOf(services, training);
  followRuns(services, pages, own);
  tickSteps(services, own);
  const { files, scans, models, notices, runner, runPanels } = services;
  own(
    files.onDidChange(() => {
      void runner.recipesChanged();
      for (const list of ['dataFiles', 'recipes'] as const)
        void vscode.commands.executeCommand('setContext', CONTEXTS[list], files[list]());
    }),
  );
  own(vscode.workspace.onDidGrantWorkspaceTrust(() => models.refresh().catch(notices.error)));

  // Not awaited: a large workspace must not hold up the first command.
  const looks = [
    files
      .scan()
      .then(() => followWindows(services, memory, (run) => notifyCutOff(run, pages, notices), own))
      .finally(runPanels.allKnown),
    scans.load(),
    models.refresh(),
  ];
  for (const look of looks) look.catch(notices.error);
}

const pathOf = ({ uri }: vscode.WorkspaceFolder): string => uri.fsPath;

/** A window without a folder shares nothing. */
const sharedMemory = ({ storageUri, workspaceState }: vscode.ExtensionContext): Remembered =>
  storageUri ? new SharedMemory(join(storageUri.fsPath, 'remembered')) : workspaceState;

/** What holds the state, and what asks the engine. */
function createServices(
  context: vscode.ExtensionContext,
  memory: WindowMemory,
  shared: Remembered,
  own: Own,
): Services {
  const log = own(vscode.window.createOutputChannel('Security Vectors', { log: true }));
  const restarts = new RestartLimit();
  const notices = createNotices(log, () => {
    restarts.reset();
    for (const counts of [inspector, tokens]) counts.countFailed();
    estimates.changed();
    models.inspectFailed().catch(notices.error);
  });
  const onBug = logBug(log);

  const entry = vscode.Uri.joinPath(context.extensionUri, 'dist', 'engine.js').fsPath;
  const newEngine = (): Engine =>
    new Engine({
      entry,
      idleMs: IDLE_MS,
      environment: proxyEnvironment,
      restarts,
      log: (level, message) => log[level](message),
    });

  const engine = own(newEngine());
  const store = own(new RunStore());
  own(new Follower(store));
  const recipes = new RecipeIndex();
  const runner = own(
    new Runner({
      store,
      recipes: () => recipes.list(),
      engine: newEngine,
      assertTrusted,
      requireFree: (folder) => requireFreeOfOthers(memory, folder),
      token: () => hubToken(context),
      ...clusterSecrets(context.secrets),
      judgeSecrets: judgeSecrets(context.secrets),
      askModel: editorModels,
      onError: notices.error,
    }),
  );
  const archive = own(new Archive(context.workspaceState));
  const problems = own(new Problems());
  const scans = own(new Scans(workspaceRoots, problems, (data) => readBy(recipes, data)));
  const reviews = own(new Reviews(problems));
  own(scans.onDidChange((data) => void reviews.look(data)));
  own(
    vscode.workspace.onDidChangeWorkspaceFolders(({ added, removed }) =>
      scans.foldersChanged(added.map(pathOf), removed.map(pathOf)).catch(notices.error),
    ),
  );
  const models = own(
    new WorkspaceModels(
      {
        root: () => workspaceRoots()[0],
        inspect: async (path) => {
          assertTrusted();
          return engine.request('inspect', { path });
        },
        fits: async (model, adapter) => {
          assertTrusted();
          return (await engine.request('inspectAdapter', { model, adapter })).reason;
        },
        runs: () => store.list(),
      },
      problems,
    ),
  );
  const mappings = own(new Mappings(shared));
  own(renames({ scans, mappings, onError: notices.error }));
  const { inspector, tokens } = dataInspectors({ engine, mappings, models, recipes, scans, store });
  own(inspector);
  own(tokens);
  const estimates = own(
    new Estimates(
      (recipe, text) => engine.request('estimate', { recipe, text }),
      () => vscode.workspace.isTrusted,
    ),
  );
  own(store.onDidChange(({ kind, run }) => kind === 'whole' && !run.live && estimates.changed()));
  own(models.onDidChangeVersion(() => estimates.changed()));
  own(
    mappings.onDidChange((file) => {
      inspector.changed(file);
      tokens.changed(file);
    }),
  );
  const files = own(
    new WorkspaceFiles({
      store,
      recipes,
      problems,
      onState: () => models.stateChanged(),
      onDataFile: (file) => {
        inspector.changed(file);
        estimates.changed();
        tokens.changed(file);
        return scans.look(file);
      },
      onReview: (data) => {
        estimates.changed();
        return reviews.look(data);
      },
      onModelFiles: (changed) => models.filesChanged(changed),
      onError: notices.error,
    }),
  );
  const services = {
    extension: context.extensionUri,
    log,
    secrets: context.secrets,
    notices,
    engine,
    store,
    runner,
    archive,
    models,
    recipes,
    files,
    problems,
    scans,
    workAtHand: new WorkAtHand(memory),
    reviews,
    mappings,
    inspector,
    estimates,
    tokens,
    assertTrusted,
    openWalkthrough: walkthrough(context.extension),
    reportPanels: own(new ReportPanels(context.extensionUri, store, notices.error)),
  };
  return { ...services, ...createPages(services, shared, onBug, own) };
}

/** What people see and start things from. */
function registerSurfaces(services: Services, own: Own): void {
  own(modelsView(services, (node, attached) => setAttached(services, node, attached)));
  own(dangerDecorations());
  own(dataView(services));
  own(previewDocuments());
  own(runsView(services));
  own(statusBar(services.store));
  own(new Lenses(services, own(new VerdictMarks(services))));
  const marks = own(new Marks(services.scans, services.reviews));
  own(rowActions(marks, services));
  own(new SafetyTests(services));
  own(registerCommands(services));
}

/** What people see of runs, and do with them, apart from views. */
function pagesOf(services: Services, training: TrainingView): Pages {
  const { runPanels } = services;
  return {
    isVisible: (folder: string) => training.isVisible(folder) || runPanels.isVisible(folder),
    replace: (run: Run) =>
      isSweep(run)
        ? replacePoints(services, run)
        : vscode.commands.executeCommand(COMMANDS.runAgain, { run: run.folder }),
    show: (folder: string) => runPanels.show(folder),
    goOn: (run: Run) =>
      vscode.commands.executeCommand(COMMANDS[canResume(run) ? 'resume' : 'runAgain'], { run: run.folder }),
  };
}

/** What the end and the results of a run change elsewhere. */
function followRuns(services: Services, pages: Pages, own: Own): void {
  const { runner, notices, store, models } = services;
  own(runner.onDidEnd((run) => notifyEnd(run, pages, notices)));
  own(runner.onDidWithdraw((run) => notifyWithdrawn(run, notices)));
  own(runner.onDidHold((held) => notifyHeld(held, pages, notices)));
  // What a run has made can be attached, so its model is one of the workspace.
  own(
    runner.onDidEnd((run) => {
      const model = modelPath(run);
      if (model !== undefined && adapterOf(run) && !models.get(model)) models.add(model).catch(notices.error);
    }),
  );
  // A run that has made or lost an adapter changes the tree of models.
  const adaptersChanged = own(debounce(() => models.redraw(), 200));
  own(store.onDidChange(({ kind }) => kind !== 'append' && adaptersChanged()));
  own(
    models.onDidChange(
      () => void vscode.commands.executeCommand('setContext', CONTEXTS.hasModel, models.list().length > 0),
    ),
  );
}
