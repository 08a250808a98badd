/**
 * Everything that VS Code shows in a notification, a dialog or an input box: there `[text](link)` is a link, which can
 * run a command, and much of the text comes from files and servers.
 */
import * as vscode from 'vscode';
import { visible } from '../../runtime/contract/visible.js';

/** The text without links. */
export const unlinked = (text: string): string => visible(text).replaceAll('](', '] (');

const SHOW = {
  info: vscode.window.showInformationMessage,
  warn: vscode.window.showWarningMessage,
  error: vscode.window.showErrorMessage,
};

export const showMessage = <B extends vscode.MessageItem>(
  kind: keyof typeof SHOW,
  message: string,
  buttons: readonly B[],
): Thenable<B | undefined> => SHOW[kind](unlinked(message), ...buttons);

/** Asks in a dialog; true where the person chose the button. */
export async function isAgreed(question: string, detail: string, button: string): Promise<boolean> {
  const yes = { title: button };
  const options = { modal: true, detail: unlinked(detail) };
  return (await vscode.window.showWarningMessage(unlinked(question), options, yes)) === yes;
}

/** Says what is done now, and which part of all is. */
export type Report = (message: string, fraction?: number) => void;

/** Shows that something is being done, with a way to cancel it. */
export const withProgress = <T>(
  title: string,
  work: (report: Report, token: vscode.CancellationToken) => PromiseLike<T>,
  location = vscode.ProgressLocation.Notification,
): Thenable<T> =>
  vscode.window.withProgress({ location, title: unlinked(title), cancellable: true }, (progress, token) => {
    let done = 0;
    const report: Report = (message, fraction = done) => {
      progress.report({ message: unlinked(message), increment: (fraction - done) * 100 });
      done = fraction;
    };
    return work(report, token);
  });
