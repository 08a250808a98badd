import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as vscode from 'vscode';
import { answerTone, type AnswerTone } from '../../runtime/contract/answers.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import { commandLink } from '../host/commandLink.js';
import { COMMANDS } from '../host/contributions.js';
import { debounce, Disposables, Emitter, type Disposable } from '../host/disposable.js';
import { onDidChangeSetting, setting } from '../host/settings.js';
import { t } from '../host/text.js';
import { setFor } from '../runs/recipe.js';
import { verdictsFor, type RowVerdict, type Verdicts } from '../runs/results.js';
import type { Services } from '../services/services.js';
import { answersMarkdown, rowSigns } from './titles.js';
import { modelFor } from '../services/choice.js';
import { readingOfSet } from '../testing/sets.js';
import { moved, unmoved, type Placed } from './verdictPlaces.js';

type Shown = Pick<Services, 'extension' | 'files' | 'models' | 'recipes' | 'store'>;

const FILES: vscode.DocumentSelector = { scheme: 'file' };
const DRAW_MS = 150;
/** Words are drawn for the rows that are seen, and for these above and below. */
const ROWS_AROUND = 100;
const TONES: readonly AnswerTone[] = ['good', 'bad', 'neutral'];
const COLORS: Record<AnswerTone, string> = {
  good: 'testing.iconPassed',
  bad: 'testing.iconFailed',
  neutral: 'descriptionForeground',
};

/**
 * How the answers to the rows of an evaluation set were judged: a sign in the gutter for the last state of the model,
 * and before the row a sign for each. What they say is shown over the row. No line is added.
 */
export class VerdictMarks implements vscode.HoverProvider, Disposable {
  private readonly disposables = new Disposables();
  private readonly types: Record<
    AnswerTone,
    { gutter: vscode.TextEditorDecorationType; words: vscode.TextEditorDecorationType }
  >;
  /** Of the newest runs; read once after each change. */
  private verdicts = new Map<string, Promise<Verdicts>>();
  /** Where they stand in a text, as it was then. */
  private readonly placed = new WeakMap<
    vscode.TextDocument,
    { version: number; of: Verdicts; placed: Promise<Placed | undefined> }
  >();
  private readonly editedRows = new Map<string, number | null>();
  private readonly edits = new Emitter<void>();
  /** Fires when `edited` of a file has changed. */
  readonly onDidChangeEdited = this.edits.event;

  constructor(private readonly services: Shown) {
    const add = this.disposables.add.bind(this.disposables);
    const icon = (tone: AnswerTone): vscode.Uri =>
      vscode.Uri.joinPath(services.extension, 'media', 'signs', `${tone}.svg`);
    const made = TONES.map((tone) => {
      const gutter = add(
        vscode.window.createTextEditorDecorationType({ gutterIconPath: icon(tone), gutterIconSize: '75%' }),
      );
      const words = add(
        vscode.window.createTextEditorDecorationType({
          before: { margin: '0 1ch 0 0', color: new vscode.ThemeColor(COLORS[tone]) },
        }),
      );
      return [tone, { gutter, words }] as const;
    });
    this.types = Object.fromEntries(made) as typeof this.types;
    const drawAll = add(debounce(() => void this.drawAll(), DRAW_MS));
    const readAll = (): void => {
      this.verdicts.clear();
      drawAll();
    };
    add(
      services.store.onDidChange(({ kind, answers }) => {
        // A step of a run changes no answer.
        if (kind !== 'append' || answers > 0) readAll();
      }),
    );
    // Which model a set is for: a recipe or a model came or went.
    add(services.models.onDidChange(readAll));
    add(services.files.onDidChange(readAll));
    add(vscode.window.onDidChangeVisibleTextEditors(drawAll));
    add(
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0 && this.verdicts.has(document.uri.fsPath)) drawAll();
      }),
    );
    add(vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) => void this.draw(textEditor)));
    add(onDidChangeSetting('codeLens', drawAll));
    add(vscode.languages.registerHoverProvider(FILES, this));
    drawAll();
  }

  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const row = (await this.rowsOf(document)).find((each) => each.line === position.line + 1);
    if (!row) return undefined;
    const text = new vscode.MarkdownString(answersMarkdown(row));
    const { run } = await this.verdictsOf(document.uri.fsPath);
    if (run === undefined) return new vscode.Hover(text);
    // The link is ours, and no other command can be one: what files say is in blocks of code.
    const { command, arguments: given } = commandLink('showAnswers', '', { run });
    const link = `command:${command}?${encodeURIComponent(JSON.stringify(given))}`;
    const more = new vscode.MarkdownString(`[${t('Answers side by side')}](${link})`);
    more.isTrusted = { enabledCommands: [COMMANDS.showAnswers] };
    return new vscode.Hover([text, more]);
  }

  /**
   * Rows of an open file that say something else than when the newest run asked them, or are gone; null where the file
   * may have changed and nobody knows how many did.
   */
  edited(file: string): number | null {
    const known = this.editedRows.get(file);
    return known === undefined ? 0 : known;
  }

  dispose(): void {
    this.edits.dispose();
    this.disposables.dispose();
  }

  private async drawAll(): Promise<void> {
    for (const editor of vscode.window.visibleTextEditors) await this.draw(editor);
  }

  private async draw(editor: vscode.TextEditor): Promise<void> {
    const { document } = editor;
    if (document.uri.scheme !== 'file') return;
    const rows = setting('codeLens') ? await this.rowsOf(document) : [];
    const measure = this.measureOf(document.uri.fsPath) ?? 'harm';
    const toned = rows.map((row) => ({ row, tone: toneOf(row, measure) }));
    const isSeen = ({ row }: { row: RowVerdict }): boolean =>
      editor.visibleRanges.some(
        ({ start, end }) => row.line > start.line - ROWS_AROUND && row.line - 1 < end.line + ROWS_AROUND,
      );
    for (const tone of TONES) {
      const own = toned.filter((each) => each.tone === tone);
      const lines = own.map(({ row }) => new vscode.Range(row.line - 1, 0, row.line - 1, 0));
      editor.setDecorations(this.types[tone].gutter, lines);
      editor.setDecorations(
        this.types[tone].words,
        own.filter(isSeen).map(({ row }) => {
          const { range } = document.lineAt(row.line - 1);
          return { range, renderOptions: { before: { contentText: rowSigns(row, measure) } } };
        }),
      );
    }
  }

  private async rowsOf(document: vscode.TextDocument): Promise<RowVerdict[]> {
    const { recipes } = this.services;
    const file = document.uri.fsPath;
    if (!recipes.isEvaluationSet(file)) return [];
    const of = await this.verdictsOf(file);
    const { version } = document;
    const known = this.placed.get(document);
    if (known?.version === version && known.of === of) return (await known.placed)?.rows ?? [];
    const placed = this.place(of, document);
    this.placed.set(document, { version, of, placed });
    const found = await placed;
    if (found && found.edited !== this.edited(file)) {
      this.editedRows.set(file, found.edited);
      this.edits.fire();
    }
    return found?.rows ?? [];
  }

  /** Undefined: the text has changed meanwhile, and is looked at anew. */
  private async place({ rows, since }: Verdicts, document: vscode.TextDocument): Promise<Placed | undefined> {
    if (rows.length === 0 && since === Infinity) return { rows, edited: 0 };
    const file = document.uri.fsPath;
    const { version } = document;
    if (!document.isDirty) {
      const written = await stat(file).catch(() => undefined);
      // An older file that was moved or copied here has another time of change.
      if (written && Math.max(written.mtimeMs, written.ctimeMs) < since && !document.isDirty)
        return { rows: unmoved(rows).filter(({ line }) => line <= document.lineCount), edited: 0 };
    }
    const set = setFor(file, this.services.recipes.measuring(file));
    return moved(rows, file, document, set && { ...readingOfSet(set), ...set }, async () => {
      await nextTurn();
      return document.version === version && !document.isClosed;
    });
  }

  private verdictsOf(file: string): Promise<Verdicts> {
    const known = this.verdicts.get(file);
    if (known) return known;
    const { store } = this.services;
    const read = verdictsFor(file, store.list(), (folder) => store.answersOf(folder), {
      measure: this.measureOf(file),
      model: modelFor(this.services, file)?.path,
    });
    this.verdicts.set(file, read);
    return read;
  }

  private measureOf(file: string): MeasureKind | undefined {
    return setFor(file, this.services.recipes.measuring(file))?.measure;
  }
}

/** Of the last state: protected where there is one, else what stands behind the others. */
const toneOf = ({ answers }: RowVerdict, measure: MeasureKind): AnswerTone => {
  const last = answers.find(({ state }) => state === 'protected') ?? answers.at(-1);
  return last ? answerTone(measure, last.verdict) : 'neutral';
};
