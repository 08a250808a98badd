/** The extension as VS Code starts it, in the fake. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { memory } from './fake/memory.js';
import { Uri, workspace } from './fake/vscode.js';

const { activate } = await import('../../extension/extension.js');

/** Starts it in a window with this folder; it ends with the test. */
export async function start(t: TestContext, project: string, isTrusted: boolean): Promise<void> {
  Object.assign(workspace, { isTrusted, workspaceFolders: [{ uri: Uri.file(project), name: 'project' }] });
  const memento = memory();
  const subscriptions: { dispose(): unknown }[] = [];
  t.after(() => subscriptions.forEach((part) => part.dispose()));
  const secrets = { get: async () => undefined, onDidChange: () => ({ dispose: () => undefined }) };
  const context = {
    ...{ subscriptions, secrets, workspaceState: memento, globalState: memento },
    globalStorageUri: Uri.file(join(project, '.windows')),
    ...{ extensionUri: Uri.file(project), extension: { id: 'security-vectors' } },
  };
  await activate(context as never);
}
