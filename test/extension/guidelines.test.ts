/**
 * Guidelines of VS Code that the manifest and the sources show; test/vscode/points.md lists all of them with their
 * tests.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PANELS } from '../../extension/host/contributions.js';
import { json, read, sources } from '../docs/pages.js';

interface Entry {
  command?: string;
  submenu?: string;
  when?: string;
  group?: string;
}
const { contributes } = json('package.json') as {
  contributes: {
    menus: Record<string, Entry[]>;
    viewsContainers: { activitybar: { icon: string }[] };
    views: { securityVectors: { icon: string }[] };
  };
};
const { menus } = contributes;
const inExtension = (pattern: RegExp): string[] => sources('extension').filter((file) => pattern.test(read(file)));

test('there is one container, with an icon in one colour, and four views', () => {
  assert.equal(contributes.viewsContainers.activitybar.length, 1);
  for (const { icon } of [...contributes.viewsContainers.activitybar, ...contributes.views.securityVectors])
    assert.doesNotMatch(read(icon), /#(?!fff|000)[0-9a-f]{3,8}/i, icon);
  assert.equal(contributes.views.securityVectors.length, 4);
});

test('a row of a view has at most three actions beside its name', () => {
  const inline = menus['view/item/context']!.filter(({ group }) => group?.startsWith('inline'));
  assert.ok(inline.length > 3);
  const items = new Set(inline.flatMap(({ when }) => when!.match(/viewItem == [\w.]+/g) ?? []));
  for (const item of items) {
    const view = inline.filter(({ when }) => when!.split(/\s*\|\|\s*/).some((part) => part.endsWith(item)));
    assert.ok(view.length <= 3, `${item}: ${view.map(({ command }) => command).join()}`);
  }
});

test('menus of editors and of the explorer are for the files they are about', () => {
  const icons = (menus['editor/title'] ?? []).filter(({ group }) => group?.startsWith('navigation'));
  const entries = [...icons, ...(menus['explorer/context'] ?? []), ...(menus['editor/title/context'] ?? [])];
  assert.ok(entries.length > 0);
  for (const { command, when } of entries) assert.match(when ?? '', /resource|activeWebviewPanelId/, command);
  // One icon above a data file, and one above a report.
  assert.deepEqual(
    icons.map(({ command }) => command),
    ['securityVectors.openInBrowser', 'securityVectors.previewData'],
  );
});

test('pages are those that no view of VS Code can be: charts, tables with numbers, a chat, and the form of a recipe', () => {
  assert.deepEqual(Object.keys(PANELS), ['run', 'chat', 'triage', 'compare', 'report']);
  const made = inExtension(/createWebviewPanel\(/).map((file) => file.replaceAll('\\', '/'));
  assert.deepEqual(made.sort(), ['extension/panels/page.ts', 'extension/panels/reportPanel.ts']);
  const panels = inExtension(/registerWebviewPanelSerializer\(/);
  assert.deepEqual(panels.map((file) => /(\w+)Panel\.ts$/.exec(file)?.[1]).sort(), Object.keys(PANELS).sort());
  assert.deepEqual(
    inExtension(/registerWebviewViewProvider\(/).map((file) => file.replaceAll('\\', '/')),
    ['extension/views/training.ts'],
  );
});

test('the log is a log of VS Code, and the token is kept in its secrets', () => {
  assert.deepEqual(inExtension(/createOutputChannel\((?![^)]*log: true)/), []);
  assert.equal(inExtension(/createOutputChannel\(/).length, 1);
  const token = read('extension/commands/hub.ts');
  assert.match(token, /secrets\.(store|get)/);
  assert.deepEqual(inExtension(/(globalState|workspaceState)\.update\([^)]*[tT]oken/), []);
});

test('pages keep nothing alive behind them, have no colour of their own, and their charts do not move', () => {
  assert.deepEqual(inExtension(/retainContextWhenHidden/), []);
  assert.doesNotMatch(read('webview/style.css').replace(/\/\*[^]*?\*\//g, ''), /#[0-9a-f]{3,8}\b|\brgba?\(|\bhsl/i);
  assert.match(read('webview/plot.ts'), /animation: false/);
  assert.deepEqual(
    sources('webview').filter((file) => /innerHTML|insertAdjacentHTML|document\.write/.test(read(file))),
    [],
  );
});

test('nothing is measured about people', () => {
  assert.deepEqual(inExtension(/createTelemetryLogger|applicationinsights|TelemetryReporter/), []);
});
