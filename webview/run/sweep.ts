import type { Numbers } from '../../runtime/contract/format.js';
import { CURVE, type Curve } from '../../runtime/contract/sweepCurve.js';
import { sweepView, type HeatCell, type HeatMap, type SweepView } from '../../runtime/contract/sweepView.js';
import { el, svg } from '../dom.js';
import type { RunSnapshot, RunStrings } from '../protocol/run.js';

interface Words {
  strings: RunStrings;
  numbers: Numbers;
}
type Send = (request: { type: 'openRun'; run: string }) => void;

/** The points of a sweep: heat maps, whose cells open their runs, protection curves and a table. */
export function sweepElement(
  { over, points }: NonNullable<RunSnapshot['sweep']>,
  words: Words,
  send: Send,
): HTMLElement {
  const { strings: s } = words;
  const view = sweepView(over, points, words);
  return el(
    'section',
    { class: 'sweep', 'aria-label': s.sweepTitle },
    el('p', {}, view.summary),
    ...(view.heat.length > 0
      ? [
          el('h2', {}, s.sweepHeat),
          el('p', { class: 'caption' }, view.heatHelp),
          el('div', { class: 'maps' }, ...view.heat.map((map) => heatMap(map, s, send))),
        ]
      : []),
    ...(view.curves.length > 0
      ? [
          el('h2', {}, s.sweepCurves),
          el('p', { class: 'caption' }, s.sweepCurvesHelp),
          el('div', { class: 'maps' }, ...view.curves.map(curveFigure)),
        ]
      : []),
    el('h2', {}, s.sweepTable),
    tableElement(view.table, s),
  );
}

function heatMap({ title, corner, columns, rows }: HeatMap, s: RunStrings, send: Send): HTMLElement {
  return el(
    'figure',
    {},
    el('figcaption', {}, title),
    el(
      'table',
      { class: 'heat' },
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          el('th', { scope: 'col' }, corner),
          ...columns.map((column) => el('th', { scope: 'col' }, column)),
        ),
      ),
      el(
        'tbody',
        {},
        ...rows.map(({ label, cells }) =>
          el('tr', {}, el('th', { scope: 'row' }, label), ...cells.map((cell) => heatCell(cell, s, send))),
        ),
      ),
    ),
  );
}

function heatCell(cell: HeatCell | undefined, s: RunStrings, send: Send): HTMLElement {
  if (!cell) return el('td', { class: 'none' }, s.sweepNotDone);
  const opened = cell.runs.map(({ folder: run, open }, i) =>
    el(
      'button',
      {
        class: 'point',
        'data-run': run,
        title: open,
        'aria-label': open,
        click: () => send({ type: 'openRun', run }),
      },
      String(i + 1),
    ),
  );
  const element = el(
    'td',
    { class: cell.tone },
    el('strong', {}, `${cell.mark} ${cell.text}`),
    el('span', { class: 'bound' }, cell.bound),
    el('span', { class: 'points' }, ...opened),
  );
  element.style.setProperty('--strength', cell.strength.toFixed(2));
  return element;
}

function curveFigure({ title, axis, xTicks, yTicks, lines, description }: Curve): HTMLElement {
  const { width, height, left, right, bottom } = CURVE;
  const label = (x: number, y: number, anchor: string, text: string): SVGElement => {
    const element = svg('text', { class: 'tick', x, y, 'text-anchor': anchor });
    element.textContent = text;
    return element;
  };
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': description },
    ...yTicks.flatMap(({ at, text }) => [
      svg('line', { class: 'grid', x1: left, x2: width - right, y1: at, y2: at }),
      label(left - 6, at + 3.5, 'end', text),
    ]),
    ...xTicks.map(({ at, text }) => label(at, height - bottom + 20, 'middle', text)),
    label((left + width - right) / 2, height - 4, 'middle', axis),
    ...lines.flatMap(({ style, line, band, dots }) => [
      ...(band ? [svg('path', { class: `band line-${style}`, d: band })] : []),
      svg('path', { class: `line line-${style}`, d: line }),
      ...dots.map(({ x, y, text }) => {
        const title = svg('title', {});
        title.textContent = text;
        return svg('circle', { class: `line-${style}`, cx: x, cy: y, r: 3 }, title);
      }),
    ]),
  );
  const legend = lines.map(({ label: text, style }) => {
    const sample = svg(
      'svg',
      { width: 28, height: 8, 'aria-hidden': 'true' },
      svg('path', { class: `line line-${style}`, d: 'M0 4H28' }),
    );
    const entry = el('li', {});
    entry.append(sample, text);
    return entry;
  });
  const figure = el(
    'figure',
    { class: 'curve' },
    el('figcaption', {}, title),
    el('ul', { class: 'legend' }, ...legend),
  );
  figure.append(picture);
  return figure;
}

function tableElement({ columns, rows }: SweepView['table'], s: RunStrings): HTMLElement {
  const head = [s.sweepSettings, s.sweepSeeds, s.sweepVerdicts, ...columns, s.sweepSeconds];
  return el(
    'div',
    { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': s.sweepTable },
    el(
      'table',
      { class: 'results' },
      el('thead', {}, el('tr', {}, ...head.map((text) => el('th', { scope: 'col' }, text)))),
      el(
        'tbody',
        {},
        ...rows.map(({ title, runs, verdicts, cells, seconds }) =>
          el(
            'tr',
            {},
            el('th', { scope: 'row' }, title),
            ...[String(runs), verdicts, ...cells, seconds].map((text) => el('td', {}, text)),
          ),
        ),
      ),
    ),
  );
}
