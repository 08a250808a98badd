/** docs/scale.md against the script that its tables come from, and what the program sends and waits. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MOST_PACKAGE, OLDEST } from '../../runtime/cluster/faults.js';
import { PATIENCE } from '../../runtime/cluster/follow.js';
import { supported } from '../../runtime/cluster/supported.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { HumanError } from '../../runtime/support/errors.js';
import { code, read, rows, section } from './pages.js';

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

test('where there is no Python to measure with, the script says so', () => {
  const none = join(tmpdir(), 'no-such-python');
  const { status, stderr } = spawnSync(process.execPath, ['test/ray/scale.mjs', '--check', none], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.ok(stderr.startsWith(`${none} does not measure: `) && stderr.includes('--check PYTHON'), stderr);
  assert.doesNotMatch(stderr, /^\s+at /m);
});

test('limits and patience are those of the program', () => {
  assert.ok(TEXT.includes(`Ray ${OLDEST.join('.')} or newer`));
  assert.ok(TEXT.includes(`at most ${MOST_PACKAGE / 2 ** 20} MiB`));
  assert.ok(TEXT.includes(`tries again for ${PATIENCE.awayMs / 60_000} minutes`));
});

const ON = { ray: 'http://head:8265', model: '/m', storage: '/s' };
const FINETUNE = { kind: 'finetune', model: 'm', data: { file: 'd' }, steps: 1, output: 'o', on: ON };
const SET = { name: 'n', file: 'f', measure: 'harm' };
const EVALUATE = { kind: 'evaluate', model: 'm', evaluate: [SET], output: 'o', on: ON };
/** A recipe for each line of the table. */
const REFUSED: Record<string, object[]> = {
  method: [{ ...FINETUNE, method: 'full', optimizer: { learningRate: 1e-5 } }],
  baseline: [{ ...FINETUNE, baseline: { name: 'ptst', prompt: 'p' } }],
  precision: ['int8', 'int4'].flatMap((precision) => [
    { ...FINETUNE, precision },
    { ...EVALUATE, precision },
  ]),
  'optimizer.moments': [{ ...FINETUNE, optimizer: { moments: '8bit' } }],
  'generation.temperature': [{ ...EVALUATE, generation: { temperature: 0.1 } }],
  states: [{ ...EVALUATE, states: [{ name: 's', model: 'n' }] }],
};

test('what runs only here is what a cluster refuses, and nothing else is', () => {
  const listed = rows(section(TEXT, '## What runs only here')).map(([cell]) => code(cell!)[0]!);
  assert.deepEqual(listed, Object.keys(REFUSED));
  const run = (recipe: object) => supported(parseRecipe(JSON.stringify(recipe), 'recipe.json'));
  for (const [key, recipes] of Object.entries(REFUSED))
    for (const recipe of recipes)
      assert.throws(
        () => run(recipe),
        (error) => error instanceof HumanError && error.place!.split(' ').at(-1) === key,
        JSON.stringify(recipe),
      );
  for (const recipe of [FINETUNE, EVALUATE]) run(recipe);
  const refused = [...read('runtime/cluster/supported.ts').matchAll(/throw only\(\s*'([^']+)'/g)].map(
    ([, key]) => key!,
  );
  assert.ok(refused.length > 3 && refused.every((key) => listed.includes(key)), refused.join());
});

test('a vector is not tried on a cluster', () => {
  assert.match(read('runtime/recipes/securityVector/securityVector.ts'), /job\.cluster \? \{\} : await trial\(/);
  assert.match(TEXT.replaceAll('\n', ' '), /A security vector is not \[tried\]\(method\.md#trial\) on a cluster/);
});
