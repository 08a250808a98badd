/** How a plot of lines looks, on every page that has one. */
import {
  Chart,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type ChartOptions,
} from 'chart.js';
import { color } from 'chart.js/helpers';
import { decades } from '../runtime/contract/axes.js';
import type { Numbers } from '../runtime/contract/format.js';
import type { Point } from '../runtime/contract/series.js';
import type { Theme } from './theme.js';

Chart.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale, Tooltip);

export const LINE_WIDTH = 2;
const MARK = 2.5;

/**
 * A point between two gaps has no line; it is marked, or it would not be seen at all.
 * @param marked all are
 * @returns one radius where it does for all: with one for each, Chart.js would resolve the look of point by point
 */
export function radiusOf(points: readonly Point[], marked = false): number | number[] {
  if (marked) return MARK;
  const isGap = (i: number): boolean => (points[i]?.y ?? null) === null;
  const alone = points.map((_, i) => !isGap(i) && isGap(i - 1) && isGap(i + 1));
  return alone.includes(true) ? alone.map((is) => (is ? MARK : 0)) : 0;
}

interface Look {
  theme: Theme;
  numbers: Numbers;
  logarithmic: boolean;
  /** What the axis must have room for, where that is more than the lines themselves, or than zero. */
  y?: { min?: number; max?: number };
  x: { title: string; min?: number; max?: number };
  /** What the tooltip says of a place on the horizontal axis, and of a value that is none. */
  at(x: number | string): string;
  noNumber: string;
  /** What the tooltip says below the values. */
  more?(): string;
  /** There is little room: fewer ticks, and no title of the axis. */
  small?: boolean;
}

export function lineOptions({
  theme,
  numbers: n,
  logarithmic,
  y,
  x,
  at,
  noNumber,
  more = () => '',
  small = false,
}: Look): ChartOptions<'line'> {
  const font = { family: theme.font, size: Math.round(theme.fontSize * 0.85) };
  const ticks = { color: theme.muted, font };
  const grid = { color: color(theme.text).alpha(0.14).rgbString(), drawTicks: false };
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    parsing: false,
    normalized: true,
    interaction: { mode: 'nearest', axis: 'x', intersect: false },
    layout: { padding: { top: 6, right: 6 } },
    plugins: {
      tooltip: {
        backgroundColor: theme.tooltip.background,
        borderColor: theme.tooltip.border,
        borderWidth: 1,
        titleColor: theme.tooltip.text,
        bodyColor: theme.tooltip.text,
        titleFont: { ...font, weight: 'normal' },
        bodyFont: font,
        footerColor: theme.tooltip.text,
        footerFont: { ...font, weight: 'normal' },
        callbacks: {
          title: (items) => at(items[0]?.parsed.x ?? ''),
          label: ({ dataset, parsed }) =>
            ` ${n.of(dataset.label ?? '', parsed.y === null ? noNumber : n.number(parsed.y))}`,
          footer: more,
        },
      },
    },
    scales: {
      x: {
        type: 'linear',
        min: x.min ?? 0,
        max: x.max,
        grid: { display: false },
        border: { color: grid.color },
        ticks: {
          ...ticks,
          maxTicksLimit: small ? 4 : 7,
          includeBounds: false,
          precision: 0,
          maxRotation: 0,
          callback: (value) => n.count(Number(value)),
        },
        title: { display: !small, text: x.title, color: theme.muted, font },
      },
      y: logarithmic
        ? {
            type: 'logarithmic',
            ...y,
            grid: { ...grid, color: ({ tick }) => (isDecade(tick?.value ?? 1) ? grid.color : 'transparent') },
            border: { display: false },
            ticks: {
              ...ticks,
              autoSkip: false,
              callback: (value) => (isDecade(Number(value)) ? n.number(Number(value)) : null),
            },
          }
        : {
            type: 'linear',
            beginAtZero: true,
            ...y,
            grid,
            border: { display: false },
            // A bound that is given need not be a round number.
            ticks: {
              ...ticks,
              maxTicksLimit: small ? 3 : 5,
              includeBounds: !y,
              callback: (value) => n.number(Number(value)),
            },
          },
    },
  };
}

/** The ends of a logarithmic axis. */
export function decadesAround(lines: readonly (readonly (number | null)[])[]): { min?: number; max?: number } {
  const around = decades(lines.flat());
  return { min: around[0], max: around.at(-1) };
}

const isDecade = (value: number): boolean => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
