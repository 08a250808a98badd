/** docs/vscode.md against the manifest of the extension. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { code, json, read, rows, section } from './pages.js';

const TEXT = read('docs/vscode.md');
const { contributes } = json('package.json') as {
  contributes: {
    configuration: { properties: Record<string, { default: unknown }> };
    views: { securityVectors: { name: string }[] };
  };
};

test('every setting is listed with its default', () => {
  const listed = rows(section(TEXT, '## Settings')).map(([name, value]) => [
    code(name!)[0],
    JSON.parse(code(value!)[0]!) as unknown,
  ]);
  const settings = Object.entries(contributes.configuration.properties);
  assert.deepEqual(
    listed,
    settings.map(([name, setting]) => [name, setting.default]),
  );
});

test('every view is listed', () => {
  const names = json('package.nls.json') as Record<string, string>;
  const listed = rows(section(TEXT, '## Views')).map(([name]) => name);
  assert.deepEqual(listed, [
    ...contributes.views.securityVectors.map(({ name }) => names[name.slice(1, -1)]),
    'Test Explorer',
  ]);
});
