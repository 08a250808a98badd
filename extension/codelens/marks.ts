import * as vscode from 'vscode';
import { Disposables, type Disposable } from '../disposable.js';
import type { Scans } from '../data/scans.js';
import { t, percent } from '../text.js';
import { markText } from './titles.js';

const MOST_PROBLEMS = 1000;

/** Rows that a scan has flagged: coloured in the editor and listed as problems, until the file is edited. */
export class Marks implements Disposable {
  private readonly disposables = new Disposables();
  private readonly problems = this.disposables.add(vscode.languages.createDiagnosticCollection('security-vectors'));
  private readonly row = this.disposables.add(
    vscode.window.createTextEditorDecorationType({
      isWholeLine: true,
      backgroundColor: new vscode.ThemeColor('diffEditor.removedLineBackground'),
      overviewRulerColor: new vscode.ThemeColor('editorWarning.foreground'),
      overviewRulerLane: vscode.OverviewRulerLane.Right,
      before: { color: new vscode.ThemeColor('editorWarning.foreground'), margin: '0 1ch 0 0' },
    }),
  );

  constructor(private readonly scans: Scans) {
    const add = this.disposables.add.bind(this.disposables);
    add(scans.onDidChange((file) => this.show(file)));
    add(vscode.window.onDidChangeVisibleTextEditors((editors) => editors.forEach((editor) => this.decorate(editor))));
    add(
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length && document.uri.scheme === 'file') void scans.drop(document.uri.fsPath);
      }),
    );
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private show(file: string): void {
    const uri = vscode.Uri.file(file);
    const scan = this.scans.get(file);
    const problems = scan?.marks.slice(0, MOST_PROBLEMS).map(({ line, explained }) => {
      // One character: the row is coloured already, a squiggle under all of it would hide its text.
      const range = new vscode.Range(line - 1, 0, line - 1, 1);
      const text = markText(explained, scan.vectorName);
      const problem = new vscode.Diagnostic(range, text, vscode.DiagnosticSeverity.Warning);
      problem.source = 'Security Vectors';
      problem.code = explained.toFixed(2);
      return problem;
    });
    this.problems.set(uri, problems);
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.uri.toString() === uri.toString()) this.decorate(editor);
    }
  }

  private decorate(editor: vscode.TextEditor): void {
    if (editor.document.uri.scheme !== 'file') return;
    const scan = this.scans.get(editor.document.uri.fsPath);
    const marks = scan?.marks.filter(({ line }) => line <= editor.document.lineCount) ?? [];
    editor.setDecorations(
      this.row,
      marks.map(({ line, explained }) => ({
        range: editor.document.lineAt(line - 1).range,
        hoverMessage: scan && markText(explained, scan.vectorName),
        renderOptions: { before: { contentText: t('harmful? {0}', percent(explained)) } },
      })),
    );
  }
}
