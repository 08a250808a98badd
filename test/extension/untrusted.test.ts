/** The extension as VS Code starts it where a folder looks like one of ours, before anybody has trusted the folder. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import childProcess from 'node:child_process';
import { cp, readdir } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { VIEWS } from '../../extension/host/contributions.js';
import { fake, FakePanel, workspace, type TreeProvider } from './fake/vscode.js';
import { runFolder, temporary, until, write } from './support.js';

const { start } = await import('./started.js');

const SAMPLE = join(import.meta.dirname, '../../media/sample');

/** Draws a tree with all its rows. @returns them */
async function drawn(tree: TreeProvider, node?: unknown): Promise<unknown[]> {
  const items: unknown[] = [];
  for (const row of ((await tree.getChildren(node)) ?? []) as unknown[])
    items.push(tree.getTreeItem(row), ...(await drawn(tree, row)));
  return items;
}

test('started in a workspace that is not trusted, it shows what is there, and no engine is started', async (t) => {
  const root = await temporary(t);
  const project = join(root, 'project');
  await cp(SAMPLE, project, { recursive: true });
  await write(join(project, '.security-vectors/workspace.json'), {
    version: 1,
    models: [{ path: 'tiny-assistant', name: 'a', adapters: [] }],
  });
  await runFolder(project, 'made', {});
  /** Whether the workspace was trusted whenever a process was started. */
  const forks: boolean[] = [];
  const fork = mock.method(childProcess, 'fork', () => {
    forks.push(workspace.isTrusted);
    throw new Error('none is started here');
  });
  syncBuiltinESMExports();
  t.after(() => {
    fork.mock.restore();
    syncBuiltinESMExports();
  });
  const files = (await readdir(project, { recursive: true })).map((file) => join(project, file));
  fake.find = (glob) => {
    const { pattern = String(glob) } = glob as { pattern?: string };
    return files.filter((file) => (/manifest/.test(pattern) ? /manifest\.json$/ : /\.jsonl?$/).test(file));
  };
  await start(t, project, false);
  const page = new FakePanel('training');
  const onDidChangeVisibility = page.onDidChangeViewState;
  fake.viewProvider!.resolveWebviewView(Object.assign(page, { onDidChangeVisibility }));
  await page.send(1, { type: 'ready' });
  const trees = [VIEWS.models, VIEWS.data, VIEWS.runs].map((view) => fake.trees.get(view)!);
  let shown: string[] = [];
  const refused = 'this workspace is not trusted';
  for (let i = 0; i < 500 && (shown.includes('[]') || !shown[0]?.includes(refused)); i++) {
    shown = await Promise.all(trees.map(async (tree) => JSON.stringify(await drawn(tree))));
    await sleep(10);
  }
  for (const [i, name] of ['tiny-assistant', 'train.jsonl', 'made'].entries())
    assert.ok(shown[i]!.includes(name), shown[i]);
  assert.ok(shown[0]!.includes(refused), 'the model would have been looked at');
  assert.deepEqual(forks, []);

  workspace.isTrusted = true;
  await fake.trust.fire();
  await until(() => forks.length > 0, 'the model is looked at');
  assert.ok(forks.every((isTrusted) => isTrusted));
});
