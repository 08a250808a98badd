import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distinctNames } from '../../extension/runs/distinct.js';

const names = (...all: [name: string, folder: string][]): string[] =>
  distinctNames(all.map(([name, folder]) => ({ name, folder })));

test('what is called alike is told apart by its folder', () => {
  assert.deepEqual(names(['a', '/w/a'], ['b', '/w/b'], ['a', '/w/copy']), ['a', 'b', 'a (copy)']);
  assert.deepEqual(names(['a', '/w/old/a'], ['a', '/w/new/a']), ['a (old/a)', 'a (new/a)']);
  assert.deepEqual(names(['a', 'C:\\w\\x'], ['a', 'C:\\w\\y']), ['a (x)', 'a (y)']);
  assert.deepEqual(names(['a', '/w/a'], ['a', '/w/a']), ['a', 'a']);
  const many = distinctNames(Array.from({ length: 20_000 }, (_, i) => ({ name: 'a', folder: `/w/runs/${i}` })));
  assert.deepEqual([many[0], many.at(-1)], ['a (0)', 'a (19999)']);
});
