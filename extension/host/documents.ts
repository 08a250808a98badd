import * as vscode from 'vscode';
import { inputError } from './errors.js';
import { t } from './text.js';

/** The document of a file as a person edits it; those of a diff or of an older version have the same path. */
export const openDocument = (file: string): vscode.TextDocument | undefined =>
  vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && uri.scheme === 'file' && uri.fsPath === file);

/** The file that the person looks at. A very large one, and one that the window has not opened yet, has only a tab. */
export function fileInFront(): string | undefined {
  const { activeTextEditor, tabGroups } = vscode.window;
  const input = tabGroups.activeTabGroup.activeTab?.input;
  const uri = activeTextEditor?.document.uri ?? (input instanceof vscode.TabInputText ? input.uri : undefined);
  return uri?.scheme === 'file' ? uri.fsPath : undefined;
}

/** Whether a tab has the file with an edit: very large files and those of other editors have no document. */
const isEdited = (file: string): boolean =>
  vscode.window.tabGroups.all
    .flatMap(({ tabs }) => tabs)
    .some(
      ({ isDirty, input }) =>
        isDirty &&
        (input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom) &&
        input.uri.scheme === 'file' &&
        input.uri.fsPath === file,
    );

/** What is run or scanned is what the person sees. */
export async function saveOpen(file: string): Promise<void> {
  const open = openDocument(file);
  const isSaved = open?.isDirty
    ? await open.save()
    : !isEdited(file) || (await vscode.workspace.save(vscode.Uri.file(file))) !== undefined;
  if (!isSaved) throw inputError(t('the file could not be saved.'), { place: file, remedy: t('Save it yourself.') });
}
