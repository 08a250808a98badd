import * as vscode from 'vscode';
import { Cancelled } from '../host/errors.js';

/** Asks before something is lost. @throws Cancelled where the person does not want it */
export async function confirm(question: string, detail: string, button: string): Promise<void> {
  const yes = { title: button };
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) !== yes) throw new Cancelled();
}
