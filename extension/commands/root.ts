import * as vscode from 'vscode';
import { fileInFront } from '../host/documents.js';
import { Cancelled, noFolder } from '../host/errors.js';
import { folderOf } from '../host/paths.js';
import { t } from '../host/text.js';

/** The folders of the workspace. The first one keeps the list of its models. */
export const workspaceRoots = (): string[] => (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);

/** @throws HostError where no folder is open: recipes and results are written into one */
export function requireRoots(): string[] {
  const roots = workspaceRoots();
  if (roots.length === 0) throw noFolder();
  return roots;
}

/**
 * The folder of the workspace for recipes and results of these files: of several that of the first file that lies in
 * one, else that of the active editor, else the one that is chosen.
 */
export async function rootFor(...files: readonly (string | undefined)[]): Promise<string> {
  const roots = requireRoots();
  for (const file of [...files, fileInFront()]) {
    const root = file === undefined ? undefined : folderOf(file, roots);
    if (root !== undefined) return root;
  }
  if (roots.length === 1) return roots[0]!;
  const chosen = await vscode.window.showWorkspaceFolderPick({ placeHolder: t('Which folder is it written to?') });
  if (!chosen) throw new Cancelled();
  return chosen.uri.fsPath;
}
