import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import * as z from 'zod';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { readText } from '../host/checkedFile.js';
import { PANELS } from '../host/contributions.js';
import { Disposables } from '../host/disposable.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import { Turns } from '../../runtime/contract/turns.js';
import type { RunStore } from '../runs/store.js';
import { newNonce } from './html.js';
import { closeUnopened } from './page.js';

/** A report has no pictures but those it draws itself. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Nothing of a file behind it runs, and nothing is loaded, whatever stands in it: only its own style counts. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** A file behind a policy: the first one that a document names cannot be taken back by a later one. */
const behind = (policy: string, content: string): string =>
  `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">${content}`;

/**
 * What no policy stops: tags that lead to another page by themselves or with a click, but for those of a sweep to its
 * points.
 */
const LEADING = /<(?!a href="points\/[^"/]+\/report\.html">)(a|area|base|form|link|meta)\b/i;

/**
 * A text in which no tag leads anywhere before somebody clicks: `wbr` has no content, no effect and no attributes
 * either.
 */
const still = (text: string): string => text.replace(/<(base|link|meta)\b/gi, '<wbr');

/** How reports begin that this program has written (runtime/evaluation/report/page.ts): behind a policy already. */
const OWN = new RegExp(
  [
    /^<!doctype html>/,
    /<html lang="en">/,
    /<head>/,
    /<meta charset="utf-8" \/>/,
    /<meta name="viewport" content="width=device-width, initial-scale=1" \/>/,
    /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" \/>/,
  ]
    .map(({ source }) => source)
    .join('\\s*'),
);

/** The report's own names for colours, as the window has them. */
const THEME = `body {
  --page: var(--vscode-editor-background); --text: var(--vscode-editor-foreground); --muted: var(--vscode-descriptionForeground);
  --line: var(--vscode-contrastBorder, color-mix(in srgb, var(--vscode-foreground) 20%, transparent));
  --good: var(--vscode-testing-iconPassed); --bad: var(--vscode-editorError-foreground); --warn: var(--vscode-editorWarning-foreground);
  --delivered: var(--vscode-charts-blue); --vector: var(--vscode-charts-purple); --harmful: var(--vscode-charts-red);
  --benign: var(--vscode-charts-green); --plain: var(--vscode-descriptionForeground); --goal: var(--vscode-descriptionForeground);
}
body.vscode-high-contrast .bar { fill: none; }`;

/** Links of a sweep's report; VS Code would look for them beside its own page. */
const FOLLOWED = `document.addEventListener('click', (event) => {
  const link = event.target.closest('a')?.getAttribute('href');
  if (!link?.startsWith('points/')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  page.postMessage({ link });
}, true)`;
const MESSAGE = z.object({ link: z.string() });
const POINT = /^points\/(?!\.+\/)([^/\\]+)\/report\.html$/;

/**
 * The file behind a policy and colours. The one script is ours; it keeps which report this is, for a window that is
 * reloaded, and tells which point of a sweep somebody goes to.
 */
export function reportHtml(report: string, folder: string, nonce = newNonce()): string {
  const state = JSON.stringify({ report: folder }).replaceAll('<', '\\u003c');
  const script = `<script nonce="${nonce}">{const page = acquireVsCodeApi(); page.setState(${state}); ${FOLLOWED}}</script>`;
  return behind(`${POLICY}; script-src 'nonce-${nonce}'`, `<style>${THEME}</style>${script}${still(report)}`);
}

/** The report as a file for a browser. One that somebody else has written is copied, behind a policy. */
export async function reportForBrowser(folder: string): Promise<string> {
  const text = await read(folder);
  if (OWN.test(text) && !LEADING.test(text.replace(OWN, ''))) return join(folder, RUN_FILES.report);
  const copy = join(await mkdtemp(join(tmpdir(), 'security-vectors-')), RUN_FILES.report);
  await writeFile(copy, behind(`${POLICY}; form-action 'none'; base-uri 'none'`, still(text)));
  return copy;
}

const STATE = z.object({ report: z.string().min(1) });

/** Reports of runs as pages of the window; one per run, which shows the file as it is and is gone with it. */
export class ReportPanels implements vscode.WebviewPanelSerializer<unknown>, vscode.Disposable {
  private readonly open = new Map<string, vscode.WebviewPanel>();
  private readonly disposables = new Disposables();
  /** What the page in a panel shows: it is not drawn again, nor scrolled back, for the same. */
  private readonly texts = new WeakMap<vscode.WebviewPanel, string>();
  private readonly reading = new Turns();

  constructor(
    private readonly extension: vscode.Uri,
    private readonly store: Pick<RunStore, 'get' | 'nameOf' | 'onDidChange'>,
    private readonly onError: (error: unknown) => void,
  ) {
    this.disposables.add(vscode.window.registerWebviewPanelSerializer(PANELS.report, this));
    this.disposables.add(
      store.onDidChange(({ run, kind }) => {
        if (kind === 'gone') this.open.get(run.folder)?.dispose();
        else if (kind === 'whole' && this.open.has(run.folder))
          void this.reading.take(() => this.readAgain(run.folder));
      }),
    );
  }

  /** @param folder of the run */
  async show(folder: string): Promise<void> {
    const text = await read(folder);
    const run = this.store.get(folder);
    const title = t('Report: {0}', run ? this.store.nameOf(run) : basename(folder));
    const known = this.open.get(folder);
    if (!known) await closeUnopened(PANELS.report, title, this.open.values());
    const panel =
      known ??
      vscode.window.createWebviewPanel(PANELS.report, title, vscode.ViewColumn.Active, { enableFindWidget: true });
    this.adopt(panel, folder, text);
    if (known) known.reveal();
  }

  /** The run whose report is in front; undefined where none is. */
  active(): string | undefined {
    return [...this.open].find(([, panel]) => panel.active)?.[0];
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, kept: unknown): Promise<void> {
    const folder = safeParse(STATE, kept).data?.report;
    const text = vscode.workspace.isTrusted && folder !== undefined && (await read(folder).catch(() => undefined));
    if (folder === undefined || !text) return panel.dispose();
    this.adopt(panel, folder, text);
  }

  dispose(): void {
    this.disposables.dispose();
    this.open.forEach((panel) => panel.dispose());
  }

  private async readAgain(folder: string): Promise<void> {
    // What cannot be read just now, as it is being written, may be read when the run changes again.
    const text = await readReport(folder).catch(() => null);
    const panel = this.open.get(folder);
    if (!panel || text === null) return;
    if (text === undefined) panel.dispose();
    else this.adopt(panel, folder, text);
  }

  private adopt(panel: vscode.WebviewPanel, folder: string, text: string): void {
    if (this.open.get(folder) === panel && this.texts.get(panel) === text) return;
    this.texts.set(panel, text);
    panel.webview.options = { enableScripts: true, localResourceRoots: [] };
    panel.iconPath = vscode.Uri.joinPath(this.extension, 'media', 'icon.svg');
    panel.webview.html = reportHtml(text, folder);
    if (this.open.get(folder) === panel) return;
    this.open.set(folder, panel);
    panel.webview.onDidReceiveMessage((message: unknown) => {
      const [, point] = POINT.exec(safeParse(MESSAGE, message).data?.link ?? '') ?? [];
      if (point !== undefined) this.show(join(folder, 'points', point)).catch(this.onError);
    });
    panel.onDidDispose(() => this.open.get(folder) === panel && this.open.delete(folder));
  }
}

const readReport = (folder: string): Promise<string | undefined> =>
  readText(join(folder, RUN_FILES.report), MOST_BYTES);

async function read(folder: string): Promise<string> {
  const text = await readReport(folder);
  if (text !== undefined) return text;
  throw inputError(t('this run has no report.'), { place: folder, remedy: t('A run writes it when it has finished.') });
}
