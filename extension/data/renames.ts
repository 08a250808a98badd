import * as vscode from 'vscode';
import { labelsFile } from '../../runtime/contract/labels.js';
import { reviewFile } from '../../runtime/contract/review.js';
import { exists } from '../host/checkedFile.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import type { Mappings } from './mappings.js';
import type { Scans } from './scans.js';

/**
 * Data files that are renamed or moved in the window take along what people and scans have said of them: the review or
 * labels that lie beside them, in the same step, so that all can be undone together, the scan, and which columns are
 * read as what.
 */
export function renames({
  scans,
  mappings,
  onError,
}: {
  scans: Scans;
  mappings: Mappings;
  onError: (error: unknown) => unknown;
}): Disposable {
  const disposables = new Disposables();
  disposables.add(vscode.workspace.onWillRenameFiles((event) => event.waitUntil(withCompanions(event.files))));
  disposables.add(
    vscode.workspace.onDidRenameFiles(async ({ files }) => {
      try {
        for (const { oldUri, newUri } of files) {
          await scans.moved(oldUri.fsPath, newUri.fsPath);
          await mappings.moved(oldUri.fsPath, newUri.fsPath);
        }
      } catch (error) {
        onError(error);
      }
    }),
  );
  return disposables;
}

async function withCompanions(files: vscode.FileWillRenameEvent['files']): Promise<vscode.WorkspaceEdit> {
  const edit = new vscode.WorkspaceEdit();
  for (const { oldUri, newUri } of files) {
    if (oldUri.scheme !== 'file' || newUri.scheme !== 'file') continue;
    for (const beside of [reviewFile, labelsFile]) {
      const [from, to] = [beside(oldUri.fsPath), beside(newUri.fsPath)];
      const isAlone = !files.some((other) => other.oldUri.fsPath === from);
      // One that is there already is somebody's.
      if (isAlone && (await exists(from)) && !(await exists(to)))
        edit.renameFile(vscode.Uri.file(from), vscode.Uri.file(to), { overwrite: false });
    }
  }
  return edit;
}
