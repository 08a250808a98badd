import * as vscode from 'vscode';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { isLogFile, RUN_FILES } from '../../runtime/contract/runFiles.js';
import { DATA_GLOB, ignoredOutputs, isDataFile, isListOfObjects, MAX_SHOWN } from '../data/files.js';
import { exists, readText } from '../host/checkedFile.js';
import { debounce, Disposables, Emitter } from '../host/disposable.js';
import { isWithin } from '../host/paths.js';
import { Turns } from '../../runtime/contract/turns.js';
import { isRunning, type Run } from '../runs/run.js';
import { isRecipesFolder } from '../runs/recipe.js';
import type { RunStore } from '../runs/store.js';
import { isLabelsFile } from '../../runtime/contract/labels.js';
import { isReviewFile, reviewedFile } from '../../runtime/contract/review.js';
import type { Problems } from '../data/problems.js';
import { each, newestWritten, startOf } from './manyFiles.js';
import type { RecipeIndex } from './recipes.js';
import { STATE_FOLDER } from '../host/state.js';

/** Weights and chat templates; what else a model has is JSON. */
const MODEL_GLOB = '**/*.{gguf,safetensors,jinja}';
const EXCLUDED = '**/{node_modules,.git,.venv,checkpoint}/**';
/** Far more runs than a person looks at; each has some JSON files. */
const MAX_FILES = 50_000;
/** After this a new folder is looked into. */
const SETTLED_MS = 500;

interface WatchOptions {
  store: RunStore;
  recipes: RecipeIndex;
  problems: Problems;
  onState(): unknown;
  onDataFile(file: string): unknown;
  /** The review of a data file may have changed. */
  onReview(data: string): unknown;
  /** Of models: files, or folders that they are or lie in, have come, changed or gone; others as well. */
  onModelFiles?(files: string[]): unknown;
  onError(error: unknown): void;
}

/** Which run folders, recipes and data files the workspace has; kept up to date by file-system watchers. */
export class WorkspaceFiles implements vscode.Disposable {
  private candidates = new Set<string>();
  /** JSON files that are lists of objects. */
  private readonly lists = new Set<string>();
  private ignored: string[] = [];
  /** The data files to show, until something that they follow from changes, and the version of the recipes. */
  private shown: { files: readonly string[]; recipes: number } | undefined;
  private readonly disposables = new Disposables();
  private readonly changes = this.disposables.add(new Emitter<void>());
  /** The list of data files or recipes has changed. */
  readonly onDidChange = this.changes.event;
  /** Look for the files of each watcher in a folder. */
  private readonly looks: ((folder: string) => Promise<void>)[] = [];
  private readonly changed = this.disposables.add(debounce(() => this.changes.fire(), 150));
  private readonly turns = new Turns();
  private readonly ofModels = new Set<string>();
  private readonly tellModels = this.disposables.add(
    debounce(() => {
      const files = [...this.ofModels];
      this.ofModels.clear();
      Promise.resolve(this.options.onModelFiles?.(files)).catch(this.options.onError);
    }, SETTLED_MS),
  );

  constructor(private readonly options: WatchOptions) {
    const { store, problems } = options;
    this.disposables.add(store.onDidChange(({ kind }) => kind !== 'append' && this.listAgain()));
    this.watch(
      `**/${RUN_FILES.manifest}`,
      (file) => this.readRun(file),
      (file) => {
        problems.forget(file);
        const run = store.get(dirname(file));
        return run && this.forgetGone([run]);
      },
    );
    this.watch(
      '**/*.json',
      async (file) => {
        if (isModelFile(file)) this.modelFile(file);
        if (isReviewFile(file)) await options.onReview(reviewedFile(file));
        if (basename(file) === RUN_FILES.label && store.get(dirname(file))?.manifest)
          return this.readRun(join(dirname(file), RUN_FILES.manifest));
        if (await this.comesWithRun(file)) return;
        await this.readRecipe(file);
        await this.lookAt(file);
        this.add(file);
        await options.onDataFile(file);
      },
      async (file) => {
        if (isReviewFile(file)) await options.onReview(reviewedFile(file));
        if (basename(file) !== RUN_FILES.manifest) problems.forget(file);
        await this.forgetFile(file);
      },
    );
    this.watch(
      DATA_GLOB,
      (file) => {
        this.add(file);
        return options.onDataFile(file);
      },
      (file) => this.forgetFile(file),
    );
    const modelFile = (file: string): void => this.modelFile(file);
    this.watch(MODEL_GLOB, modelFile, modelFile);
    const ignored = (): Promise<void> => this.readIgnored();
    this.watch('**/.gitignore', ignored, ignored);
    this.watch(
      `**/${STATE_FOLDER}/workspace.json`,
      () => options.onState(),
      () => options.onState(),
    );
    this.watchFolders();
    this.disposables.add(
      vscode.workspace.onDidChangeWorkspaceFolders(({ removed }) =>
        this.scan(removed.map(({ uri }) => uri.fsPath)).catch(options.onError),
      ),
    );
  }

  /** Looks for everything once, after who looks already. @param left folders that are no longer in the workspace */
  scan(left: readonly string[] = []): Promise<void> {
    return this.turns.take(() => {
      for (const folder of left) this.forgetIn(folder);
      return this.look();
    });
  }

  private async look(): Promise<void> {
    const find = async (glob: string): Promise<string[]> =>
      (await vscode.workspace.findFiles(glob, EXCLUDED, MAX_FILES)).map((uri) => uri.fsPath).sort();
    const [manifests, json, data] = await Promise.all([find('**/manifest.json'), find('**/*.json'), find(DATA_GLOB)]);
    await each(await newestWritten(manifests), (file) => this.readRun(file));
    await this.forgetGone(this.options.store.all());
    await each(
      json.filter((file) => !isModelFile(file) && !this.isOwnJson(file)),
      async (file) => {
        await this.readRecipe(file);
        await this.lookAt(file);
      },
    );
    await this.readIgnored();
    this.candidates = new Set([...json.filter((file) => !isBesideData(file)), ...data]);
    this.listAgain();
    this.changed();
  }

  /** Data files to show, in the order of their paths. */
  dataFiles(): readonly string[] {
    const { version } = this.options.recipes;
    if (this.shown?.recipes !== version) this.shown = { files: this.listData(), recipes: version };
    return this.shown.files;
  }

  private listData(): string[] {
    const named = this.named();
    const runFolders = new Set(this.options.store.list().map((run) => run.folder));
    const elsewhere = { runFolders, ignored: this.ignored };
    const found = [...this.candidates].filter((file) => isDataFile(file, named, elsewhere, this.lists)).sort();
    return found.filter((file, i) => i < MAX_SHOWN || named.has(file));
  }

  /** What can be run, and what is meant to be. */
  recipes(): string[] {
    const { recipes, problems } = this.options;
    const broken = problems.list('runs').filter((file) => basename(file) !== RUN_FILES.manifest);
    return [...new Set([...recipes.list().map(({ file }) => file), ...broken])].sort();
  }

  dispose(): void {
    this.disposables.dispose();
  }

  /** Weights are written for a while. */
  private modelFile(path: string): void {
    this.ofModels.add(path);
    this.tellModels();
  }

  private async lookAt(file: string): Promise<void> {
    const isList = isListOfObjects(await startOf(file));
    if (isList === this.lists.has(file)) return;
    if (isList) this.lists.add(file);
    else this.lists.delete(file);
    this.listAgain();
  }

  private add(candidate: string): void {
    if (this.candidates.has(candidate)) return;
    this.candidates.add(candidate);
    this.listAgain();
  }

  private listAgain(): void {
    this.shown = undefined;
  }

  private async readIgnored(): Promise<void> {
    const roots = vscode.workspace.workspaceFolders?.map(({ uri }) => uri.fsPath) ?? [];
    const read = async (root: string): Promise<string[]> => {
      const text = await readText(join(root, '.gitignore')).catch(() => undefined);
      return ignoredOutputs(text ?? '').map((folder) => join(root, ...folder.split('/')));
    };
    this.ignored = (await Promise.all(roots.map(read))).flat();
    this.listAgain();
  }

  /**
   * A run whose folder is gone leaves; one that never had a folder, because it failed or waits, stays until it is
   * deleted.
   */
  private async forgetGone(runs: readonly Run[]): Promise<void> {
    const { store, problems } = this.options;
    for (const { folder, manifest, live } of runs) {
      if (live || !manifest || (await exists(join(folder, RUN_FILES.manifest)))) continue;
      store.forget(folder);
      problems.forget(join(folder, RUN_FILES.manifest));
    }
  }

  private async forgetFile(file: string): Promise<void> {
    this.options.recipes.forget(file);
    this.lists.delete(file);
    this.listAgain();
    if (this.candidates.delete(file)) await this.options.onDataFile(file);
  }

  /** Of a folder that is gone no file has an event of its own. Its runs are `forgetGone`'s. */
  private async forgetFilesIn(gone: ReadonlySet<string>): Promise<void> {
    const { recipes, problems } = this.options;
    const known = [
      ...this.candidates,
      ...this.lists,
      ...recipes.list().map(({ file }) => file),
      ...problems.list('runs'),
    ];
    for (const file of new Set(known)) {
      if (!above(file).some((path) => gone.has(path)) || (await exists(file))) continue;
      problems.forget(file);
      await this.forgetFile(file);
      await this.options.onReview(file);
      this.changed();
    }
  }

  /** A run at work stays, and what is in another folder of the workspace as well. */
  private forgetIn(left: string): void {
    const { store, recipes, problems } = this.options;
    const folders = vscode.workspace.workspaceFolders ?? [];
    const isLeft = (path: string): boolean =>
      isWithin(path, left) && !folders.some(({ uri }) => isWithin(path, uri.fsPath));
    for (const { folder } of store.all()) if (isLeft(folder)) store.forget(folder);
    for (const { file } of recipes.list()) if (isLeft(file)) recipes.forget(file);
    problems.forgetIf(isLeft);
  }

  private readRun(manifest: string): Promise<void> {
    const { store, recipes, problems } = this.options;
    return problems.guard(manifest, 'runs', async () => {
      // It may have been taken for one of the workspace before the manifest was there.
      if (await store.read(dirname(manifest))) recipes.forget(join(dirname(manifest), RUN_FILES.recipe));
    });
  }

  private readRecipe(file: string): Promise<void> {
    const { recipes, problems } = this.options;
    return problems.guard(file, 'runs', () => recipes.read(file));
  }

  /** As `isOwnJson`, of a file that may have come together with its run, which is read first. */
  private async comesWithRun(file: string): Promise<boolean> {
    const manifest = join(dirname(file), RUN_FILES.manifest);
    if (!this.isOwnJson(file) && (await exists(manifest))) await this.readRun(manifest);
    return this.isOwnJson(file);
  }

  /** The recipe that a run keeps in its folder, and what the extension writes itself: neither recipe nor data. */
  private isOwnJson(file: string): boolean {
    if (basename(file) === RUN_FILES.manifest || isBesideData(file) || file.includes(`${sep}${STATE_FOLDER}${sep}`))
      return true;
    const { store, problems } = this.options;
    return (
      store.get(dirname(file)) !== undefined || problems.get(join(dirname(file), RUN_FILES.manifest)) !== undefined
    );
  }

  /** The data files of all recipes. */
  private named(): Set<string> {
    return new Set(this.options.recipes.list().flatMap((r) => [...r.data, ...r.evaluate.map((s) => s.file)]));
  }

  /**
   * Folders that are none of ours, and what a run writes all the time; a recipe may name a file that is called like
   * that.
   */
  private isIgnored(file: string): boolean {
    if (IGNORED.test(file)) return true;
    if (!isLogFile(basename(file))) return false;
    return !this.named().has(file);
  }

  private watch(glob: string, changed: (file: string) => unknown, gone: (file: string) => unknown): void {
    const watcher = this.disposables.add(vscode.workspace.createFileSystemWatcher(glob));
    const handle = (listener: (file: string) => unknown) => async (uri: vscode.Uri) => {
      if (uri.scheme !== 'file' || this.isIgnored(uri.fsPath)) return;
      try {
        await listener(uri.fsPath);
        this.changed();
      } catch (error) {
        this.options.onError(error);
      }
    };
    this.looks.push(async (folder) => {
      const found = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, glob), EXCLUDED, MAX_FILES);
      for (const uri of found) await handle(changed)(uri);
    });
    watcher.onDidCreate(handle(changed));
    watcher.onDidChange(handle(changed));
    watcher.onDidDelete(handle(gone));
  }

  /** Files that come or go with their folder, as in a copy or a checkout, may have no event of their own. */
  private watchFolders(): void {
    const { store, onError } = this.options;
    const folders = new Set<string>();
    const gone = new Set<string>();
    /** Where a folder came or something went: that may be what a run made. */
    const changedIn = new Set<string>();
    const lookSoon = this.disposables.add(
      debounce(() => {
        for (const path of [...folders, ...gone]) this.modelFile(path);
        for (const folder of folders) for (const look of this.looks) look(folder).catch(onError);
        folders.clear();
        const below = store.all().filter(({ folder }) => above(folder).some((path) => gone.has(path)));
        this.forgetFilesIn(new Set(gone)).catch(onError);
        gone.clear();
        this.forgetGone(below).catch(onError);
        const made = store.all().filter((run) => changedIn.has(run.folder) && !isRunning(run));
        changedIn.clear();
        for (const { folder } of made) this.readRun(join(folder, RUN_FILES.manifest)).catch(onError);
      }, SETTLED_MS),
    );
    const watcher = this.disposables.add(vscode.workspace.createFileSystemWatcher('**/*', false, true, false));
    watcher.onDidCreate(async ({ scheme, fsPath }) => {
      if (scheme !== 'file' || this.isIgnored(fsPath)) return;
      try {
        if (!(await stat(fsPath)).isDirectory()) return;
      } catch {
        return; // gone again
      }
      folders.add(fsPath);
      changedIn.add(dirname(fsPath));
      lookSoon();
    });
    watcher.onDidDelete(({ scheme, fsPath }) => {
      if (scheme !== 'file' || this.isIgnored(fsPath)) return;
      gone.add(fsPath);
      changedIn.add(dirname(fsPath));
      lookSoon();
    });
  }
}

/** A folder and all that it lies in. */
const above = (folder: string): string[] => (dirname(folder) === folder ? [] : [folder, ...above(dirname(folder))]);

const IGNORED = /[\\/](?:node_modules|\.git|checkpoint)[\\/]/;

/** What people have said of a data file, kept beside it. */
const isBesideData = (file: string): boolean => isReviewFile(file) || isLabelsFile(file);

/**
 * JSON files of a model folder, some of them large, that are certainly no recipes; in a folder for recipes there are
 * none.
 */
const isModelFile = (file: string): boolean => MODEL_JSON.test(basename(file)) && !isRecipesFolder(file);

const MODEL_JSON =
  /^(?:tokenizer|vocab|chat_template|special_tokens_map|(?:(?:adapter|generation|tokenizer|(?:(?:image|video)_)?(?:pre)?processor)_)?config|.+\.(?:safetensors|bin)\.index)\.json$/;
