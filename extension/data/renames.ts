import * as vscode from 'vscode';
import { reviewFile } from '../../runtime/contract/review.js';
import { exists } from '../host/checkedFile.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import type { Scans } from './scans.js';

/**
 * Data files that are renamed or moved in the window take along what is known of them: the review that lies beside
 * them, in the same step, so that both can be undone together, and the scan.
 */
export function renames({ scans, onError }: { scans: Scans; onError: (error: unknown) => unknown }): Disposable {
  const disposables = new Disposables();
  disposables.add(vscode.workspace.onWillRenameFiles((event) => event.waitUntil(withReviews(event.files))));
  disposables.add(
    vscode.workspace.onDidRenameFiles(async ({ files }) => {
      for (const { oldUri, newUri } of files) await scans.moved(oldUri.fsPath, newUri.fsPath).catch(onError);
    }),
  );
  return disposables;
}

async function withReviews(files: vscode.FileWillRenameEvent['files']): Promise<vscode.WorkspaceEdit> {
  const edit = new vscode.WorkspaceEdit();
  for (const { oldUri, newUri } of files) {
    if (oldUri.scheme !== 'file' || newUri.scheme !== 'file') continue;
    const [from, to] = [oldUri, newUri].map(({ fsPath }) => reviewFile(fsPath)) as [string, string];
    const isAlone = !files.some((other) => other.oldUri.fsPath === from);
    // A review that is there already is somebody's.
    if (isAlone && (await exists(from)) && !(await exists(to)))
      edit.renameFile(vscode.Uri.file(from), vscode.Uri.file(to), { overwrite: false });
  }
  return edit;
}
