/** What is behind an @ is a scale only where it cannot be a part of the name. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parse, reference } from '../../runtime/commandLine/given.js';

const adapters = (...given: string[]) =>
  reference(parse(['--model', 'm', ...given.flatMap((text) => ['--adapter', text])]).values).adapters;

test('of a folder a number behind the last @ is its scale', () => {
  assert.deepEqual(adapters('dir@0.5', 'dir', 'at@home', 'at@home@-1'), [
    { path: resolve('dir'), scale: 0.5 },
    { path: resolve('dir'), scale: 1 },
    { path: resolve('at@home'), scale: 1 },
    { path: resolve('at@home'), scale: -1 },
  ]);
});

test('a folder whose whole name is there is that folder', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'at-'));
  t.after(() => rmSync(root, { recursive: true }));
  const run = join(root, 'run@2');
  assert.deepEqual(adapters(run), [{ path: join(root, 'run'), scale: 2 }]);
  mkdirSync(run);
  assert.deepEqual(adapters(run, `${run}@2`), [
    { path: run, scale: 1 },
    { path: run, scale: 2 },
  ]);
});

test('of a name of the Hub what is behind the first @ is its revision, also where that is a number', () => {
  assert.deepEqual(adapters('hub:a/b@2.0', 'hub:a/b@2.0@0.5', 'hub:a/b@v1', 'hub:a/b@v1@-2', 'hub:a/b'), [
    { path: 'hub:a/b@2.0', scale: 1 },
    { path: 'hub:a/b@2.0', scale: 0.5 },
    { path: 'hub:a/b@v1', scale: 1 },
    { path: 'hub:a/b@v1', scale: -2 },
    { path: 'hub:a/b', scale: 1 },
  ]);
});
