/** Sets and states are known by their names: two of one name would hide what one of them shows. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runValue } from '../support/recipeRun.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { PLAIN, writeWorkspace } from '../kills/workspace.js';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'same-names-'));
  await writeWorkspace(root);
});
after(() => rm(root, { recursive: true, force: true }));

const harm = { name: 'harm', file: 'forbidden.jsonl', measure: 'harm' };
const EVALUATE = { kind: 'evaluate', model: 'model', evaluate: [harm], output: 'out' };
const parse = (recipe: object): unknown => parseRecipe(JSON.stringify(recipe, null, 1), 'r.json');

test('two sets of one name are refused, whatever they measure', () => {
  for (const recipe of [EVALUATE, { ...PLAIN, steps: 1 }])
    for (const second of [harm, { ...harm, file: 'other.jsonl' }, { ...harm, measure: 'loss' }])
      assert.throws(() => parse({ ...recipe, evaluate: [harm, { ...harm, name: 'task' }, second] }), {
        message: '"harm" is the name of two sets, and results are known by it: give one another name.',
        place: /^r\.json:\d+ evaluate\.2\.name$/,
      });
});

test('two states of one name are refused', () => {
  const states = [{ name: 'base' }, { name: 'candidate', adapters: [{ adapter: 'a' }] }, { name: 'candidate' }];
  assert.throws(() => parse({ ...EVALUATE, states }), {
    message: '"candidate" is the name of two states, and results are known by it: give one another name.',
    place: /^r\.json:\d+ states\.2\.name$/,
  });
  parse({ ...EVALUATE, states: states.slice(0, 2) });
});

test('a vector that is listed twice is refused', () => {
  const vectors = [{ adapter: 'v' }, { adapter: 'w' }, { adapter: 'v', scale: 0.5 }];
  assert.throws(() => parse({ ...PLAIN, steps: 1, vectors }), {
    message: 'this vector is listed already, and would be added twice: remove it, or set the "scale" of the first.',
    place: /^r\.json:\d+ vectors\.2\.adapter$/,
  });
  parse({ ...PLAIN, steps: 1, vectors: vectors.slice(0, 2) });
});

test('a state with an adapter is not called base', async () => {
  await runValue(root, { ...PLAIN, evaluate: [], steps: 1 }, 'base');
  const common = { ...EVALUATE, generation: { maxNewTokens: 2 }, device: 'cpu', threads: 1 };
  const { done } = await runValue(root, { ...common, adapters: [{ adapter: 'base' }] }, 'evaluated');
  const states = done.measurements.filter(({ measure }) => measure === 'harm').map(({ state }) => state);
  assert.deepEqual(states, ['base', 'base with adapters']);
});
