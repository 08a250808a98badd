import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { COMMANDS, VIEWS } from '../../../extension/host/contributions.js';

const ID = 'security-vectors.security-vectors';

describe('contributions', () => {
  it('activates when a view or a command asks for it, not at start-up', async () => {
    const extension = vscode.extensions.getExtension(ID)!;
    assert.equal(extension.isActive, false);
    await vscode.commands.executeCommand(`${VIEWS.models}.focus`);
    await extension.activate();
    assert.equal(extension.isActive, true);
  });

  it('registers every command it contributes, and contributes every command it registers', async () => {
    const manifest = vscode.extensions.getExtension(ID)!.packageJSON as {
      contributes: { commands: { command: string; category: string; title: string }[] };
    };
    const contributed = manifest.contributes.commands.map(({ command }) => command);
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual([...contributed].sort(), Object.values<string>(COMMANDS).sort());
    assert.deepEqual(
      contributed.filter((command) => !registered.has(command)),
      [],
    );
    assert.deepEqual([...new Set(manifest.contributes.commands.map(({ category }) => category))], ['Security Vectors']);
  });

  it('has its views, the training panel first', async () => {
    const manifest = vscode.extensions.getExtension(ID)!.packageJSON as {
      contributes: { views: Record<string, { id: string }[]> };
    };
    const views = Object.values(manifest.contributes.views)
      .flat()
      .map(({ id }) => id);
    assert.deepEqual([...views].sort(), Object.values<string>(VIEWS).sort());
    assert.equal(views[0], VIEWS.training);
    for (const view of views) await vscode.commands.executeCommand(`${view}.focus`);
  });
});
