/** Lines of a chart: what one point needs alone, and, where runs are compared, what changes when one stands out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOf, named, standOut } from '../../webview/compare/lines.js';
import { radiusOf } from '../../webview/plot.js';

const drawn = (ys: (number | null)[]) => ({
  ...{ title: 'a', color: '#0000ff', dash: [4, 2] },
  points: ys.map((y, x) => ({ x, y })),
});

test('only a value between two gaps is a point, and a line without one, or with all marked, has one radius for all', () => {
  const radius = (ys: (number | null)[], marked?: boolean) => radiusOf(drawn(ys).points, marked);
  assert.equal(radius([1, 2, null, 3, 4]), 0);
  assert.equal(radius([1, 2, null, null, null]), 0, 'what is not there is no point');
  assert.deepEqual(radius([1, 2, null, 3, null]), [0, 0, 0, 2.5, 0]);
  assert.deepEqual(radius([1]), [2.5]);
  assert.equal(radius([1, 2, null, 3, null], true), 2.5);
  assert.deepEqual(lineOf(drawn([1])).pointRadius, [2.5]);
});

test('a line that stands out is wide and in front, the others are pale, and all keep their points', () => {
  const lines = ['a', 'b', 'c'].map((run) => ({ line: lineOf(drawn([1, 2])), run, hue: '#0000ff' }));
  const looks = () => lines.map(({ line }) => [line.borderColor, line.borderWidth, line.order]);
  const before = lines.map(({ line }) => line.data);
  standOut(lines, 'b');
  const pale = ['rgba(0, 0, 255, 0.25)', 2, 1];
  assert.deepEqual(looks(), [pale, ['#0000ff', 4, 0], pale]);
  standOut(lines, 'of another chart');
  assert.deepEqual(looks(), [pale, pale, pale]);
  standOut(lines, undefined);
  assert.deepEqual(
    looks(),
    Array.from({ length: 3 }, () => ['#0000ff', 2, 1]),
  );
  assert.ok(lines.every(({ line }, i) => line.data === before[i]));
});

test('where there is no room for all lines the one that stands out is among those that are named', () => {
  const all = ['a', 'b', 'c', 'd'];
  const isRun = (run: string) => (one: string) => one === run;
  assert.deepEqual(named(all, isRun('d'), 2), ['a', 'd']);
  assert.deepEqual(named(all, isRun('b'), 2), ['a', 'b']);
  assert.deepEqual(named(all, isRun('of another chart'), 2), ['a', 'b']);
  assert.deepEqual(named(all, isRun('d'), 4), all);
});
