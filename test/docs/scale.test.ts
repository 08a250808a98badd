/** docs/scale.md against the script that its tables come from, and what the program sends and waits. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { MOST_PACKAGE, OLDEST } from '../../runtime/cluster/faults.js';
import { PATIENCE } from '../../runtime/cluster/follow.js';
import { read } from './pages.js';

const TEXT = read('docs/scale.md');
const cells = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-| ]+$/.test(line))
    .map((line) => line.replace(/\s+/g, ' '));

test('the tables are those of the script', () => {
  const script = execFileSync(process.execPath, ['test/ray/scale.mjs'], { encoding: 'utf8' });
  const shown = cells(TEXT);
  for (const line of cells(script)) assert.ok(shown.includes(line), line);
});

test('limits and patience are those of the program', () => {
  assert.ok(TEXT.includes(`Ray ${OLDEST.join('.')} or newer`));
  assert.ok(TEXT.includes(`at most ${MOST_PACKAGE / 2 ** 20} MiB`));
  assert.ok(TEXT.includes(`tries again for ${PATIENCE.awayMs / 60_000} minutes`));
});
