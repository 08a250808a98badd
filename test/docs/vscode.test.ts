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

test('of a run that a reload cut off it is said who goes on with it', () => {
  const text = section(TEXT, '## Many runs').replaceAll('\n', ' ');
  const [, fate] = /the run that was at work ([^.]*)\./.exec(text)!;
  // cluster.test.ts and queueKept.test.ts: a run on a cluster alone goes on by itself.
  assert.match(fate!, /^ends with the window, .* when you choose \*Resume\* \(one on a cluster goes on by itself\)$/);
});

test('every view is listed', () => {
  const names = json('package.nls.json') as Record<string, string>;
  const listed = rows(section(TEXT, '## Views')).map(([name]) => name);
  assert.deepEqual(listed, [
    ...contributes.views.securityVectors.map(({ name }) => names[name.slice(1, -1)]),
    'Test Explorer',
  ]);
});
