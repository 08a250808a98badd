import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { join } from 'node:path';
import * as vscode from 'vscode';
import {
  RUN_STRINGS,
  type RunPageEvent,
  type RunPageRequest,
  type RunPageState,
  type WalkthroughTopic,
} from '../../webview/protocol/run.js';
import { now } from '../host/clock.js';
import { PANELS } from '../host/contributions.js';
import { debounce, Disposables } from '../host/disposable.js';
import { inputError } from '../host/errors.js';
import { placeButton } from '../host/notices.js';
import { agreements } from '../../runtime/contract/agreement.js';
import { answerRows, disputedFirst, latestAnswers, type SampleEvent } from '../../runtime/contract/answers.js';
import { measureOf, runTitle, setAlike, siblings } from '../runs/compare.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import type { LabelledAnswer } from '../../runtime/contract/labels.js';
import { isOver, isRunning, type Run } from '../runs/run.js';
import { append, snapshot, wholeRun } from '../runs/snapshot.js';
import type { RunChange, RunStore } from '../runs/store.js';
import { exists } from '../host/checkedFile.js';
import { t, textLanguage } from '../host/text.js';
import { PageChannel } from './channel.js';
import { Pages } from './page.js';
import { RUN_REQUEST, RUN_STATE } from './requests.js';
import { translated } from '../host/strings.js';

/** What a run page asks of the rest of the extension. */
interface RunActions {
  stop(folder: string): unknown;
  resume(folder: string): unknown;
  runAgain(folder: string): unknown;
  openRecipe(folder: string): unknown;
  openReport(folder: string): unknown;
  openFolder(folder: string): unknown;
  openRun(folder: string): unknown;
  /** Ends when the run, and all that is shown of it, says so. */
  label(folder: string, answer: LabelledAnswer): Promise<unknown>;
  judgeAgain(folder: string): unknown;
  exportLabels(folder: string): unknown;
  openWalkthrough(topic: WalkthroughTopic): unknown;
  onBug(error: unknown): void;
}

/** Run pages, one per run; a page is a picture of the store. */
export class RunPanels implements vscode.WebviewPanelSerializer<RunPageState>, vscode.Disposable {
  private readonly disposables = new Disposables();
  private readonly pages: Pages<string, RunPanel>;
  /** Ends the wait of pages whose runs are not there yet: one that waits in the queue may have no folder. */
  allKnown!: () => void;
  private readonly known = new Promise<void>((resolve) => (this.allKnown = resolve));

  constructor(
    extension: vscode.Uri,
    private readonly store: RunStore,
    actions: RunActions,
  ) {
    this.pages = this.disposables.add(
      new Pages(extension, 'run', (panel, folder) => new RunPanel(panel, folder, store, actions)),
    );
    this.disposables.add(vscode.window.registerWebviewPanelSerializer(PANELS.run, this));
    this.disposables.add(
      store.onDidChange((change) => {
        const page = this.pages.get(change.run.folder);
        if (change.to !== undefined) this.pages.move(change.run.folder, change.to);
        page?.changed(change);
        // A sibling's numbers may stand in another page's table.
        if (change.kind !== 'append')
          for (const [folder, page] of this.pages.all()) if (folder !== change.run.folder) page.compareSoon();
      }),
    );
  }

  async show(folder: string, more: { answers?: boolean } = {}): Promise<void> {
    const title = async (): Promise<string> => {
      const run = await this.store.open(folder);
      if (run) return runTitle(run, this.store.nameOf(run));
      throw inputError(t('there is no run in this folder.'), { place: folder, remedy: t('Run its recipe again.') });
    };
    const page = await this.pages.show(folder, title);
    if (more.answers) await page.showAnswers();
  }

  /** Can the person see this run's page right now? Not while they are in another program. */
  isVisible(folder: string): boolean {
    return vscode.window.state.focused && (this.pages.get(folder)?.panel.visible ?? false);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, kept: unknown): Promise<void> {
    const state = safeParse(RUN_STATE, kept).data;
    if (!state) return panel.dispose();
    if (!(await this.store.open(state.run))) await this.known;
    if (!this.store.get(state.run)) return panel.dispose();
    this.pages.adopt(panel, state.run);
  }

  dispose(): void {
    this.disposables.dispose();
  }
}

class RunPanel {
  private readonly channel: PageChannel<RunPageEvent, RunPageRequest>;
  private readonly disposables = new Disposables();
  /** Others have changed: of many that are read at once this is drawn once. */
  readonly compareSoon = this.disposables.add(debounce(() => this.channel.ready && void this.sendSnapshot(), 150));
  private answersOpen = false;
  /** Answers were asked for and have not been sent since. */
  private reveal = false;

  constructor(
    readonly panel: vscode.WebviewPanel,
    private folder: string,
    private readonly store: RunStore,
    private readonly actions: RunActions,
  ) {
    this.channel = this.disposables.add(
      new PageChannel(panel, RUN_REQUEST, (request) => this.handle(request), actions.onBug),
    );
    this.disposables.add(panel.onDidChangeViewState(() => this.channel.ready && void this.sendSnapshot()));
  }

  dispose(): void {
    this.disposables.dispose();
  }

  changed({ run, kind, from, answers, to }: RunChange): void {
    // It is drawn again when the folder was read.
    if (to !== undefined) this.folder = to;
    else if (kind === 'gone') this.panel.dispose();
    if (!this.channel.ready || kind === 'gone') return;
    // A run that is over may have been judged again.
    if (kind === 'whole') return void this.sendSnapshot(isOver(run));
    this.channel.post(append(run, from, now()));
    if (this.answersOpen && answers) void this.sendAnswers(run);
  }

  async showAnswers(): Promise<void> {
    this.answersOpen = this.reveal = true;
    const run = this.store.get(this.folder);
    if (run && this.channel.ready) await this.sendAnswers(run);
  }

  private async handle(request: RunPageRequest): Promise<unknown> {
    switch (request.type) {
      case 'ready':
        this.channel.ready = true;
        return this.sendSnapshot(true);
      case 'openAnswers':
        return this.showAnswers();
      case 'label': {
        const { type: _, ...answer } = request;
        return this.label(answer);
      }
      case 'openRun':
        return this.actions.openRun(request.run);
      case 'openPlace':
        return (await placeButton(this.store.get(this.folder)?.error?.place))?.run();
      case 'openWalkthrough':
        return this.actions.openWalkthrough(request.topic);
      default:
        return this.actions[request.type](this.folder);
    }
  }

  /** @param withAnswers where they are open: after it, as a page of another run has closed them */
  private async sendSnapshot(withAnswers = false): Promise<void> {
    const run = await wholeRun(this.store, this.folder);
    if (!run) return this.panel.dispose();
    const [report, answers, place] = await Promise.all([
      exists(join(run.folder, RUN_FILES.report)),
      this.store.answersOf(run.folder),
      placeButton(run.error?.place),
    ]);
    if (!this.channel.ready) return;
    this.panel.title = runTitle(run, this.store.nameOf(run));
    const has = { report, answers: answers.length > 0, place: place?.title };
    this.channel.post({
      type: 'snapshot',
      language: textLanguage(),
      strings: translated(RUN_STRINGS),
      run: snapshot(run, this.store.list(), has, now()),
    });
    if (withAnswers && this.answersOpen) await this.sendAnswers(run);
  }

  private async sendAnswers(run: Run): Promise<void> {
    const samples = (await answersBesideSiblings(run, this.store)).flatMap((of) => latestAnswers(of.samples));
    const measure = (set: string): MeasureKind => measureOf(run, set);
    if (!this.channel.ready) return;
    const { reveal } = this;
    this.reveal = false;
    this.channel.post({
      type: 'answers',
      rows: disputedFirst(answerRows(samples, measure)),
      agreements: agreements(samples, measure),
      canLabel: run.progress.state === 'finished' && !isRunning(run) && !this.store.isJudged(run.folder),
      reveal,
    });
  }

  /** A state that another run has answered is labelled there. */
  private async label(answer: LabelledAnswer): Promise<void> {
    const run = this.store.get(this.folder);
    const sources = run ? await answersBesideSiblings(run, this.store) : [];
    const isOf = (one: SampleEvent): boolean =>
      one.set === answer.set &&
      one.row === answer.row &&
      one.state === answer.state &&
      one.prompt === answer.prompt &&
      one.answer === answer.answer;
    const folder = sources.find(({ samples }) => samples.some(isOf))?.folder ?? this.folder;
    try {
      await this.actions.label(folder, answer);
    } finally {
      // What the page shows already may not be so.
      const now = this.store.get(this.folder);
      if (now) await this.sendAnswers(now);
    }
  }
}

/** The run's own answers, and its siblings' for model states that it has none of. */
async function answersBesideSiblings(
  run: Run,
  store: RunStore,
): Promise<{ folder: string; samples: readonly SampleEvent[] }[]> {
  const own = await store.answersOf(run.folder);
  const sets = new Set(own.map((s) => s.set));
  const states = new Set(own.map((s) => s.state));
  const found = [{ folder: run.folder, samples: own }];
  for (const sibling of siblings(run, store.list())) {
    const theirs = (await store.answersOf(sibling.folder)).filter(
      (s) => sets.has(s.set) && !states.has(s.state) && setAlike(run, sibling, s.set),
    );
    found.push({ folder: sibling.folder, samples: theirs });
    for (const sample of theirs) states.add(sample.state);
  }
  return found;
}
