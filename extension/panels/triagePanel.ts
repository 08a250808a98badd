import type { Computing } from '../../runtime/contract/recipeWords.js';
import * as vscode from 'vscode';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import type { RowGrouping, RowText } from '../../runtime/contract/dataInfo.js';
import type { ExplainedToken } from '../../runtime/contract/scan.js';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import { DECISIONS, type Decision, type Decisions } from '../../runtime/contract/review.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import {
  TRIAGE_STRINGS,
  type TriagePageEvent,
  type TriagePageRequest,
  type TriagePageState,
  type TriageState,
} from '../../webview/protocol/triage.js';
import type { Engine } from '../engine/engine.js';
import type { ReviewChange, Reviews } from '../data/reviews.js';
import { scanSummary, type Scan, type Scans } from '../data/scans.js';
import { PANELS } from '../host/contributions.js';
import { Disposables } from '../host/disposable.js';
import { inputError } from '../host/errors.js';
import { translated } from '../host/strings.js';
import { t, textLanguage } from '../host/text.js';
import { PageChannel } from './channel.js';
import { Pages } from './page.js';
import { TRIAGE_REQUEST, TRIAGE_STATE } from './requests.js';

/** Characters of a text in a row of the table, and where it is read. */
const IN_TABLE = 400;
const IN_DETAIL = 100_000;

/** What a triage page asks of the rest of the extension. */
interface TriageActions {
  assertTrusted(): void;
  open(data: string, line: number): unknown;
  saveCleaned(data: string): unknown;
  saveFine(data: string): unknown;
  scan(data: string): unknown;
  /** How a model is asked about a vector. */
  computing(model: string, vector: string): Computing;
  onBug(error: unknown): void;
}

interface TriageServices {
  extension: vscode.Uri;
  scans: Scans;
  reviews: Reviews;
  engine: Pick<Engine, 'request'>;
  actions: TriageActions;
}

/** Pages on which the rows of a scanned file are decided about, one per data file. */
export class TriagePanels implements vscode.WebviewPanelSerializer<TriagePageState>, vscode.Disposable {
  private readonly disposables = new Disposables();
  private readonly pages: Pages<string, TriagePanel>;

  constructor(private readonly services: TriageServices) {
    const { extension, scans, reviews } = services;
    this.pages = this.disposables.add(
      new Pages(extension, 'triage', (panel, data) => new TriagePanel(panel, data, services)),
    );
    this.disposables.add(vscode.window.registerWebviewPanelSerializer(PANELS.triage, this));
    this.disposables.add(scans.onDidChange((data) => this.pages.get(data)?.draw()));
    this.disposables.add(scans.onDidChangeState((data) => this.pages.get(data)?.draw()));
    this.disposables.add(
      scans.onDidMove(({ from, to }) => {
        this.pages.get(from)?.moved(to);
        this.pages.move(from, to);
      }),
    );
    this.disposables.add(reviews.onDidChange((change) => this.pages.get(change.data)?.decided(change)));
  }

  async show(data: string): Promise<void> {
    const { scans, reviews } = this.services;
    await this.pages.show(data, async () => {
      await scans.look(data);
      if (!scans.get(data))
        throw inputError(t('the file has not been scanned.'), { place: data, remedy: t('Scan it first.') });
      await reviews.look(data);
      return titleOf(data);
    });
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, kept: unknown): Promise<void> {
    const data = safeParse(TRIAGE_STATE, kept).data?.triage;
    await this.services.scans.ready;
    if (data === undefined || !this.services.scans.get(data)) return panel.dispose();
    await this.services.reviews.look(data);
    this.pages.adopt(panel, data);
  }

  dispose(): void {
    this.disposables.dispose();
  }
}

class TriagePanel {
  private readonly channel: PageChannel<TriagePageEvent, TriagePageRequest>;
  private readonly disposables = new Disposables();
  /** Of the row that is being explained: another one ends it. */
  private explaining: CancellationTokenSource | undefined;
  /** Of the text that is searched for: another one ends it. */
  private searching: CancellationTokenSource | undefined;

  constructor(
    readonly panel: vscode.WebviewPanel,
    private data: string,
    private readonly services: TriageServices,
  ) {
    this.channel = this.disposables.add(
      new PageChannel(panel, TRIAGE_REQUEST, (request) => this.handle(request), services.actions.onBug),
    );
  }

  draw(): void {
    const { reviews, scans } = this.services;
    const scan = scans.get(this.data);
    if (!scan && !scans.away.has(this.data)) return this.panel.dispose();
    if (!this.channel.ready) return;
    // While the file is gone, as in another branch, the page stays as it is.
    if (!scan)
      return this.channel.post({
        type: 'away',
        text: t('{0} is not there. Its rows are shown again when it is back.', this.data),
      });
    this.channel.post({
      type: 'table',
      language: textLanguage(),
      strings: translated(TRIAGE_STRINGS),
      triage: triageState(scan, scans.since(this.data).changed, reviews.get(this.data)),
    });
  }

  /** The file has another name, or another folder. */
  moved(to: string): void {
    this.data = to;
    this.panel.title = titleOf(to);
    this.draw();
  }

  decided({ rows }: ReviewChange): void {
    if (rows) this.channel.post({ type: 'decided', hashes: [...rows.hashes], decision: rows.decision ?? null });
    else this.channel.post({ type: 'decisions', decisions: lists(this.services.reviews.get(this.data)) });
  }

  dispose(): void {
    this.explaining?.cancel();
    this.searching?.cancel();
    this.disposables.dispose();
  }

  private async handle(request: TriagePageRequest): Promise<unknown> {
    const { actions } = this.services;
    switch (request.type) {
      case 'ready':
        this.channel.ready = true;
        return this.draw();
      case 'texts': {
        const rows = await this.texts(request.hashes, IN_TABLE);
        return this.channel.post({ type: 'texts', asked: request.hashes, rows });
      }
      case 'group':
        return this.group(request.by);
      case 'search':
        return this.search(request.text);
      case 'explain':
        return this.explain(request.hash);
      case 'decide':
        return this.decide(request.hashes, request.decision ?? undefined);
      case 'open': {
        const [row] = await this.texts([request.hash], 1);
        if (!row)
          throw inputError(translated(TRIAGE_STRINGS).notThere, {
            place: this.data,
            remedy: t('Scan the file again.'),
          });
        // of rows of one text each is at its own line, as long as the file is the one that was scanned
        return actions.open(this.data, this.services.scans.since(this.data).changed ? row.line : request.line);
      }
      case 'saveCleaned':
        return actions.saveCleaned(this.data);
      case 'saveFine':
        return actions.saveFine(this.data);
      case 'scanAgain':
        return actions.scan(this.data);
    }
  }

  private async decide(hashes: readonly string[], decision: Decision | undefined): Promise<void> {
    const { reviews } = this.services;
    try {
      await reviews.decide(this.data, hashes, decision);
    } catch (error) {
      // What the page shows already is not so.
      this.decided({ data: this.data });
      throw error;
    }
  }

  /** The file as the scan has read it. */
  private source(): { data: string } & ReadAs {
    const { columns, format } = this.services.scans.get(this.data) ?? {};
    return { data: this.data, ...(format && { format }), ...(columns && { columns }) };
  }

  private texts(hashes: string[], most: number): Promise<RowText[]> {
    this.services.actions.assertTrusted();
    return this.services.engine.request('rowTexts', { ...this.source(), hashes, most });
  }

  private async group(by: RowGrouping | null): Promise<void> {
    this.services.actions.assertTrusted();
    const params = { ...this.source(), ...(by && { by }) };
    const groups = await this.services.engine.request('rowGroups', params);
    this.channel.post({ type: 'groups', by, groups });
  }

  private async search(text: string): Promise<void> {
    this.services.actions.assertTrusted();
    this.searching?.cancel();
    const { token } = (this.searching = new CancellationTokenSource());
    const hashes = await this.services.engine.request('rowsWith', { ...this.source(), text }, { token });
    this.channel.post({ type: 'found', text, hashes });
  }

  /** The whole row at once, and which words the vector explains when the model has said so. */
  private async explain(hash: string): Promise<void> {
    const { engine, scans, actions } = this.services;
    this.explaining?.cancel();
    const own = (this.explaining = new CancellationTokenSource());
    const [row = null] = await this.texts([hash], IN_DETAIL);
    const { model, vector } = scans.get(this.data) ?? {};
    const canExplain = row !== null && model !== undefined && vector !== undefined;
    const post = (tokens: ExplainedToken[] | null, pending: boolean): void => {
      if (!own.token.isCancellationRequested) this.channel.post({ type: 'explained', hash, row, tokens, pending });
    };
    post(null, canExplain);
    if (!canExplain || own.token.isCancellationRequested) return;
    try {
      const params = { model, vector, ...this.source(), hash, ...actions.computing(model, vector) };
      post(await engine.request('explain', params, { token: own.token }), false);
    } catch (error) {
      post(null, false);
      throw error;
    }
  }
}

/** As the view of data calls it. */
const shownName = (data: string): string => vscode.workspace.asRelativePath(data);
const titleOf = (data: string): string => t('Review: {0}', shownName(data));

const lists = (decisions: Decisions): TriageState['decisions'] => {
  const found: Record<Decision, string[]> = { exclude: [], fine: [], unsure: [] };
  for (const [hash, decision] of decisions) found[decision].push(hash);
  const joined = DECISIONS.map((decision) => [decision, found[decision].join(' ')]);
  return Object.fromEntries(joined) as TriageState['decisions'];
};

const triageState = (scan: Scan, changed: boolean, decisions: Decisions): TriageState => ({
  id: scan.data,
  name: shownName(scan.data),
  vector: scan.vectorName,
  summary: scanSummary(scan),
  changed,
  compared: scan.calibration,
  table: scan.table,
  tellsRelated: scan.related !== undefined,
  decisions: lists(decisions),
});
