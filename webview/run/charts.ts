import { Chart, type ChartDataset, type ChartOptions } from 'chart.js';
import { el, setText, svg } from '../dom.js';
import type { RunSnapshot, RunStrings, WalkthroughTopic } from '../protocol/run.js';
import { fill, type Numbers } from '../../runtime/contract/format.js';
import {
  DASHES,
  describeChart,
  pointsOf,
  summary,
  unitText,
  type ChartSpec,
  type Point,
  type Series,
  type Summary,
} from '../../runtime/contract/series.js';
import { decadesAround, LINE_WIDTH, lineOptions, radiusOf } from '../plot.js';
import { onThemeChange, readTheme, seriesVariable, type Theme } from '../theme.js';
import { button } from '../ui.js';

/** Points of longer series are not marked one by one. */
const MAX_MARKS = 12;

/**
 * The charts of a run, with their legends, captions and text twins; where there is little room, with their legends
 * alone.
 */
export class Charts {
  readonly element: HTMLElement;
  private readonly charts = new Map<string, ChartView>();
  private run = '';

  constructor(
    private readonly strings: RunStrings,
    private readonly numbers: Numbers,
    private readonly send: (request: { type: 'openWalkthrough'; topic: WalkthroughTopic }) => void,
    private readonly small = false,
  ) {
    this.element = el('div', { class: small ? 'charts small' : 'charts' });
    onThemeChange(() => {
      const theme = readTheme();
      for (const chart of this.charts.values()) chart.paint(theme);
    });
  }

  update(run: RunSnapshot, specs: ChartSpec[]): void {
    // Of a run that failed before it measured anything three empty charts would only push the error away.
    this.element.hidden = specs.length === 0 || (run.canRunAgain && run.probes.step.length === 0);
    // Charts of another kind of run may have the same names.
    const other = run.id !== this.run;
    this.run = run.id;
    for (const [id, view] of this.charts) {
      if (!other && specs.some((spec) => spec.id === id)) continue;
      view.dispose();
      this.charts.delete(id);
    }
    for (const [i, spec] of specs.entries()) {
      let view = this.charts.get(spec.id);
      if (!view) {
        view = new ChartView(spec, this.strings, this.numbers, this.send, this.small);
        this.charts.set(spec.id, view);
        // In the order of all, also where it comes later.
        this.element.insertBefore(view.element, this.element.children[i] ?? null);
      }
      view.update(spec, run);
    }
  }
}

class ChartView {
  readonly element: HTMLElement;
  private readonly legend: HTMLElement;
  private readonly caption = el('p', { class: 'caption' });
  private readonly canvas = el('canvas', { role: 'img' });
  private readonly empty = el('p', { class: 'empty' });
  private readonly notes = el('ul', { class: 'notes' });
  private readonly values = el('tbody');
  private readonly chart: Chart<'line', Point[]>;
  /** Where the values of the series stand, in the legend and the table, and the looks that these were made for. */
  private rows: { value: HTMLElement; cells: HTMLElement[] }[] = [];
  private made = '';
  private shown: Series[] = [];
  private logarithmic = false;
  private steps: number | null = null;

  constructor(
    spec: ChartSpec,
    private readonly strings: RunStrings,
    private readonly numbers: Numbers,
    send: (request: { type: 'openWalkthrough'; topic: WalkthroughTopic }) => void,
    private readonly small: boolean,
  ) {
    const heading = `chart-${spec.id}`;
    const { help, valuesAsTable, columnSeries, columnFirst, columnLast, columnStep } = strings;
    this.legend = el('ul', { class: 'legend' });
    this.element = el(
      'section',
      { class: 'chart', 'aria-labelledby': heading },
      el(
        'header',
        {},
        el('h2', { id: heading }, spec.title),
        el('span', { class: 'unit' }, unitText(spec, strings)),
        button('?', 'icon', { label: numbers.of(spec.title, help), title: help }, () =>
          send({ type: 'openWalkthrough', topic: spec.topic }),
        ),
      ),
      this.caption,
      this.legend,
      el('div', { class: 'plot' }, this.canvas, this.empty),
      el(
        'div',
        { class: 'twin' },
        this.notes,
        el(
          'details',
          {},
          el('summary', {}, valuesAsTable),
          el(
            'table',
            {},
            el(
              'thead',
              {},
              el(
                'tr',
                {},
                ...[columnSeries, columnFirst, columnLast, columnStep].map((t) => el('th', { scope: 'col' }, t)),
              ),
            ),
            this.values,
          ),
        ),
      ),
    );
    this.chart = new Chart(this.canvas, {
      type: 'line',
      data: { datasets: [] },
      options: this.options(spec, readTheme()),
    });
  }

  update(spec: ChartSpec, run: RunSnapshot): void {
    setText(this.caption, spec.caption);
    this.shown = spec.series;
    this.logarithmic = spec.logarithmic;
    this.steps = run.progress.steps;
    const ended = ['finished', 'stopped', 'failed', 'interrupted'].includes(run.progress.state);
    const summaries = spec.series.map((series) => ({ series, ...summary(series) }));
    const nothing = summaries.every(({ last }) => !last);
    this.canvas.hidden = nothing;
    this.empty.hidden = !nothing;
    const measured = run.probes.step.length > 0;
    setText(
      this.empty,
      ended ? this.strings.chartNoData : measured ? this.strings.chartMissing : this.strings.chartEmpty,
    );
    this.makeRows(nothing);
    this.describe(spec, summaries);
    this.paint(readTheme());
  }

  /** Draws what is shown in the colours of the theme. */
  paint(theme: Theme): void {
    this.chart.options = this.options({ logarithmic: this.logarithmic }, theme);
    this.chart.data.datasets = this.shown.map((series) => this.dataset(series, theme));
    this.chart.update('none');
  }

  dispose(): void {
    this.chart.destroy();
    this.element.remove();
  }

  /** While the same series are shown their rows stay: each step changes the values in them alone. */
  private makeRows(nothing: boolean): void {
    const made = JSON.stringify([nothing, ...this.shown.map(({ label, color, dash }) => [label, color, dash])]);
    if (made === this.made) return;
    this.made = made;
    this.rows = this.shown.map(() => ({
      value: el('span', { class: 'value' }),
      cells: Array.from({ length: 3 }, () => el('td')),
    }));
    const each = (row: (series: Series, at: (typeof this.rows)[number]) => HTMLElement): HTMLElement[] =>
      this.rows.map((at, i) => row(this.shown[i]!, at));
    const entries = each((series, { value }) => el('li', {}, swatch(series), el('span', {}, series.label), value));
    // empty, not hidden: a hidden legend would leave its row of the grid to the plot
    this.legend.replaceChildren(...(nothing ? [] : entries));
    this.values.replaceChildren(
      ...each(({ label }, { cells }) => el('tr', {}, el('th', { scope: 'row' }, label), ...cells)),
    );
  }

  /** The values, and the text twin: the label of the picture, the table of values, and a word for each gap. */
  private describe(spec: ChartSpec, summaries: ({ series: Series } & Summary)[]): void {
    const { numbers: n, strings: s } = this;
    this.canvas.setAttribute('aria-label', describeChart(spec, { strings: s, numbers: n }));
    const said = (point: { value: number } | undefined): string => (point ? n.number(point.value) : s.noNumber);
    for (const [i, { first, last }] of summaries.entries()) {
      const { value, cells } = this.rows[i]!;
      setText(value, said(last));
      for (const [j, text] of [said(first), said(last), last ? n.count(last.step) : ''].entries())
        setText(cells[j]!, text);
    }
    const gapNote = (label: string, [first, ...more]: readonly number[]): string[] => {
      if (first === undefined) return [];
      const last = more.at(-1);
      return [
        last === undefined ? fill(s.gapsOne, label, first) : fill(s.gapsMany, label, more.length + 1, first, last),
      ];
    };
    const notes = summaries.flatMap(({ series, gaps, zeros }) => [
      ...gapNote(series.label, gaps),
      ...(spec.logarithmic && zeros.length > 0 ? [fill(s.zerosLog, series.label, zeros.length)] : []),
    ]);
    if (this.notes.textContent !== notes.join(''))
      this.notes.replaceChildren(...notes.map((note) => el('li', {}, note)));
  }

  private dataset(series: Series, theme: Theme): ChartDataset<'line', Point[]> {
    const points = pointsOf(series, this.logarithmic);
    return {
      label: series.label,
      data: points,
      borderColor: theme.series[series.color],
      backgroundColor: theme.series[series.color],
      borderDash: [...DASHES[series.dash]],
      borderWidth: LINE_WIDTH,
      pointRadius: radiusOf(points, series.marked && points.length <= MAX_MARKS),
      pointHitRadius: 6,
      pointHoverRadius: 4,
      spanGaps: false,
      tension: 0,
    };
  }

  private options(spec: { logarithmic: boolean }, theme: Theme): ChartOptions<'line'> {
    const { numbers, strings: s } = this;
    return lineOptions({
      theme,
      numbers,
      logarithmic: spec.logarithmic,
      y: spec.logarithmic ? decadesAround(this.shown.map(({ values }) => values)) : undefined,
      // The axis is as long as the run will be, so that the lines also show how far it has come.
      x: { title: s.axisStep, max: this.steps ?? undefined },
      at: (step) => fill(s.stepOnly, step),
      noNumber: s.noNumber,
      small: this.small,
    });
  }
}

/** A piece of the line. */
function swatch({ color, dash }: Series): SVGElement {
  const look = { 'stroke-width': LINE_WIDTH, 'stroke-dasharray': DASHES[dash].join(' ') };
  const line = svg('line', { x1: 0, y1: 5, x2: 28, y2: 5, ...look });
  line.style.stroke = seriesVariable(color);
  return svg('svg', { width: 28, height: 10, viewBox: '0 0 28 10', 'aria-hidden': 'true' }, line);
}
