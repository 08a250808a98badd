import type * as vscode from 'vscode';

/**
 * Where the extension begins. What it is made of is loaded in parts: as one it would hold up the extension host for too
 * long.
 */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  // This file was read and compiled in the turn that is on.
  await nextTurn();
  await import('zod');
  await nextTurn();
  await import('../runtime/contract/recipe.js');
  await nextTurn();
  await import('./engine/engine.js');
  await nextTurn();
  const extension = await import('./extension.js');
  await nextTurn();
  await extension.activate(context);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
