import * as vscode from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { z } from 'zod';
import {
  OTHER_FILE,
  TRAINING_STRINGS,
  type TrainingAction,
  type TrainingKey,
  type TrainingPageEvent,
  type TrainingPageRequest,
} from '../../webview/protocol/training.js';
import type { Columns } from '../../runtime/contract/mapping.js';
import type { WalkthroughTopic } from '../../webview/protocol/run.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { now } from '../host/clock.js';
import { COMMANDS, VIEWS, type CommandName } from '../host/contributions.js';
import { debounce, Disposables } from '../host/disposable.js';
import { Cancelled, inputError } from '../host/errors.js';
import { translated } from '../host/strings.js';
import { t } from '../host/text.js';
import { serve, type Channel } from '../panels/channel.js';
import { fillPage } from '../panels/page.js';
import { TRAINING_REQUEST } from '../panels/requests.js';
import { BROWSED, droppedFile } from '../data/files.js';
import { keyOffset, setKeys, valueText, type Edit } from '../runs/recipeEdit.js';
import type { Run } from '../runs/run.js';
import { append, snapshot } from '../runs/snapshot.js';
import type { RunChange } from '../runs/store.js';
import type { Services } from '../services/services.js';
import type { Model } from '../workspace/models.js';
import {
  fineTunings,
  hasVector,
  textOf,
  trainingPicture,
  type ShownRecipe,
  type TrainingParts,
  type TrainingPicture,
} from './trainingPicture.js';
import { chosen, chosenData, firstRecipe, protectedBy, readWritten, unprotected } from './trainingState.js';

/** What the panel asks of the rest of the extension. */
export interface TrainingActions {
  /** Answered when it has begun: the panel shows the rest. */
  start(recipe: string): Promise<unknown>;
  stop(folder: string): unknown;
  resume(folder: string): Promise<unknown>;
  runAgain(folder: string): Promise<unknown>;
  openRecipe(folder: string): unknown;
  openRun(folder: string): unknown;
  /** Which columns of a data file are what; asks where that must be said and is not known. */
  columns(file: string, model: Model | undefined): Promise<Columns | undefined>;
  /** Asks before it attaches a security vector. */
  attach(model: string, adapter: string, attached: boolean): Promise<unknown>;
  openWalkthrough(topic: WalkthroughTopic): unknown;
  assertTrusted(): void;
  onBug(error: unknown): void;
}

type Parts = TrainingParts & Pick<Services, 'extension' | 'problems'>;

/** Keys of the workspace's memory: the recipe that is shown, and the protection that a switch has taken out of recipes. */
const CHOSEN = 'training.recipe';
const TAKEN_OUT = 'training.protection';
const PROTECTIONS = z.record(z.string(), z.object({ vectors: z.string(), protection: z.string().optional() }));

/** The training panel of the sidebar: a recipe of the workspace, the run that goes on or was the last, and what is attached. */
export class TrainingView implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined;
  private channel: Channel<TrainingPageEvent> | undefined;
  private readonly disposables = new Disposables();
  /** Of the page that is there now. */
  private page = new Disposables();
  private ready = false;
  private picture: TrainingPicture | undefined;
  private posted = '';
  private run: Run | undefined;
  /** Recipes that there were when a new one was asked for. */
  private before: Set<string> | undefined;
  private turns: Promise<unknown> = Promise.resolve();
  private readonly drawSoon = this.disposables.add(
    debounce(() => void this.inTurn(() => this.draw()).catch(this.actions.onBug), 50),
  );

  constructor(
    private readonly parts: Parts,
    private readonly memento: vscode.Memento,
    private readonly actions: TrainingActions,
  ) {
    const { estimates, files, inspector, mappings, models, problems, reviews, scans, store } = parts;
    for (const { onDidChange } of [estimates, files, inspector, mappings, models, problems, reviews, scans]) {
      this.disposables.add(onDidChange(() => this.drawSoon()));
    }
    this.disposables.add(scans.onDidChangeState(() => this.drawSoon()));
    this.disposables.add(store.onDidChange((change) => this.changed(change)));
    this.disposables.add(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.fsPath === this.picture?.state.recipe) this.drawSoon();
      }),
    );
    this.disposables.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.drawSoon()));
    this.disposables.add(vscode.workspace.onDidChangeWorkspaceFolders(() => this.drawSoon()));
    this.disposables.add(vscode.window.registerWebviewViewProvider(VIEWS.training, this));
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.page.dispose();
    this.page = new Disposables();
    this.view = view;
    this.ready = false;
    const { webview } = view;
    this.channel = this.page.add(
      serve<TrainingPageEvent, TrainingPageRequest>(
        webview,
        TRAINING_REQUEST,
        (request) => this.handle(request),
        this.actions.onBug,
      ),
    );
    this.page.add(
      view.onDidChangeVisibility(() => {
        // A hidden page is gone and asks again when it is shown.
        if (!view.visible) this.ready = false;
      }),
    );
    view.onDidDispose(() => {
      if (this.view !== view) return;
      this.view = undefined;
      this.ready = false;
      this.page.dispose();
    });
    fillPage(webview, this.parts.extension, 'training', view.title ?? '');
  }

  /** Can the person see this run here right now? */
  isVisible(folder: string): boolean {
    return vscode.window.state.focused && this.view?.visible === true && this.run?.folder === folder;
  }

  dispose(): void {
    this.page.dispose();
    this.disposables.dispose();
  }

  private async handle(request: TrainingPageRequest): Promise<unknown> {
    const { actions } = this;
    switch (request.type) {
      case 'ready':
        this.ready = true;
        this.posted = '';
        return this.inTurn(() => this.draw(true));
      case 'chooseRecipe':
        await this.memento.update(CHOSEN, request.file);
        return this.inTurn(() => this.draw());
      case 'choose':
        return request.key === 'data' ? this.chooseData(request.value) : this.choose(request.key, request.value);
      case 'protect':
        return this.inTurn(() => this.protect(request.on));
      case 'drop': {
        const file = droppedFile(request.uris);
        return this.picture?.state.form
          ? this.chooseData(file)
          : vscode.commands.executeCommand(COMMANDS.useData, { file });
      }
      case 'openKey':
        return this.open(request.key);
      case 'act':
        return this.act(request.action);
      case 'start':
        return actions.start(await this.recipe());
      case 'stop':
        return actions.stop(this.shownRun());
      case 'resume':
        return actions.resume(this.shownRun());
      case 'runAgain':
        return actions.runAgain(this.shownRun());
      case 'openRecipe':
        return actions.openRecipe(this.shownRun());
      case 'openRun':
        return actions.openRun(this.shownRun());
      case 'stopQueued':
        return actions.stop(request.id);
      case 'toggleAdapter': {
        const model = this.picture?.written.facts?.model;
        if (request.attached) actions.assertTrusted();
        return model === undefined ? undefined : actions.attach(model, request.path, request.attached);
      }
      case 'openWalkthrough':
        return actions.openWalkthrough(request.topic);
    }
  }

  /** The recipe that is shown. Whoever does something with it has chosen it, also where it was merely the first. */
  private async recipe(): Promise<string> {
    const file = this.picture?.state.recipe;
    if (file === undefined) throw inputError(t('there is no recipe to run.'), { remedy: t('Make one first.') });
    await this.memento.update(CHOSEN, file);
    return file;
  }

  private shownRun(): string {
    if (!this.run) throw inputError(t('there is no such run.'), { remedy: t('Run a recipe first.') });
    return this.run.folder;
  }

  // ------------------------------------------------------------------------------------------------- what is written

  private choose(key: Exclude<TrainingKey, 'data'>, path: string): Promise<void> {
    return this.inTurn(async () => {
      const file = await this.recipe();
      if (path === '') return this.protect(false);
      await this.write(file, (text) => chosen(text, file, key, path, this.takenOut()[file]));
    });
  }

  /** The question for columns may stay open for long: the panel draws meanwhile. */
  private async chooseData(chosen: string): Promise<void> {
    this.actions.assertTrusted();
    const data = chosen === OTHER_FILE ? await browseData() : chosen;
    const file = await this.recipe();
    const model = this.parts.models.list().find(({ path }) => path === this.picture?.written.facts?.model);
    const columns = await this.actions.columns(data, model?.problem === undefined ? model : undefined);
    await this.parts.reviews.require(data);
    const reviewed = this.parts.reviews.get(data).size > 0;
    await this.inTurn(() => this.write(file, (text) => chosenData(text, file, { file: data, columns, reviewed })));
  }

  private async protect(on: boolean): Promise<void> {
    const file = await this.recipe();
    const before = this.takenOut()[file];
    if (!on) {
      await this.write(file, (text) => {
        const { edits, was } = unprotected(text);
        void this.memento.update(TAKEN_OUT, { ...this.takenOut(), [file]: was });
        return edits;
      });
      return;
    }
    if (before) return this.write(file, (text) => protectedBy(text, before));
    const vector = this.picture?.state.form?.fields.vector.choices.find(({ value }) => value !== '');
    if (!vector) throw inputError(t('there is no security vector yet.'), { remedy: t('Train one first.') });
    await this.write(file, (text) => chosen(text, file, 'vector', vector.value));
  }

  private takenOut(): z.infer<typeof PROTECTIONS> {
    return safeParse(PROTECTIONS, this.memento.get(TAKEN_OUT)).data ?? {};
  }

  /** Changes the recipe in its editor; one that had no changes is saved, one that had is left for the person to save. */
  private async write(file: string, change: (text: string) => Edit[]): Promise<void> {
    this.actions.assertTrusted();
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
    const { facts, error } = readWritten(document.getText(), file);
    if (!facts) throw inputError(error?.message ?? '', error);
    const wasDirty = document.isDirty;
    const edit = new vscode.WorkspaceEdit();
    for (const { offset, length, content } of change(document.getText())) {
      const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
      edit.replace(document.uri, range, content);
    }
    const done = (await vscode.workspace.applyEdit(edit)) && (wasDirty || (await document.save()));
    if (!done) throw inputError(t('the recipe could not be saved.'), { place: file, remedy: t('Save it yourself.') });
    await this.draw();
  }

  private async open(key: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(await this.recipe()));
    const at = document.positionAt(keyOffset(document.getText(), key));
    await vscode.window.showTextDocument(document, { selection: new vscode.Range(at, at) });
  }

  private async act(action: TrainingAction): Promise<unknown> {
    const { written, targets } = this.picture ?? { written: {}, targets: {} };
    const { facts } = written;
    switch (action) {
      case 'openSample':
        return command('openSample', {});
      case 'addModel':
        return command('addModel', {});
      case 'newRecipe': {
        this.before = new Set(this.parts.recipes.list().map(({ file }) => file));
        const name = hasVector(this.parts) ? 'fineTuneProtected' : 'fineTunePlain';
        return this.untilMade(this.before, vscode.commands.executeCommand(COMMANDS[name], {}));
      }
      case 'trainVector':
        return command('trainVector', { model: facts?.model });
      case 'trainNamedVector':
        return targets.vectorRecipe === undefined ? undefined : this.actions.start(targets.vectorRecipe);
      case 'scan':
        return command('scan', { file: facts?.data[0], model: facts?.model, vector: targets.vector });
      case 'columns':
        return facts?.data[0] === undefined ? undefined : this.chooseData(facts.data[0]);
      case 'browseData':
        return this.chooseData(OTHER_FILE);
      case 'useReview':
        return this.inTurn(async () =>
          this.write(await this.recipe(), (text) =>
            setKeys(text, 'data', { file: valueText(text, 'data.file'), exclude: '"reviewed"' }),
          ),
        );
      case 'openFile':
        return this.open('data.file');
      case 'trust':
        return vscode.commands.executeCommand('workbench.trust.manage');
    }
  }

  // --------------------------------------------------------------------------------------------------- what is shown

  private changed({ run, kind, from }: RunChange): void {
    if (kind === 'append' && this.run === run && this.ready) this.channel?.post(append(run, from, now()));
    if (kind !== 'append' || this.run !== run) this.drawSoon();
    if (kind === 'whole' && this.run === run) this.postRun();
  }

  private async draw(first = false): Promise<void> {
    if (!this.ready) return;
    this.picture = await trainingPicture(this.parts, await this.recipeToShow());
    const { state } = this.picture;
    const text = JSON.stringify(state);
    if (text !== this.posted) {
      const strings = translated(TRAINING_STRINGS);
      this.channel?.post({ type: 'state', language: vscode.env.language, strings, training: state });
      this.posted = text;
    }
    const { run } = this.picture;
    const other = run !== this.run;
    this.run = run;
    if (other || first) this.postRun();
  }

  private postRun(): void {
    const { run } = this;
    if (!this.ready) return;
    const shown = run && snapshot(run, this.parts.store.list(), { answers: false, report: false }, now());
    this.channel?.post({ type: 'run', run: shown });
  }

  /** The recipe that was chosen, with its text; one that is gone makes room for the first. */
  private async recipeToShow(): Promise<ShownRecipe> {
    await this.chooseMade();
    const all = fineTunings(this.parts);
    const kept = this.memento.get(CHOSEN);
    const text = typeof kept === 'string' ? await textOf(kept) : undefined;
    if (typeof kept === 'string' && text !== undefined) return { file: kept, text };
    const file = firstRecipe(all)?.file;
    return file === undefined ? {} : { file, text: await textOf(file) };
  }

  /** The recipe that was asked for, once it is there. */
  private async chooseMade(): Promise<void> {
    const made = this.before && fineTunings(this.parts).find(({ file }) => !this.before?.has(file));
    if (!made) return;
    this.before = undefined;
    await this.memento.update(CHOSEN, made.file);
  }

  /** What has not come when the wizard is over comes from elsewhere. */
  private untilMade(before: Set<string>, asked: Thenable<unknown>): void {
    const over = async (): Promise<void> => {
      if (this.before !== before) return;
      await this.chooseMade();
      this.before = undefined;
    };
    void asked.then(over, over).then(() => this.drawSoon(), this.actions.onBug);
  }

  /** One after the other: two quick choices must not both start from the same text. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.turns.then(work);
    this.turns = next.catch(() => undefined);
    return next;
  }
}

async function browseData(): Promise<string> {
  const filters = { [t('Data files')]: [...BROWSED] };
  const [uri] = (await vscode.window.showOpenDialog({ filters, openLabel: t('Use this file') })) ?? [];
  if (!uri) throw new Cancelled();
  return uri.fsPath;
}

/** Tells its own errors, and may go on long after it has begun. */
function command<K extends CommandName>(name: K, argument: CommandArguments[K]): void {
  void vscode.commands.executeCommand(COMMANDS[name], argument);
}
