import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as vscode from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import {
  COMPARE_STRINGS,
  type ComparePageEvent,
  type ComparePageRequest,
  type ComparePageState,
  type PictureFormat,
} from '../../webview/protocol/compare.js';
import { PANELS } from '../host/contributions.js';
import { Disposables, throttle } from '../host/disposable.js';
import { Cancelled, inputError } from '../host/errors.js';
import type { Notices } from '../host/notices.js';
import { replaceFile } from '../host/state.js';
import { translated } from '../host/strings.js';
import { t, textLanguage } from '../host/text.js';
import { comparedAnswers, comparedRun, mayHaveSeveralJudges, titlesOf } from '../runs/compareMany.js';
import type { Run } from '../runs/run.js';
import type { RunStore } from '../runs/store.js';
import { PageChannel } from './channel.js';
import { Pages } from './page.js';
import { COMPARE_REQUEST, COMPARE_STATE } from './requests.js';

/** What a page that compares runs asks of the rest of the extension. */
interface CompareActions {
  openRun(folder: string): unknown;
  notices: Pick<Notices, 'info'>;
  onBug(error: unknown): void;
}

/** A run at work is drawn again at most this often. */
const REDRAW_MS = 1000;

/** Pages that compare runs: each is a picture of those that it was opened with. */
export class ComparePanels implements vscode.WebviewPanelSerializer<ComparePageState>, vscode.Disposable {
  private readonly disposables = new Disposables();
  private readonly pages: Pages<readonly string[], ComparePanel>;

  constructor(extension: vscode.Uri, store: RunStore, actions: CompareActions) {
    this.pages = this.disposables.add(
      new Pages(extension, 'compare', (panel, runs) => new ComparePanel(panel, runs, store, actions)),
    );
    this.disposables.add(vscode.window.registerWebviewPanelSerializer(PANELS.compare, this));
  }

  /** The same runs again are another page. */
  show(runs: readonly string[]): void {
    this.pages.create([...runs], titleOf(runs.length));
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, kept: unknown): Promise<void> {
    const state = safeParse(COMPARE_STATE, kept).data;
    if (!state) return panel.dispose();
    this.pages.adopt(panel, state.runs);
  }

  dispose(): void {
    this.disposables.dispose();
  }
}

class ComparePanel {
  private readonly channel: PageChannel<ComparePageEvent, ComparePageRequest>;
  private readonly disposables = new Disposables();
  /** Those that have changed since they were sent. */
  private readonly stale = new Set<string>();
  private readonly sendSoon = this.disposables.add(throttle(() => void this.sendStale(), REDRAW_MS));

  constructor(
    readonly panel: vscode.WebviewPanel,
    private folders: readonly string[],
    private readonly store: RunStore,
    private readonly actions: CompareActions,
  ) {
    this.channel = this.disposables.add(
      new PageChannel(panel, COMPARE_REQUEST, (request) => this.handle(request), actions.onBug),
    );
    this.disposables.add(
      store.onDidChange(({ run: { folder }, kind, to }) => {
        if (!this.folders.includes(folder)) return;
        if (kind === 'gone') this.leave(folder, to);
        // A first read is what this page has itself asked for.
        else if (this.channel.ready) {
          this.stale.add(folder);
          this.sendSoon();
        }
      }),
    );
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private async handle(request: ComparePageRequest): Promise<unknown> {
    switch (request.type) {
      case 'ready':
        await this.sendAll();
        return;
      case 'openAnswers': {
        const runs = await this.runs();
        const answers = await comparedAnswers(runs, titlesOf(runs), (folder) => this.store.answersOf(folder));
        return this.channel.post({ type: 'answers', ...answers });
      }
      case 'openRun':
        return this.actions.openRun(request.run);
      case 'save':
        return save(request.format, request.content, this.folders, this.actions.notices);
    }
  }

  /** Whole runs, in the order of the page. */
  private async runs(): Promise<Run[]> {
    const runs: Run[] = [];
    for (const folder of this.folders) {
      const run = await this.store.whole(folder).catch(() => undefined);
      if (run) runs.push(run);
      // Many long logs are no single turn.
      await nextTurn();
    }
    return runs;
  }

  private async sendAll(): Promise<void> {
    const runs = await this.runs();
    if (runs.length === 0)
      throw inputError(t('the runs of this comparison are gone.'), { remedy: t('Select others in the Runs view.') });
    this.folders = runs.map(({ folder }) => folder);
    this.panel.title = titleOf(runs.length);
    this.stale.clear();
    this.channel.ready = true;
    const titles = titlesOf(runs);
    for (const run of runs) {
      await this.send(run, titles);
      await nextTurn();
    }
  }

  private async sendStale(): Promise<void> {
    const stale = [...this.stale];
    this.stale.clear();
    const runs = await this.runs();
    const titles = titlesOf(runs);
    for (const run of runs) if (this.channel.ready && stale.includes(run.folder)) await this.send(run, titles);
  }

  private async send(run: Run, titles: ReadonlyMap<string, string>): Promise<void> {
    const samples = mayHaveSeveralJudges(run) ? await this.store.answersOf(run.folder) : [];
    this.channel.post({
      type: 'run',
      language: textLanguage(),
      strings: translated(COMPARE_STRINGS),
      of: [...this.folders],
      run: comparedRun(run, titles.get(run.folder)!, shortPath, samples),
    });
  }

  /** @param to what has taken its place: the store reads it, and then it is sent */
  private leave(folder: string, to?: string): void {
    const left = this.folders.flatMap((other) => (other !== folder ? [other] : (to ?? [])));
    this.folders = [...new Set(left)];
    if (this.folders.length === 0) return this.panel.dispose();
    this.panel.title = titleOf(this.folders.length);
    if (to === undefined) this.channel.post({ type: 'runs', of: [...this.folders] });
  }
}

const titleOf = (count: number): string => t('{0} runs compared', count);

const shortPath = (path: string): string => vscode.workspace.asRelativePath(path);

/** Asks where, writes it, and says so. @param first folder of a run: the dialog begins in its workspace */
async function save(
  format: PictureFormat,
  content: string,
  [first]: readonly string[],
  notices: Pick<Notices, 'info'>,
): Promise<void> {
  const folder = first === undefined ? undefined : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(first));
  const uri = await vscode.window.showSaveDialog({
    defaultUri: folder && vscode.Uri.file(join(folder.uri.fsPath, `comparison.${format}`)),
    filters: { [format.toUpperCase()]: [format] },
  });
  if (!uri) throw new Cancelled();
  await replaceFile(uri.fsPath, format === 'png' ? Buffer.from(content, 'base64') : content);
  notices.info(t('{0} was written.', basename(uri.fsPath)), {
    title: t('Open'),
    run: () => vscode.commands.executeCommand('vscode.open', uri),
  });
}
