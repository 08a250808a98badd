import * as vscode from 'vscode';
import { inputError } from './errors.js';
import { t } from './text.js';

/** The document of a file as a person edits it; those of a diff or of an older version have the same path. */
export const openDocument = (file: string): vscode.TextDocument | undefined =>
  vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && uri.scheme === 'file' && uri.fsPath === file);

/** What is run or scanned is what the person sees. */
export async function saveOpen(file: string): Promise<void> {
  const open = openDocument(file);
  if (open?.isDirty && !(await open.save()))
    throw inputError(t('the file could not be saved.'), { place: file, remedy: t('Save it yourself.') });
}
