import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axisOf, broadcast, namesOf, numberOf, product, sameShape, shapeText } from '../../runtime/onnx/shapes.js';

test('a product is canonical: equal dims are equal values', () => {
  assert.equal(product([]), 1);
  assert.equal(product([2, 3]), 6);
  assert.equal(product(['T', 2, 'B', 2]), '4*B*T');
  assert.equal(product(['B', 'T']), product(['T', 'B']));
  assert.equal(product(['2*T', '3*B']), product([6, 'B*T']));
  assert.equal(product(['B', 1]), 'B');
  assert.equal(product(['B', 0]), 0);
});

test('names and number of a dim', () => {
  assert.deepEqual([namesOf('4*B*T'), numberOf('4*B*T')], [['B', 'T'], 4]);
  assert.deepEqual([namesOf('B'), numberOf('B')], [['B'], 1]);
  assert.deepEqual([namesOf(5), numberOf(5)], [[], 5]);
});

test('shapes broadcast from the right; a name fits only itself and 1', () => {
  assert.deepEqual(broadcast([2, 3], [3]), [2, 3]);
  assert.deepEqual(broadcast([], ['B', 2]), ['B', 2]);
  assert.deepEqual(broadcast(['B', 1], [1, 'T']), ['B', 'T']);
  assert.equal(broadcast([2], [3]), undefined);
  assert.equal(broadcast(['B'], ['T']), undefined);
  assert.equal(broadcast(['B'], [2]), undefined);
});

test('shapes compare by dims and print', () => {
  assert.ok(sameShape(['B', 2], ['B', 2]));
  assert.ok(!sameShape(['B', 2], ['B']));
  assert.ok(!sameShape(['B', 2], ['B', 3]));
  assert.equal(shapeText(['B', 2]), '[B, 2]');
});

test('an axis counts from either end', () => {
  assert.equal(axisOf(-1, 3), 2);
  assert.equal(axisOf(0, 3), 0);
  for (const axis of [3, -4, 0.5])
    assert.throws(() => axisOf(axis, 3), new RegExp(`axis ${axis} of a value with 3 axes`));
});
