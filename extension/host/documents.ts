import * as vscode from 'vscode';

/** The document of a file as a person edits it; those of a diff or of an older version have the same path. */
export const openDocument = (file: string): vscode.TextDocument | undefined =>
  vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && uri.scheme === 'file' && uri.fsPath === file);
