/** SECURITY.md claims nothing that no test holds; and the claims that are about all sources at once are held here. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { read, ROOT, sources, testsOf } from './pages.js';

const TEXT = read('SECURITY.md');

test('each claim of SECURITY.md names tests that exist', () => {
  const rows = TEXT.split('\n').filter((line) => /^\|(?!-| It may)/.test(line));
  assert.ok(rows.length > 30, `${rows.length} claims`);
  for (const row of rows) {
    const [claim, links] = row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()) as [string, string];
    const named = [...links.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
    assert.ok(named.length > 0, `no test holds: ${claim}`);
    assert.equal(named.map(([link]) => link).join('<br>'), links, `other text beside the tests of: ${claim}`);
    for (const [, name, file] of named) {
      assert.ok(existsSync(join(ROOT, file!)), `${claim}: there is no ${file}`);
      assert.ok(testsOf(file!).includes(name!), `${claim}: ${file} has no test "${name}"`);
    }
  }
});

const SOURCES = ['runtime', 'extension', 'webview'].flatMap(sources);
const sourcesWith = (pattern: RegExp): string[] => SOURCES.filter((file) => pattern.test(read(file)));

test('only a download, a publishing, a run on a cluster or a judge at an address reaches the network', () => {
  const modules =
    /(from |import\()'(node:(https?|http2|net|tls|dgram|dns)(\/promises)?|undici|@huggingface\/hub|[./]+\/support\/network\.js)'/;
  const globals = /(?<![\w.])fetch\(|\b(WebSocket|XMLHttpRequest|EventSource|sendBeacon)\b/;
  for (const pattern of [modules, globals])
    assert.deepEqual(
      sourcesWith(pattern).filter(
        (file) =>
          !/^runtime\/(models\/hub\/|cluster\/|evaluation\/judges\/endpoint\.ts$|support\/network\.ts$)/.test(file),
      ),
      [],
    );
});

test('no text becomes a program', () => {
  assert.deepEqual(sourcesWith(/\beval\((?!\?)|\bnew Function\b|createTerminal|shell: true|import\((?!['"])/), []);
  assert.deepEqual(sourcesWith(/from 'node:vm'/), ['runtime/support/timeLimit.ts'], 'its only script is "run()"');
  assert.deepEqual(sourcesWith(/\bWebAssembly\./), ['runtime/onnx/fused.ts'], 'made of graphs of our own');
  const starting = [
    'runtime/evaluation/judges/apart.ts',
    'runtime/support/memory.ts',
    'runtime/runs/ownerOf.ts',
    'extension/engine/engine.ts',
  ];
  assert.deepEqual(sourcesWith(/from 'node:(child_process|worker_threads|cluster)'/).sort(), starting.sort());
});

test('packages run no scripts when they are installed', () => {
  assert.match(read('.npmrc'), /^ignore-scripts=true$/m);
});
