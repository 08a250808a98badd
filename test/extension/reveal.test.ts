/** What was written is shown by what the window has: a browser and a remote window have no file manager of its machine. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, env, UIKind, Uri, workspace } from './fake/vscode.js';

const { revealButtons } = await import('../../extension/host/reveal.js');

test('a file is shown in the file manager of its machine, elsewhere in the explorer, if that has it', async (t) => {
  const before = { ...env, execute: commands.executeCommand, folders: workspace.workspaceFolders };
  t.after(() => {
    Object.assign(env, { uiKind: before.uiKind, remoteName: before.remoteName });
    commands.executeCommand = before.execute;
    workspace.workspaceFolders = before.folders;
  });
  const called: string[] = [];
  commands.executeCommand = async (name: string) => void called.push(name);
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file('/w') }] });
  for (const [uiKind, remoteName, inside, outside] of [
    [UIKind.Desktop, undefined, 'revealFileInOS', 'revealFileInOS'],
    [UIKind.Desktop, 'ssh-remote', 'revealInExplorer', undefined],
    [UIKind.Web, undefined, 'revealInExplorer', undefined],
    [UIKind.Web, 'tunnel', 'revealInExplorer', undefined],
  ] as const) {
    Object.assign(env, { uiKind, remoteName });
    for (const [path, command] of [
      ['/w/exports/a.gguf', inside],
      ['/elsewhere/a.gguf', outside],
    ] as const) {
      for (const { run } of revealButtons(path)) await run();
      assert.deepEqual(called.splice(0), command === undefined ? [] : [command], `${uiKind} ${remoteName} ${path}`);
    }
  }
});
