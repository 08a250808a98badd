/** The lines of the page that compares runs are told apart, however many there are and however colours are seen. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookOf } from '../../webview/compare/state.js';
import { RUN_HUES, type Theme } from '../../webview/theme.js';

const themes = JSON.parse(readFileSync(join(import.meta.dirname, 'themes.json'), 'utf8')) as Record<
  string,
  { variables: Record<string, string> }
>;
const MOST = 42;
const looks = ({ variables }: { variables: Record<string, string> }, count = MOST) => {
  const theme = { runs: RUN_HUES.map((name) => variables[name] ?? assert.fail(name)) } as Theme;
  return Array.from({ length: count }, (_, i) => lookOf(i, theme));
};

test('no two of 42 lines look alike, in any theme; the first seven differ by their dashes alone', () => {
  for (const [name, theme] of Object.entries(themes)) {
    const all = looks(theme);
    assert.equal(new Set(all.map(({ color, dash }) => `${color} ${dash.join()}`)).size, MOST, name);
    assert.equal(new Set(all.slice(0, 7).map(({ dash }) => dash.join())).size, 7, name);
  }
});

type Rgb = [number, number, number];
const linear = (hex: string): Rgb =>
  [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
const product = (matrix: readonly (readonly number[])[], of: Rgb): Rgb =>
  matrix.map((row) => row.reduce((sum, factor, i) => sum + factor * of[i]!, 0)) as Rgb;
/** Machado et al. 2009, for linear colours: without red and without green cones. */
const SEEN = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};
/** OKLab, where distances are as large as they look. */
const lab = (of: Rgb): Rgb => {
  const cones = product(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    of.map((one) => Math.min(1, Math.max(0, one))) as Rgb,
  ).map(Math.cbrt) as Rgb;
  return product(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
};

test('the next line with the same dashes has a colour that nobody takes for the first', () => {
  for (const [name, theme] of Object.entries(themes))
    for (const [how, matrix] of Object.entries(SEEN)) {
      const all = looks(theme, 14);
      for (const [i, a] of all.slice(0, 7).entries()) {
        const b = all[i + 7]!;
        assert.deepEqual(a.dash, b.dash);
        const [x, y] = [a, b].map(({ color }) => lab(product(matrix, linear(color)))) as [Rgb, Rgb];
        assert.ok(Math.hypot(...x.map((one, k) => one - y[k]!)) > 0.13, `${name}, ${how}: ${a.color}, ${b.color}`);
      }
    }
});
