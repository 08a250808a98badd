/** Each of the 36 points of test/vscode/points.md has a test that exists, and the pictures it names are taken. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { code, read, ROOT, rows, testsOf } from './pages.js';

const LIST = 'test/vscode/points.md';
const POINTS = rows(read(LIST));

test('all 36 points are there, in order', () => {
  assert.deepEqual(
    POINTS.map(([number]) => Number(number)),
    Array.from({ length: 36 }, (_, i) => i + 1),
  );
});

test('each names tests that exist', () => {
  for (const [, point, tests] of POINTS) {
    const named = [...tests!.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
    assert.ok(named.length > 0, `no test holds: ${point}`);
    for (const [, name, link] of named) {
      const file = posix.join(posix.dirname(LIST), link!);
      assert.ok(testsOf(file).includes(name!), `${point}: ${file} has no test "${name}"`);
    }
  }
});

test('pictures that are named are taken by a scenario', () => {
  const folder = 'test/vscode/ui';
  const scenarios = readdirSync(join(ROOT, folder)).map((file) => read(`${folder}/${file}`));
  const named = POINTS.flatMap(([, , , picture]) => code(picture!));
  assert.ok(named.length > 10);
  for (const name of named)
    assert.ok(
      scenarios.some((text) => text.includes(`shot('${name}'`)),
      name,
    );
});
