/** A protection curve as shapes in its own coordinates, for whoever draws SVG. */
import type { Numbers } from './format.js';
import type { SweepFigure } from './sweepFigures.js';

// Units of the picture; it is scaled to the width of its column.
export const CURVE = { width: 380, height: 226, left: 46, right: 12, top: 10, bottom: 42 } as const;
/** Lines that are told apart by colour and dash; further ones repeat them. */
export const CURVE_LINES = 6;

interface CurveLine {
  label: string;
  /** 0 to CURVE_LINES − 1. */
  style: number;
  /** Path data: through the means, and around the smallest and largest values. */
  line: string;
  band: string;
  dots: { x: number; y: number; text: string }[];
}

export interface Curve {
  title: string;
  axis: string;
  xTicks: { at: number; text: string }[];
  yTicks: { at: number; text: string }[];
  lines: CurveLine[];
  /** All of it in words. */
  description: string;
}

interface CurveInput {
  title: string;
  axis: string;
  /** Values of the axis, ascending or descending. */
  at: readonly number[];
  isShare: boolean;
  numbers: Numbers;
  lines: readonly {
    label: string;
    at: (value: number) => SweepFigure | undefined;
    text: (figure: SweepFigure) => string;
  }[];
}

export function curveOf({ title, axis, at, isShare, numbers, lines }: CurveInput): Curve {
  const values = [...at].sort((a, b) => a - b);
  const found = lines.map(({ label, at: figureAt, text }) => ({
    label,
    points: values.flatMap((value) => {
      const figure = figureAt(value);
      return figure ? [{ value, figure, text: text(figure) }] : [];
    }),
  }));
  const top = isShare ? 1 : Math.max(1e-9, ...found.flatMap(({ points }) => points.map(({ figure }) => figure.max)));
  const y = (value: number): number => round(CURVE.top + (CURVE.height - CURVE.top - CURVE.bottom) * (1 - value / top));
  const scale = isLogarithmic(values) ? Math.log10 : (value: number): number => value;
  const [low, high] = [scale(values[0]), scale(values.at(-1)!)];
  const x = (value: number): number =>
    round(CURVE.left + ((CURVE.width - CURVE.left - CURVE.right) * (scale(value) - low)) / (high - low || 1));
  const word = isShare ? numbers.percent : numbers.number;
  return {
    title,
    axis,
    xTicks: readable(values.map((value) => ({ at: x(value), text: String(value) }))),
    yTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => ({ at: y(share * top), text: word(share * top) })),
    lines: found.map(({ label, points }, i) => ({
      label,
      style: i % CURVE_LINES,
      line: path(points.map(({ value, figure }) => [x(value), y(figure.mean)])),
      band:
        points.length > 1
          ? `${path([
              ...points.map(({ value, figure }): [number, number] => [x(value), y(figure.max)]),
              ...points.toReversed().map(({ value, figure }): [number, number] => [x(value), y(figure.min)]),
            ])}Z`
          : '',
      dots: points.map(({ value, figure, text }) => ({ x: x(value), y: y(figure.mean), text })),
    })),
    description: [
      title,
      ...found.map(({ label, points }) =>
        numbers.of(label, numbers.parts(points.map(({ value, text }) => numbers.of(`${axis} ${value}`, text)))),
      ),
    ].join('. '),
  };
}

/** Width of a character of a label. */
const CHARACTER = 6.4;
const BETWEEN_LABELS = 6;

/** The labels at both ends, and of those between them as many as do not run into each other. */
function readable(ticks: Curve['xTicks']): Curve['xTicks'] {
  const half = (text: string): number => (CHARACTER * text.length) / 2;
  const inside = ticks.map(({ at, text }) => ({ at: Math.min(at, CURVE.width - half(text)), text }));
  const isApart = (a: Curve['xTicks'][number], b: Curve['xTicks'][number]): boolean =>
    a.at + half(a.text) + BETWEEN_LABELS <= b.at - half(b.text);
  const last = inside.at(-1)!;
  const shown = inside.slice(0, 1);
  for (const tick of inside.slice(1, -1)) if (isApart(shown.at(-1)!, tick) && isApart(tick, last)) shown.push(tick);
  return inside.length > 1 ? [...shown, last] : shown;
}

const isLogarithmic = (values: readonly number[]): boolean => values[0] > 0 && values.at(-1)! / values[0] >= 10;
const round = (value: number): number => Math.round(value * 10) / 10;
const path = (points: readonly (readonly number[])[]): string =>
  points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
