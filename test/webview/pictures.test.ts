/**
 * Pictures of a comparison, as they are saved: what their axes say, and that a line is there wherever the page draws
 * one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersIn } from '../../runtime/contract/format.js';
import type { Point } from '../../runtime/contract/series.js';
import type { Drawn } from '../../webview/compare/charts.js';
import { lineOptions } from '../../webview/plot.js';
import { chartsPicture } from '../../webview/compare/pictures.js';
import type { Theme } from '../../webview/theme.js';

const theme = { text: '#000', muted: '#888', background: '#fff', font: 'x', fontSize: 13, runs: ['#00f'] } as unknown as Theme; // oxfmt-ignore

function picture(points: Point[], x?: [number, number], logarithmic = false, smoothed?: string): string {
  const overlay = { title: 'T', label: 'L', unit: 'u' } as Drawn['overlay'];
  const y = { min: logarithmic ? 0.1 : 0, max: logarithmic ? 10 : 2 };
  const lines = [{ title: 'a', color: '#00f', dash: [], points }];
  return chartsPicture(
    [{ overlay, logarithmic, unit: 'u', smoothed, xTitle: 'step', x, end: 10_000, y, lines }],
    theme,
    numbersIn('en'),
  ).svg;
}

/** A probe every 500 steps. */
const probes = Array.from({ length: 21 }, (_, i) => ({ x: i * 500, y: 1 + i / 20 }));

test('the axis of a part says its steps, each once', () => {
  const labels = (x: [number, number]) =>
    [...picture(probes, x).matchAll(/text-anchor="middle"[^>]*>([\d,.]+)</g)].map((match) => match[1]);
  assert.deepEqual(labels([12_340, 12_380]), ['12,340', '12,350', '12,360', '12,370', '12,380']);
  assert.deepEqual(labels([1000, 1010]), ['1,000', '1,002', '1,004', '1,006', '1,008', '1,010']);
  assert.deepEqual(labels([3, 5]), ['3', '4', '5'], 'there is no half step');
});

test('both axes of a plot write numbers as the window does', () => {
  const tooltip = { background: '#fff', border: '#888', text: '#000' };
  const look = { theme: { ...theme, tooltip }, numbers: numbersIn('de'), logarithmic: false, x: { title: 'step' } };
  const { x, y } = lineOptions({ ...look, at: String, noNumber: '–' }).scales!;
  const tick = (axis: typeof x, value: number): unknown => axis!.ticks!.callback!.call({} as never, value, 0, []);
  assert.deepEqual([tick(x, 12_500), tick(y, 0.25)], ['12.500', '0,25']);
});

test('what is on the axis, and that a line is smoothed, is said', () => {
  const svg = picture(probes, undefined, false, 'smoothed by 0.9');
  assert.match(svg, />L, u</);
  assert.match(svg, />smoothed by 0.9</);
  assert.doesNotMatch(picture(probes), /smoothed/);
});

test('a line that crosses the part is drawn there, and nowhere else', () => {
  const svg = picture(probes, [9100, 9400]);
  const [, id, left, width] = /<clipPath id="([^"]+)"><rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/.exec(svg)!;
  const [, d] = new RegExp(`<g clip-path="url\\(#${id}\\)"><path d="([^"]*)"`).exec(svg)!;
  const xs = [...d!.matchAll(/[ML](-?[\d.]+) /g)].map((match) => Number(match[1]));
  assert.ok(xs.some((at) => at < Number(left)) && xs.some((at) => at > Number(left) + Number(width)), d);
});

test('a value between two gaps is a point', () => {
  const svg = picture([{ x: 0, y: 1 }, { x: 1, y: null }, { x: 2, y: 1.5 }, { x: 3, y: null }, { x: 4, y: 1 }, { x: 5, y: 1 }]); // oxfmt-ignore
  assert.equal(svg.match(/<circle /g)?.length, 2);
});
