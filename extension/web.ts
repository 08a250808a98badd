import * as vscode from 'vscode';
import { COMMANDS } from './host/contributions.js';

const DESKTOP = 'https://code.visualstudio.com/download';

/**
 * The extension in a browser that no machine stands behind: every command says why it cannot be done here, and what to
 * do.
 */
export function activate(context: vscode.ExtensionContext): void {
  for (const command of Object.values(COMMANDS))
    context.subscriptions.push(vscode.commands.registerCommand(command, say));
}

async function say(): Promise<void> {
  const get = vscode.l10n.t('Get VS Code');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t(
      'Training needs a program that reads models from disk, and a browser cannot run one. Open the folder in VS Code on a desktop, or in a window that is connected to a machine: by SSH, a tunnel, WSL, a container or a codespace.',
    ),
    get,
  );
  if (chosen === get) await vscode.env.openExternal(vscode.Uri.parse(DESKTOP));
}
