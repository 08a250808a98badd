import type * as vscode from 'vscode';
import type { CommandArguments } from './commandArguments.js';
import { COMMANDS, type CommandName } from './contributions.js';

/** A command to be run by a click: on a row of a view, a lens, or the status bar. */
export const commandLink = <K extends CommandName>(
  name: K,
  title: string,
  argument: CommandArguments[K],
): vscode.Command => ({ title, command: COMMANDS[name], arguments: [argument] });
