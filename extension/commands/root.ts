import * as vscode from 'vscode';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';

/** The first workspace folder, where recipes and results are written. */
export function requireRoot(): string {
  const root = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (root === undefined) {
    throw inputError(t('no folder is open.'), { remedy: t('Open a folder first.') });
  }
  return root;
}
