import * as vscode from 'vscode';
import { fileInFront } from '../host/documents.js';
import { Cancelled, noFolder } from '../host/errors.js';
import { folderOf } from '../host/paths.js';
import { t } from '../host/text.js';
import type { Questions } from './wizard.js';

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
  const known = knownRoot(files);
  if (known !== undefined) return known;
  const chosen = await vscode.window.showWorkspaceFolderPick({ placeHolder: t('Which folder is it written to?') });
  if (!chosen) throw new Cancelled();
  return chosen.uri.fsPath;
}

/** The same as a question of a wizard; on the way back it is the same, although another editor may be active. */
export async function askRoot(ask: Questions, ...files: readonly (string | undefined)[]): Promise<string> {
  const known = ask.atFirst(`folder for ${files.join()}`, () => knownRoot(files));
  if (known !== undefined) return known;
  const folders = vscode.workspace.workspaceFolders ?? [];
  const choices = folders.map(({ name, uri: { fsPath } }) => ({ label: name, description: fsPath, value: fsPath }));
  return ask.pick(t('Which folder is it written to?'), choices);
}

function knownRoot(files: readonly (string | undefined)[]): string | undefined {
  const roots = requireRoots();
  for (const file of [...files, fileInFront()]) {
    const root = file === undefined ? undefined : folderOf(file, roots);
    if (root !== undefined) return root;
  }
  return roots.length === 1 ? roots[0] : undefined;
}
