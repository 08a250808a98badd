import * as vscode from 'vscode';
import {
  OTHER_FILE,
  TRAINING_STRINGS,
  type TrainingAction,
  type TrainingPageEvent,
  type TrainingPageRequest,
} from '../../webview/protocol/training.js';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import type { WalkthroughTopic } from '../../webview/protocol/run.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { now } from '../host/clock.js';
import { COMMANDS, VIEWS, type CommandName } from '../host/contributions.js';
import { debounce, Disposables } from '../host/disposable.js';
import { inputError } from '../host/errors.js';
import { translated } from '../host/strings.js';
import { t, textLanguage } from '../host/text.js';
import { Turns } from '../../runtime/contract/turns.js';
import { PageChannel } from '../panels/channel.js';
import { fillPage } from '../panels/page.js';
import { TRAINING_REQUEST } from '../panels/requests.js';
import { droppedFile } from '../data/files.js';
import type { Run } from '../runs/run.js';
import { append, snapshot } from '../runs/snapshot.js';
import type { RunChange } from '../runs/store.js';
import type { Services } from '../services/services.js';
import type { Model } from '../workspace/models.js';
import { TrainingChoice } from './trainingChoice.js';
import { TrainingEdits } from './trainingEdits.js';
import { hasVector, trainingPicture, type TrainingParts, type TrainingPicture } from './trainingPicture.js';
import type { Remembered } from '../host/sharedMemory.js';

/** What the panel asks of the rest of the extension. */
export interface TrainingActions {
  /** Answered when it has begun: the panel shows the rest. */
  start(recipe: string): Promise<unknown>;
  /** One that waits leaves the queue. */
  stop(folder: string): unknown;
  /** Of a run that waits: goes on with the one that is to make what it uses, or runs that again. */
  resumeAwaited(folder: string): Promise<unknown>;
  move(folder: string, to: 'up' | 'down'): unknown;
  pauseQueue(paused: boolean): unknown;
  resume(folder: string): Promise<unknown>;
  runAgain(folder: string): Promise<unknown>;
  openRecipe(folder: string): unknown;
  openRun(folder: string): unknown;
  /** How a data file is read; asks which columns are what where that must be said and is not known. */
  readAs(file: string, model: Model | undefined): Promise<ReadAs>;
  /** Asks before it attaches a security vector. */
  attach(model: string, adapter: string, attached: boolean): Promise<unknown>;
  openWalkthrough(topic: WalkthroughTopic): unknown;
  assertTrusted(): void;
  onBug(error: unknown): void;
}

type Parts = TrainingParts & Pick<Services, 'extension' | 'problems'>;

/**
 * The training panel of the sidebar: a recipe of the workspace, the run that goes on or was the last, and what is
 * attached.
 */
export class TrainingView implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined;
  private channel: PageChannel<TrainingPageEvent, TrainingPageRequest> | undefined;
  private readonly disposables = new Disposables();
  /** Of the page that is there now. */
  private page = new Disposables();
  private picture: TrainingPicture | undefined;
  private posted = '';
  private run: Run | undefined;
  private readonly choice: TrainingChoice;
  private readonly edits: TrainingEdits;
  /** Two quick choices must not both start from the same text. */
  private readonly turns = new Turns();
  private readonly drawSoon = this.disposables.add(
    debounce(() => void this.turns.take(() => this.draw()).catch(this.actions.onBug), 50),
  );

  constructor(
    private readonly parts: Parts,
    memento: Remembered,
    shared: Remembered,
    private readonly actions: TrainingActions,
  ) {
    const { estimates, files, inspector, mappings, models, problems, reviews, runner, scans, store } = parts;
    this.choice = new TrainingChoice(parts, memento);
    this.edits = new TrainingEdits(parts, shared, {
      recipe: () => this.recipe(),
      picture: () => this.picture,
      inTurn: (work) => this.turns.take(work),
      draw: () => this.draw(),
      readAs: actions.readAs,
      assertTrusted: actions.assertTrusted,
    });
    for (const { onDidChange } of [estimates, files, inspector, mappings, models, problems, reviews, scans]) {
      this.disposables.add(onDidChange(() => this.drawSoon()));
    }
    this.disposables.add(scans.onDidChangeState(() => this.drawSoon()));
    this.disposables.add(runner.onDidChangeQueue(() => this.drawSoon()));
    this.disposables.add(store.onDidChange((change) => this.changed(change)));
    this.disposables.add(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        const { scheme, fsPath } = document.uri;
        if (scheme === 'file' && fsPath === this.picture?.state.recipe) this.drawSoon();
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
    this.channel = this.page.add(
      new PageChannel<TrainingPageEvent, TrainingPageRequest>(
        view,
        TRAINING_REQUEST,
        (request) => this.handle(request),
        this.actions.onBug,
      ),
    );
    view.onDidDispose(() => {
      if (this.view !== view) return;
      this.view = this.channel = undefined;
      this.page.dispose();
    });
    fillPage(view.webview, this.parts.extension, 'training', view.title ?? '');
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
        if (this.channel) this.channel.ready = true;
        this.posted = '';
        return this.turns.take(() => this.draw(true));
      case 'chooseRecipe':
        await this.choice.choose(request.file);
        return this.turns.take(() => this.draw());
      case 'choose':
        return request.key === 'data'
          ? this.edits.chooseData(request.value)
          : this.edits.choose(request.key, request.value);
      case 'protect':
        return this.edits.protect(request.on);
      case 'drop': {
        const file = droppedFile(request.uris);
        return this.picture?.state.form
          ? this.edits.chooseData(file)
          : vscode.commands.executeCommand(COMMANDS.useData, { file });
      }
      case 'openKey':
        return this.edits.open(request.key);
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
      case 'stopOther':
        return actions.stop(request.id);
      case 'resumeAwaited':
        return actions.resumeAwaited(request.id);
      case 'move':
        return actions.move(request.id, request.to);
      case 'pauseQueue':
        return actions.pauseQueue(request.paused);
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
  private recipe(): Promise<string> {
    return this.choice.choose(this.picture?.state.recipe);
  }

  private shownRun(): string {
    if (!this.run) throw inputError(t('there is no such run.'), { remedy: t('Run a recipe first.') });
    return this.run.folder;
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
        const name = hasVector(this.parts) ? 'fineTuneProtected' : 'fineTunePlain';
        const made = this.choice.untilMade(() => vscode.commands.executeCommand(COMMANDS[name], {}));
        return void made.then(() => this.drawSoon(), this.actions.onBug);
      }
      case 'trainVector':
        return command('trainVector', { model: facts?.model });
      case 'trainNamedVector':
        return targets.vectorRecipe === undefined ? undefined : this.actions.start(targets.vectorRecipe);
      case 'scan':
        return command('scan', { file: facts?.data[0], model: facts?.model, vector: targets.vector });
      case 'columns':
        return facts?.data[0] === undefined ? undefined : this.edits.chooseData(facts.data[0]);
      case 'browseData':
        return this.edits.chooseData(OTHER_FILE);
      case 'useReview':
        return this.edits.useReview(true);
      case 'leaveReview':
        return this.edits.useReview(false);
      case 'openFile':
        return this.edits.open('data.file');
      case 'trust':
        return vscode.commands.executeCommand('workbench.trust.manage');
    }
  }

  // --------------------------------------------------------------------------------------------------- what is shown

  private changed({ run, kind, from }: RunChange): void {
    if (kind === 'append' && this.run === run) this.channel?.post(append(run, from, now()));
    if (kind !== 'append' || this.run !== run) this.drawSoon();
    if (kind === 'whole' && this.run === run) this.postRun();
  }

  private async draw(first = false): Promise<void> {
    if (!this.channel?.ready) return;
    const shown = await this.choice.shown();
    this.picture = await trainingPicture(this.parts, shown, this.edits.canRestore(shown));
    const { state } = this.picture;
    const text = JSON.stringify(state);
    if (text !== this.posted) {
      const strings = translated(TRAINING_STRINGS);
      this.channel?.post({ type: 'state', language: textLanguage(), strings, training: state });
      this.posted = text;
    }
    const { run } = this.picture;
    const other = run !== this.run;
    this.run = run;
    if (other || first) this.postRun();
  }

  private postRun(): void {
    const { run } = this;
    if (!this.channel?.ready) return;
    const shown = run && snapshot(run, this.parts.store.list(), { answers: false, report: false }, now());
    this.channel?.post({ type: 'run', run: shown });
  }
}

/** Tells its own errors, and may go on long after it has begun. */
function command<K extends CommandName>(name: K, argument: CommandArguments[K]): void {
  void vscode.commands.executeCommand(COMMANDS[name], argument);
}
