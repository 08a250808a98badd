import { setImmediate as nextTurn } from 'node:timers/promises';
import * as vscode from 'vscode';
import { openDocument } from '../host/documents.js';
import { debounce, Disposables, type Disposable } from '../host/disposable.js';
import { RowMarks, type RowMark } from '../data/rowMarks.js';
import type { Reviews } from '../data/reviews.js';
import type { Scan, Scans } from '../data/scans.js';
import type { Decision } from '../../runtime/contract/review.js';
import { t } from '../host/text.js';
import { decisionLabel, decisionText, editedText, markLabel, markText, unlistedText } from './titles.js';

/** VS Code shows no more problems of one file; the last one says how many there are besides. */
const MAX_PROBLEMS = 1000;
/** So long the thread is held at once. */
const WORK_MS = 8;
/** Labels are drawn for the rows that are seen, and for these above and below: scrolling draws those in between. */
const ROWS_AROUND = 100;
const DRAW_MS = 60;

/** A text of an editor in which a scan has marked rows. */
interface Marked {
  document: vscode.TextDocument;
  scan: Scan;
  rows: RowMarks;
  working: boolean;
  /** Its rows have been looked at once: before that nothing is shown. */
  shown: boolean;
}

/**
 * Rows that a scan has flagged: coloured in the editor and listed as problems; they follow their rows through edits.
 */
export class Marks implements Disposable {
  private readonly disposables = new Disposables();
  private readonly problems = this.disposables.add(vscode.languages.createDiagnosticCollection('security-vectors'));
  private readonly found = this.decoration('diffEditor.removedLineBackground', 'editorWarning.foreground');
  private readonly edited = this.decoration('diffEditor.unchangedRegionBackground', 'editorInfo.foreground');
  /** Words before a row. Each has its own, so only those that are seen are made. */
  private readonly label = this.disposables.add(
    vscode.window.createTextEditorDecorationType({ before: { margin: '0 1ch 0 0' } }),
  );
  private readonly open = new Map<string, Marked>();
  private readonly draws = new Set<string>();
  private readonly draw = this.disposables.add(
    debounce(() => {
      for (const file of this.draws) void this.show(file);
      this.draws.clear();
    }, DRAW_MS),
  );

  constructor(
    private readonly scans: Scans,
    private readonly reviews: Pick<Reviews, 'get' | 'onDidChange'>,
  ) {
    const add = this.disposables.add.bind(this.disposables);
    add(scans.onDidChange((file) => this.begin(file)));
    add(reviews.onDidChange(({ data }) => this.drawSoon(data)));
    add(scans.onDidChangeState((file) => this.drawSoon(file)));
    add(
      vscode.window.onDidChangeVisibleTextEditors((editors) => {
        for (const { document } of editors) this.adopt(document);
      }),
    );
    add(vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) => this.drawLabels(textEditor)));
    add(
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        const marked = this.open.get(document.uri.fsPath);
        if (!marked || marked.document !== document || contentChanges.length === 0) return;
        marked.rows.edit(contentChanges, document);
        this.work(marked);
      }),
    );
    // Its language was changed: it closes and opens, and its editors stay.
    add(vscode.workspace.onDidOpenTextDocument((document) => this.adopt(document)));
    add(vscode.workspace.onDidCloseTextDocument((document) => this.close(document)));
  }

  /** Marked rows as they were scanned, in lines of a file that an editor shows: from 0, the last one included. */
  between(file: string, from: number, to: number): RowMark[] {
    return (
      this.open
        .get(file)
        ?.rows.between(from, to)
        .filter(({ edited }) => !edited) ?? []
    );
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private decisionOf(file: string, { looks, edited }: Pick<RowMark, 'looks' | 'edited'>): Decision | undefined {
    return edited || looks.hash === undefined ? undefined : this.reviews.get(file).get(looks.hash);
  }

  private decoration(background: string, ruler: string): vscode.TextEditorDecorationType {
    return this.disposables.add(
      vscode.window.createTextEditorDecorationType({
        isWholeLine: true,
        backgroundColor: new vscode.ThemeColor(background),
        overviewRulerColor: new vscode.ThemeColor(ruler),
        overviewRulerLane: vscode.OverviewRulerLane.Right,
      }),
    );
  }

  /** The file has another scan, or none. */
  private begin(file: string): void {
    this.open.delete(file);
    const document = openDocument(file);
    if (document) this.adopt(document);
    this.drawSoon(file);
  }

  private adopt(document: vscode.TextDocument): void {
    if (document.uri.scheme !== 'file') return;
    const file = document.uri.fsPath;
    const scan = this.scans.get(file);
    const known = this.open.get(file);
    if (!scan) return;
    if (known?.document === document && known.scan === scan) return this.drawSoon(file);
    const rows = new RowMarks(scan.marks, scan.lineCount, document);
    const marked = { document, scan, rows, working: false, shown: false };
    this.open.set(file, marked);
    this.work(marked);
  }

  private close(document: vscode.TextDocument): void {
    const file = document.uri.fsPath;
    if (this.open.get(file)?.document !== document) return;
    this.open.delete(file);
    this.scans.note(file, { edited: 0, gone: 0 });
    void this.scans.look(file);
    this.drawSoon(file);
  }

  /** Looks at the rows of a text a little at a time, until all are looked at or another text has come in its place. */
  private work(marked: Marked): void {
    if (marked.working) return;
    marked.working = true;
    void (async () => {
      const { document, rows } = marked;
      const file = document.uri.fsPath;
      const current = (): boolean => this.open.get(file) === marked && !document.isClosed;
      for (let done = false; !done && current();) {
        const until = performance.now() + WORK_MS;
        done = rows.work(document, () => performance.now() > until);
        if (!done) await nextTurn();
      }
      marked.working = false;
      if (!current()) return;
      marked.shown = true;
      this.scans.note(file, rows.counts());
      this.drawSoon(file);
    })();
  }

  private drawSoon(file: string): void {
    this.draws.add(file);
    this.draw();
  }

  /**
   * Problems, and then what an editor shows, colours and words, each in a turn of its own: VS Code copies all that it
   * is given.
   */
  private async show(file: string): Promise<void> {
    const scan = this.scans.get(file);
    const marked = this.open.get(file);
    if (marked && !marked.shown) return;
    this.problems.set(vscode.Uri.file(file), scan && this.problemsOf(scan, marked));
    await nextTurn();
    const rows = this.open.get(file)?.rows.list() ?? [];
    const isFound = (row: RowMark): boolean => !row.edited && this.decisionOf(file, row) !== 'fine';
    for (const editor of editorsOf(file)) {
      editor.setDecorations(this.found, ranges(rows, isFound));
      editor.setDecorations(
        this.edited,
        ranges(rows, ({ edited }) => edited),
      );
    }
    await nextTurn();
    for (const editor of editorsOf(file)) this.drawLabels(editor);
  }

  private drawLabels(editor: vscode.TextEditor): void {
    const { document, visibleRanges } = editor;
    const marked = this.open.get(document.uri.fsPath);
    const seen =
      marked?.document === document && marked.shown
        ? visibleRanges.flatMap(({ start, end }) =>
            marked.rows.between(start.line - ROWS_AROUND, end.line + ROWS_AROUND),
          )
        : [];
    const there = seen.filter(({ line }) => line < document.lineCount);
    editor.setDecorations(
      this.label,
      there.map((mark) => label(mark, marked!, this.decisionOf(document.uri.fsPath, mark))),
    );
  }

  private problemsOf(scan: Scan, marked: Marked | undefined): vscode.Diagnostic[] {
    if (!marked && this.scans.since(scan.data).changed) {
      const text = t(
        'This file has changed since the scan. Open it to see which of its rows are unchanged, or scan again.',
      );
      return [problem(0, text, vscode.DiagnosticSeverity.Information)];
    }
    const all: readonly Pick<RowMark, 'line' | 'looks' | 'edited'>[] =
      marked?.rows.list() ?? scan.marks.map((mark) => ({ ...mark, line: mark.line - 1, edited: false }));
    // What is decided is no problem any more.
    const rows = all.filter((row) => !/^(exclude|fine)$/.test(this.decisionOf(scan.data, row) ?? ''));
    const listed = rows.length > MAX_PROBLEMS ? rows.slice(0, MAX_PROBLEMS - 1) : rows;
    const problems = listed.map(({ line, looks, edited }) => {
      if (edited) return problem(line, editedText(scan.vectorName), vscode.DiagnosticSeverity.Information);
      const found = problem(
        line,
        markText(looks, scan.vectorName, scan.calibration),
        vscode.DiagnosticSeverity.Warning,
      );
      found.code = looks.p === undefined ? looks.explained.toFixed(2) : looks.p.toPrecision(2);
      return found;
    });
    const next = rows[listed.length];
    if (next) {
      const text = unlistedText(scan, rows.length - listed.length, next.line + 1);
      problems.push(problem(next.line, text, vscode.DiagnosticSeverity.Warning));
    }
    return problems;
  }
}

const editorsOf = (file: string): vscode.TextEditor[] =>
  vscode.window.visibleTextEditors.filter(({ document: { uri } }) => uri.scheme === 'file' && uri.fsPath === file);

/** On one character: the row is coloured already, a squiggle under all of it would hide its text. */
function problem(line: number, text: string, severity: vscode.DiagnosticSeverity): vscode.Diagnostic {
  const result = new vscode.Diagnostic(new vscode.Range(line, 0, line, 1), text, severity);
  result.source = 'Security Vectors';
  return result;
}

/** Neighbouring rows are one range: an editor takes some thousand ranges with ease, and not sixty thousand. */
function ranges(rows: readonly RowMark[], is: (row: RowMark) => boolean): vscode.Range[] {
  const result: vscode.Range[] = [];
  let from: number | undefined;
  rows.forEach((row, i) => {
    if (!is(row)) return;
    from ??= row.line;
    const next = rows[i + 1];
    if (next?.line === row.line + 1 && is(next)) return;
    result.push(new vscode.Range(from, 0, row.line, 0));
    from = undefined;
  });
  return result;
}

function label(
  { line, looks, edited }: RowMark,
  { document, scan }: Marked,
  decision: Decision | undefined,
): vscode.DecorationOptions {
  const color = new vscode.ThemeColor(
    edited ? 'editorInfo.foreground' : decision === 'fine' ? 'descriptionForeground' : 'editorWarning.foreground',
  );
  const text = edited ? t('edited since the scan') : decision ? decisionLabel(decision) : markLabel(looks);
  const found = edited ? editedText(scan.vectorName) : markText(looks, scan.vectorName, scan.calibration);
  return {
    range: document.lineAt(line).range,
    // as text: it has words of the file
    hoverMessage: new vscode.MarkdownString().appendText(decision ? `${decisionText(decision)} ${found}` : found),
    renderOptions: { before: { contentText: text, color } },
  };
}
