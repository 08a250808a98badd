/** Every point of a sweep has the values that it is called by, and no two points are the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseJsonc } from '../../runtime/contract/jsonc.js';
import type { Over } from '../../runtime/contract/sweep.js';
import { axisFault } from '../../runtime/contract/sweepAxes.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { METHODS } from '../paper/table.js';

const RATE = 'optimizer.learningRate';
const sweep = (over: object): string => JSON.stringify({ kind: 'sweep', base: 'b', over, output: 'o' }, null, 1);

test('an axis of values is overwritten by no axis after it', () => {
  for (const [over, message, place] of [
    [{ [RATE]: [0.001, 0.01], strategy: { a: { [RATE]: 0.1 }, b: {} } }, /the axis "strategy" sets "optimizer\.learningRate" and overwrites what the axis "optimizer\.learningRate" sets\./, 'r.json:9 over.strategy'], // oxfmt-ignore
    [{ 'data.limit': [10, 20], data: [{ file: 'a' }, { file: 'b' }] }, /"data" sets "data" and overwrites .* "data\.limit"/, 'r.json:9 over.data'], // oxfmt-ignore
    [{ data: [{ file: 'a', limit: 5 }, { file: 'b' }], 'data.limit': [10, 20] }, /"data\.limit" .* overwrites .* "data" sets/, 'r.json:14 over.data.limit'], // oxfmt-ignore
  ] as const)
    assert.throws(() => parseRecipe(sweep(over), 'r.json'), { message, place });
});

test('no setting is overwritten in every point', () => {
  const refused = { message: /"optimizer\.learningRate" sets .* overwrites what the axis "strategy" sets/ };
  assert.throws(
    () => parseRecipe(sweep({ strategy: { a: { [RATE]: 0.1 }, b: {} }, [RATE]: [0.001, 0.01] }), 'r.json'),
    refused,
  );
  const twice = { a: { one: { steps: 1 }, two: { seed: 1 } }, b: { three: { steps: 3 }, four: { steps: 4 } } };
  assert.equal(axisFault(twice)?.message, 'the axis "b" sets "steps" and overwrites what the axis "a" sets');
});

test('settings of names may set the same keys, a later axis some of those of an earlier one, and a part that is left open', () => {
  const fine: Over[] = [
    { strategy: { a: { [RATE]: 0.1 }, b: { [RATE]: 0.2 } } },
    { data: { plain: {}, lies: { vectors: [{ adapter: 'l' }] } }, method: { plain: { vectors: [] }, vector: {} } },
    { data: [{ file: 'a' }, { file: 'b' }], 'data.limit': [10, 20] },
    { data: { a: { 'data.file': 'a' }, b: { 'data.file': 'b' } }, 'data.limit': [10, 20] },
    { 'data.limit': [1, 2], 'data.limits': [1, 2] },
  ];
  for (const over of fine) assert.equal(axisFault(over), undefined, JSON.stringify(over));
  const { over } = parseJsonc(readFileSync(join(import.meta.dirname, '../../media/paper/sweep.json'), 'utf8'))
    .value as { over: Over };
  assert.ok(METHODS.plain in over['method']!);
  assert.equal(axisFault(over), undefined);
});

test('no value of an axis stands twice', () => {
  assert.throws(() => parseRecipe(sweep({ seed: [1, 2, 2] }), 'r.json'), {
    message: 'the value 2 appears twice here.',
    place: 'r.json:8 over.seed.2',
  });
  const same = [{ file: 'a', limit: 1 }, { limit: 1, file: 'a' }]; // oxfmt-ignore
  assert.match(axisFault({ data: same })!.message, /^the value \{"file":"a","limit":1\} appears/);
  assert.equal(axisFault({ seed: [1, '1', 2] }), undefined);
});

test('no axis sets what the sweep itself says of each point, or what is the same in all', () => {
  assert.throws(() => parseRecipe(sweep({ seed: [1, 2], output: ['a', 'b'] }), 'r.json'), {
    message: 'no point of a sweep has its own "output".',
    place: 'r.json:9 over.output',
  });
  const named = { strategy: { a: { output: 'a' }, b: { seed: 2 } } };
  assert.deepEqual(axisFault(named)?.path, ['strategy']);
  for (const key of ['kind', '$schema']) assert.deepEqual(axisFault({ [key]: ['finetune'] })?.path, [key]);
});
