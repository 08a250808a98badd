import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Ended } from '../../../extension/commands/runs.js';
import type { CommandResults } from '../../../extension/commands/register.js';
import type { CommandArguments } from '../../../extension/host/commandArguments.js';
import { COMMANDS, type CommandName } from '../../../extension/host/contributions.js';
import type { ErrorData } from '../../../runtime/contract/errors.js';

/** The workspace folder; it is a copy made for this run of the suite. */
export const root = (): vscode.Uri => vscode.workspace.workspaceFolders![0]!.uri;
export const inWorkspace = (path: string): vscode.Uri => vscode.Uri.joinPath(root(), path);

/** Runs a command as views and lenses do. */
export const command = <K extends CommandName>(name: K, argument: CommandArguments[K]): Thenable<CommandResults[K]> =>
  vscode.commands.executeCommand<CommandResults[K]>(COMMANDS[name], argument);

/** Runs a command as a menu does: on a file. */
export const onFile = <K extends CommandName>(name: K, file: vscode.Uri): Thenable<CommandResults[K]> =>
  vscode.commands.executeCommand<CommandResults[K]>(COMMANDS[name], file, [file]);

/** What a command that fails answers. */
export const failing = async (name: CommandName, ...argument: unknown[]): Promise<ErrorData> =>
  (await vscode.commands.executeCommand<{ error: ErrorData }>(COMMANDS[name], ...argument)).error;

export async function json<T>(path: string): Promise<T> {
  return JSON.parse(Buffer.from(await vscode.workspace.fs.readFile(inWorkspace(path))).toString()) as T;
}

export const exists = (path: string): Thenable<boolean> =>
  vscode.workspace.fs.stat(inWorkspace(path)).then(
    () => true,
    () => false,
  );

/** Runs a recipe of the workspace with some of its values changed, so that it takes seconds. */
export async function runShort(recipe: string, name: string, changes: object): Promise<Ended> {
  const file = inWorkspace(`recipes/${name}.json`);
  const changed = { ...(await json<object>(recipe)), ...changes };
  await vscode.workspace.fs.writeFile(file, Buffer.from(JSON.stringify(changed, undefined, 2)));
  return onFile('runRecipe', file);
}

/** Titles of the lenses of a file, once there are some that `wanted` accepts. */
export async function lenses(path: string, wanted: (titles: string[]) => boolean): Promise<string[]> {
  await vscode.window.showTextDocument(inWorkspace(path));
  let titles: string[] = [];
  for (let i = 0; i < 100; i++) {
    const found = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      inWorkspace(path),
      200,
    );
    titles = found.map((lens) => lens.command?.title ?? '');
    if (wanted(titles)) return titles;
    await sleep(200);
  }
  return assert.fail(`lenses of ${path}: ${JSON.stringify(titles)}`);
}
