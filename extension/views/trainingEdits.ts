import * as vscode from 'vscode';
import { safeParse } from '../../runtime/contract/safeParse.js';
import * as z from 'zod';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import { OTHER_FILE, type TrainingKey } from '../../webview/protocol/training.js';
import { BROWSED } from '../data/files.js';
import { Cancelled, inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import { keyOffset, setData, valueText, type Edit } from '../runs/recipeEdit.js';
import type { Model } from '../workspace/models.js';
import type { ShownRecipe, TrainingParts, TrainingPicture } from './trainingPicture.js';
import { chosen, chosenData, protectedBy, readWritten, unprotected } from './trainingState.js';
import type { Remembered } from '../host/sharedMemory.js';

/** The protection that a switch has taken out of a recipe, in the workspace's memory. */
const keyOf = (file: string): string => `training.protection:${file}`;
const PROTECTION = z.object({
  vectors: z.string(),
  protection: z.string().optional(),
  model: z.string().optional(),
});
type TakenOut = z.infer<typeof PROTECTION>;

/** What edits ask of the panel and of the rest of the extension. */
interface TrainingEditing {
  /** The recipe that is shown. */
  recipe(): Promise<string>;
  picture(): TrainingPicture | undefined;
  /** One after the other: two quick choices must not both start from the same text. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  draw(): Promise<void>;
  readAs(file: string, model: Model | undefined): Promise<ReadAs>;
  assertTrusted(): void;
}

/** Writes what is chosen in the training panel into its recipe. */
export class TrainingEdits {
  constructor(
    private readonly parts: Pick<TrainingParts, 'models' | 'reviews'>,
    private readonly memento: Remembered,
    private readonly panel: TrainingEditing,
  ) {}

  choose(key: Exclude<TrainingKey, 'data'>, path: string): Promise<void> {
    return this.panel.inTurn(async () => {
      const file = await this.panel.recipe();
      if (path === '') return this.setProtected(false);
      await this.write(file, (text) => chosen(text, file, key, path, this.takenOut(file)));
    });
  }

  /** The question for columns may stay open for long: the panel draws meanwhile. */
  async chooseData(chosen: string): Promise<void> {
    const { panel, parts } = this;
    panel.assertTrusted();
    const data = chosen === OTHER_FILE ? await browseData() : chosen;
    const file = await panel.recipe();
    const model = parts.models.list().find(({ path }) => path === panel.picture()?.written.facts?.model);
    const reading = await panel.readAs(data, model?.problem === undefined ? model : undefined);
    await parts.reviews.require(data);
    const reviewed = parts.reviews.get(data).size > 0;
    await panel.inTurn(() => this.write(file, (text) => chosenData(text, file, { file: data, ...reading, reviewed })));
  }

  protect(on: boolean): Promise<void> {
    return this.panel.inTurn(() => this.setProtected(on));
  }

  /** Whether the rows are left out that a review excludes. */
  useReview(on: boolean): Promise<void> {
    return this.panel.inTurn(async () =>
      this.write(await this.panel.recipe(), (text) =>
        setData(text, { file: valueText(text, 'data.file'), exclude: on ? '"reviewed"' : undefined }),
      ),
    );
  }

  /** Shows the recipe at a key. */
  async open(key: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(await this.panel.recipe()));
    const at = document.positionAt(keyOffset(document.getText(), key));
    await vscode.window.showTextDocument(document, { selection: new vscode.Range(at, at) });
  }

  private async setProtected(on: boolean): Promise<void> {
    const file = await this.panel.recipe();
    const before = this.takenOut(file);
    if (!on) {
      let takenOut: TakenOut | undefined;
      await this.write(file, (text) => {
        const { edits, was } = unprotected(text);
        takenOut = { ...was, model: valueText(text, 'model') };
        return edits;
      });
      await this.memento.update(keyOf(file), takenOut);
      await this.panel.draw();
      return;
    }
    await this.write(file, (text) => {
      if (fits(before, text)) return protectedBy(text, before);
      const vector = this.panel.picture()?.state.form?.fields.vector.choices.find(({ value }) => value !== '');
      if (!vector) throw inputError(t('there is no security vector yet.'), { remedy: t('Train one first.') });
      return chosen(text, file, 'vector', vector.value, before);
    });
  }

  /** Whether the protection that was taken out of a recipe can be put back. */
  canRestore({ file, text }: ShownRecipe): boolean {
    return file !== undefined && text !== undefined && fits(this.takenOut(file), text);
  }

  private takenOut(file: string): TakenOut | undefined {
    return safeParse(PROTECTION, this.memento.get(keyOf(file))).data;
  }

  /**
   * Changes the recipe in its editor; one that had no changes is saved, one that had is left for the person to save.
   */
  private async write(file: string, change: (text: string) => Edit[]): Promise<void> {
    this.panel.assertTrusted();
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
    await this.panel.draw();
  }
}

/** The vectors that were taken out are those of another model, where the recipe has another one by now. */
const fits = (takenOut: TakenOut | undefined, text: string): takenOut is TakenOut =>
  takenOut?.model !== undefined && takenOut.model === valueText(text, 'model');

async function browseData(): Promise<string> {
  const filters = { [t('Data files')]: [...BROWSED] };
  const [uri] = (await vscode.window.showOpenDialog({ filters, openLabel: t('Use this file') })) ?? [];
  if (!uri) throw new Cancelled();
  return uri.fsPath;
}
