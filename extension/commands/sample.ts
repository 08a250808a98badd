import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { Cancelled, inputError } from '../host/errors.js';
import { editorPath, firstFree, folderOf } from '../host/paths.js';
import type { Services } from '../services/services.js';
import { workspaceRoots } from './root.js';
import { t } from '../host/text.js';
import { changeState, listModel, STATE_FOLDER, unwritable } from '../host/state.js';

/** Copies the sample into a folder and opens it there. @returns the folder. */
export async function openSample(
  services: Pick<Services, 'extension' | 'files' | 'models'>,
  given: CommandArguments['openSample'],
): Promise<string> {
  const target = given.folder === undefined ? await chooseFolder() : editorPath(given.folder);
  await copySample(services.extension.fsPath, target);
  const roots = workspaceRoots();
  const model = join(target, 'tiny-assistant');
  if (folderOf(target, roots) !== undefined) {
    await services.files.scan();
    await services.models.add(model);
    const readme = vscode.Uri.file(join(target, 'README.md'));
    await vscode.commands.executeCommand('markdown.showPreview', readme).then(undefined, () => undefined);
  } else {
    await changeState(target, ({ models }) => listModel(models, target, model));
    await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(target));
  }
  return target;
}

/** Writes over nothing: a folder that has any of the sample's files is refused. */
async function copySample(extension: string, target: string): Promise<void> {
  const source = join(extension, 'media', 'sample');
  const names = await readdir(source);
  const there = new Set(await readdir(target).catch(() => []));
  const taken = names.find((name) => there.has(name));
  if (taken !== undefined) {
    throw inputError(t('the folder has a "{0}" already.', taken), {
      place: target,
      remedy: t('Choose an empty folder.'),
    });
  }
  for (const name of names) {
    const to = vscode.Uri.file(join(target, name));
    await vscode.workspace.fs.copy(vscode.Uri.file(join(source, name)), to).then(undefined, (error: unknown) => {
      throw unwritable(target, error);
    });
  }
}

/** An open folder that is empty, else one that the person chooses; in one that is not empty a new folder is made. */
async function chooseFolder(): Promise<string> {
  for (const root of workspaceRoots()) if (await isEmpty(root)) return root;
  const [chosen] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      title: t('Where should the sample workspace be copied to?'),
      openLabel: t('Copy sample here'),
    })) ?? [];
  if (!chosen) throw new Cancelled();
  if (await isEmpty(chosen.fsPath)) return chosen.fsPath;
  const free = await firstFree('security-vectors-sample', async (name) => !(await isEmpty(join(chosen.fsPath, name))));
  return join(chosen.fsPath, free);
}

/** Editors' own folders do not count; a folder that does not exist is empty. */
async function isEmpty(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.every((name) => name.startsWith('.') && name !== STATE_FOLDER);
}
