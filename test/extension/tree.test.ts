import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import type * as vscode from 'vscode';
import { Emitter } from '../../extension/host/disposable.js';
import { provider } from '../../extension/views/tree.js';

interface Node {
  path: string;
}

/** A view of `rows`: `a` and `a/b`, `a/c` below it. Gives what it fires, and asks for what it fires as VS Code does. */
function view(t: TestContext, rows: Record<string, string>) {
  const changes = new Emitter<void>();
  const below = (parent: string): Node[] =>
    Object.keys(rows)
      .filter((path) => path.slice(0, Math.max(0, path.lastIndexOf('/'))) === parent)
      .map((path) => ({ path }));
  const made = provider<Node>(
    {
      id: ({ path }) => path,
      roots: () => below(''),
      children: ({ path }) => below(path),
      item: ({ path }) => ({ label: rows[path] }) as vscode.TreeItem,
    },
    changes.event,
  );
  t.after(() => made.dispose());
  const fired: (string | string[])[] = [];
  const ask = (node?: Node): void => {
    if (node) made.getTreeItem(node);
    made.getChildren(node).forEach(ask);
  };
  made.onDidChangeTreeData((nodes) => {
    fired.push(Array.isArray(nodes) ? nodes.map(({ path }) => path) : (nodes?.path ?? 'all'));
    if (Array.isArray(nodes)) nodes.forEach(ask);
    else ask(nodes);
  });
  /** Says that something has changed, waits until it was drawn, gives what was fired meanwhile. */
  const change = async (): Promise<unknown[]> => {
    changes.fire();
    await sleep(260);
    return fired.splice(0);
  };
  return { made, ask, changes, change, fired };
}

test('a view draws the rows that have changed, and no others', async (t) => {
  const rows: Record<string, string> = { a: 'A', 'a/b': 'B', 'a/c': 'C', d: 'D' };
  const { made, ask, change, fired } = view(t, rows);
  assert.deepEqual(await change(), [], 'nobody has looked at it yet');
  ask();
  assert.deepEqual(await change(), []);
  rows['a/c'] = 'C2';
  assert.deepEqual(await change(), [['a/c']]);
  assert.deepEqual(await change(), []);
  rows['a/b'] = 'B2';
  rows['d'] = 'D2';
  assert.deepEqual(await change(), [['a/b', 'd']]);
  rows['a'] = 'A2';
  rows['a/b'] = 'B3';
  assert.deepEqual(await change(), [['a']], 'a row stands for those below it');
  rows['a/e'] = 'E';
  assert.deepEqual(await change(), [['a']], 'one more below a row');
  delete rows['d'];
  assert.deepEqual(await change(), ['all'], 'one less');
  assert.equal(made.getTreeItem({ path: 'a' }).id, 'a');
  made.redraw({ path: 'a/b' });
  assert.deepEqual(fired.splice(0), ['a/b'], 'asked for, it is drawn though nothing has changed');
});

test('a stream of changes is drawn five times a second, the last of them too', async (t) => {
  const rows = { a: '0' };
  const { ask, changes, change, fired } = view(t, rows);
  ask();
  const started = performance.now();
  for (let i = 1; i <= 20; i++) {
    rows.a = String(i);
    changes.fire();
    await sleep(30);
  }
  const drawn = fired.splice(0).length;
  assert.ok(drawn >= 2 && drawn <= (performance.now() - started) / 200, `drawn ${drawn} times`);
  await sleep(260);
  fired.splice(0);
  assert.deepEqual(await change(), []);
});
