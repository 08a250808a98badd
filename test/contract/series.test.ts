import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thin } from '../../runtime/contract/series.js';

test('thinning keeps every extreme and every gap, in order, and few points', () => {
  const points = Array.from({ length: 10_000 }, (_, x) => ({
    x,
    y: x === 5000 ? null : x === 7777 ? 99 : Math.sin(x / 900),
  }));
  const thinned = thin(points, 1000);
  assert.ok(thinned.length <= 1500 && thinned.length >= 900, `${thinned.length}`);
  assert.ok(thinned.some(({ y }) => y === 99));
  assert.ok(thinned.some(({ x, y }) => x === 5000 && y === null));
  for (let i = 1; i < thinned.length; i++) assert.ok(thinned[i].x > thinned[i - 1].x);
  assert.deepEqual(thin(points.slice(0, 1000), 1000), points.slice(0, 1000));
});
