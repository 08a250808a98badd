import { isAbsolute, sep } from 'node:path';
import * as vscode from 'vscode';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { exists } from './checkedFile.js';
import { COMMANDS } from './contributions.js';
import { Cancelled, errorData, inputError, parsePlace } from './errors.js';
import { showMessage, unlinked } from './messages.js';
import { t } from './text.js';

export interface Notices {
  /**
   * What, where, next step; with a button that opens the place if it is a setting, or one in a file that is there.
   * Silent for what was cancelled.
   */
  error(error: unknown): void;
  info(message: string, ...buttons: Button[]): void;
  warn(message: string, ...buttons: Button[]): void;
}

export interface Button extends vscode.MessageItem {
  run(): unknown;
}

/** @param tryAgain called before a person tries again after the engine was given up. */
export function createNotices(log: vscode.LogOutputChannel, tryAgain: () => void): Notices {
  const show = async (...message: Parameters<typeof showMessage<Button>>): Promise<void> => {
    const chosen = await showMessage(...message);
    try {
      await chosen?.run();
    } catch (failed) {
      error(failed);
    }
  };
  // A window that closes shows nothing more.
  const caught = (promise: Promise<void>): void => void promise.catch((unshown: unknown) => log.error(String(unshown)));
  function error(thrown: unknown): void {
    if (thrown instanceof Cancelled) return;
    const data = errorData(thrown);
    log.error(data.stack ?? describe(data));
    caught(buttonsFor(data, log, tryAgain).then((buttons) => show('error', describe(data), buttons)));
  }
  return {
    info: (message, ...buttons) => caught(show('info', message, buttons)),
    warn: (message, ...buttons) => caught(show('warn', message, buttons)),
    error,
  };
}

/** One sentence each: where (short), what, next step. */
export function describe({ message, place, remedy }: ErrorData): string {
  const what = place ? `${shortPlace(place)}: ${message}` : beginning(message);
  return unlinked(remedy ? `${what} ${remedy}` : what);
}

/** A word that begins a sentence; a name such as "tiny-assistant" or "gpt2" stays as it is. */
const beginning = (text: string): string =>
  text.replace(/^\p{Ll}+(?=[ ,:’'])/u, (word) => word[0]!.toLocaleUpperCase() + word.slice(1));

const shortPlace = (place: string): string => (isAbsolute(place) ? vscode.workspace.asRelativePath(place) : place);

async function buttonsFor(data: ErrorData, log: vscode.LogOutputChannel, tryAgain: () => void): Promise<Button[]> {
  const place = await placeButton(data.place);
  const buttons: Button[] = place ? [place] : [];
  if (data.code === 'setting')
    buttons.push({
      title: t('Open the settings'),
      run: () => vscode.commands.executeCommand('workbench.action.openSettings', `@id:${data.place}`),
    });
  if (data.code === 'token')
    buttons.push({ title: t('Set the token…'), run: () => vscode.commands.executeCommand(COMMANDS.setHubToken) });
  if (data.code === 'folder')
    buttons.push({ title: t('Open a folder'), run: () => vscode.commands.executeCommand('vscode.openFolder') });
  if (data.code === 'model')
    buttons.push({ title: t('Add a model'), run: () => vscode.commands.executeCommand(COMMANDS.addModel) });
  if (data.code === 'vector')
    buttons.push({
      title: t('Train a security vector'),
      run: () => vscode.commands.executeCommand(COMMANDS.trainVector),
    });
  if (data.kind !== 'input') buttons.push({ title: t('Show log'), run: () => log.show() });
  if (data.code === 'crashed') buttons.push({ title: t('Try again'), run: tryAgain });
  return buttons;
}

/** Opens the place of an error; none for a file that cannot be opened, as it could not be written or is gone. */
export async function placeButton(text: ErrorData['place']): Promise<Button | undefined> {
  const place = parsePlace(text);
  if (!place || (isAbsolute(place.file) && !(await exists(place.file)))) return undefined;
  const name = place.file.split(/[\\/]/).at(-1)!;
  return { title: t('Open {0}, line {1}', name, place.line), run: () => openPlace(text!) };
}

/** Opens `file:line:column`. The engine often gives a file's bare name: then it is looked for in the workspace. */
async function openPlace(text: string): Promise<void> {
  const place = parsePlace(text);
  if (!place) return;
  const uri = isAbsolute(place.file) ? vscode.Uri.file(place.file) : await find(place.file);
  // Its place would be the same button again.
  if (!uri)
    throw inputError(t('"{0}" is nowhere in this workspace.', place.file), {
      remedy: t('Open the folder that it lies in.'),
    });
  const at = new vscode.Position(place.line - 1, place.column - 1);
  // By the window: an extension gets no document of what is no text or has more than 50 MB.
  await vscode.commands.executeCommand('vscode.open', uri, { selection: new vscode.Range(at, at) });
}

async function find(file: string): Promise<vscode.Uri | undefined> {
  const [found] = await vscode.workspace.findFiles(`**/${file.split(sep).join('/')}`, '**/node_modules/**', 1);
  return found;
}
