import { basename } from 'node:path';
import * as vscode from 'vscode';
import { isText } from '../../runtime/contract/dataInfo.js';
import { commandLink } from '../host/commandLink.js';
import { t } from '../host/text.js';

/**
 * What opens a data file, at a line where there is one: what is no text is shown as rows. The window opens the others
 * itself, as an extension gets no document of more than 50 MB.
 */
export function dataLink(file: string, line?: number): vscode.Command {
  if (!isText(file)) return commandLink('previewData', t('Show rows'), { file });
  const selection = line === undefined ? undefined : new vscode.Range(line - 1, 0, line - 1, 0);
  return {
    command: 'vscode.open',
    title: t('Open {0}', basename(file)),
    arguments: [vscode.Uri.file(file), ...(selection ? [{ selection }] : [])],
  };
}

/** Opens it now. */
export async function openData(file: string, line?: number): Promise<void> {
  const { command, arguments: given = [] } = dataLink(file, line);
  await vscode.commands.executeCommand(command, ...(given as unknown[]));
}
