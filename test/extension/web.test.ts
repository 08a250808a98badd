/** In a browser without a machine behind it the extension says why nothing can be run, and what to do. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';
import { COMMANDS } from '../../extension/host/contributions.js';

const root = path.resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
  browser: string;
  extensionKind: string[];
  contributes: {
    views: { securityVectors: { id: string; when?: string }[] };
    viewsWelcome: { view: string; contents: string; when?: string }[];
  };
};

test('its bundle needs nothing of Node, and answers every command with why and what to do', async () => {
  assert.equal(manifest.browser, './dist/web.cjs');
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['extension/web.ts'],
    bundle: true,
    platform: 'browser',
    format: 'cjs',
    external: ['vscode'],
    write: false,
  });
  const commands = new Map<string, () => Promise<void>>();
  const said: string[] = [];
  const opened: string[] = [];
  const vscode = {
    commands: { registerCommand: (id: string, run: () => Promise<void>) => commands.set(id, run) },
    l10n: { t: (text: string) => text },
    window: { showWarningMessage: async (text: string, button: string) => (said.push(text), button) },
    env: { openExternal: async (uri: string) => opened.push(uri) },
    Uri: { parse: (uri: string) => uri },
  };
  const module = { exports: {} as { activate(context: { subscriptions: unknown[] }): void } };
  // A context of its own: no process, no Buffer, no modules but vscode.
  const require = (id: string): unknown => (id === 'vscode' ? vscode : assert.fail(`it loads ${id}`));
  vm.runInNewContext(outputFiles[0]!.text, { module, exports: module.exports, require });
  const subscriptions: unknown[] = [];
  module.exports.activate({ subscriptions });
  assert.deepEqual([...commands.keys()].sort(), Object.values<string>(COMMANDS).sort());
  assert.equal(subscriptions.length, commands.size);
  await commands.get(COMMANDS.trainVector)!();
  assert.match(said[0]!, /a browser cannot run one\. Open the folder in VS Code on a desktop/);
  assert.match(opened[0]!, /^https:\/\/code\.visualstudio\.com\//);
});

test('there the view says so instead of offering what cannot be done, and a machine always comes first', () => {
  assert.deepEqual(manifest.extensionKind, ['workspace']);
  const { views, viewsWelcome } = manifest.contributes;
  const alone = viewsWelcome.filter(({ contents }) => contents === '%welcome.noHost%');
  assert.deepEqual(
    alone.map(({ view, when }) => [view, when]),
    [['securityVectors.models', 'isWeb && !remoteName']],
  );
  const others = viewsWelcome.filter(({ view, contents }) => view === 'securityVectors.models' && contents !== '%welcome.noHost%'); // oxfmt-ignore
  assert.equal(others.length, 4);
  assert.ok(others.every(({ when }) => when?.startsWith('(!isWeb || remoteName) && ')));
  const hidden = views.securityVectors.filter(({ when }) => when === '!isWeb || remoteName').map(({ id }) => id);
  assert.deepEqual(hidden, ['securityVectors.training', 'securityVectors.data', 'securityVectors.runs']);
});
