import * as vscode from 'vscode';
import type { Button } from './notices.js';
import { t } from './text.js';

/**
 * A button that shows what was written: in the file manager where this window and the file are on the same machine,
 * else in the explorer; none for what that does not have.
 */
export function revealButtons(path: string): Button[] {
  const uri = vscode.Uri.file(path);
  const isHere = vscode.env.uiKind === vscode.UIKind.Desktop && vscode.env.remoteName === undefined;
  const isListed = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  if (!isHere && !isListed) return [];
  const command = isHere ? 'revealFileInOS' : 'revealInExplorer';
  return [{ title: t('Reveal'), run: () => vscode.commands.executeCommand(command, uri) }];
}
