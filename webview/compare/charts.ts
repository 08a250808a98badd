import { Chart } from 'chart.js';
import { linePoints, overlays, rangeOf, type Overlay } from '../../runtime/contract/comparedRuns.js';
import { fill } from '../../runtime/contract/format.js';
import { summary, unitText, type Point } from '../../runtime/contract/series.js';
import { el, setText } from '../dom.js';
import { decadesAround, lineOptions } from '../plot.js';
import { readTheme, type Theme } from '../theme.js';
import { button } from '../ui.js';
import { lineOf, named, nearest, standOut, type DrawnLine } from './lines.js';
import { lookOf, visible, type State, type Words } from './state.js';

/** A tooltip with more lines than this covers the chart. */
const MAX_SAID = 10;
/** A drag that is shorter is a click. */
const MIN_DRAG = 5;
const ZOOM = 1.5;

interface Actions {
  highlight(run: string | undefined): void;
  zoom(range: [number, number] | undefined): void;
  copy(drawn: Drawn): void;
}

/** A chart as it is drawn now, for pictures of it. */
export interface Drawn {
  overlay: Overlay;
  logarithmic: boolean;
  /** What is on the vertical axis, as it is drawn. */
  unit: string;
  /** How smooth the lines are, in words; absent where they are as they were measured. */
  smoothed?: string;
  xTitle: string;
  x?: [number, number];
  /** Where the longest line of all charts ends: they have one axis. */
  end: number;
  y: { min?: number; max?: number };
  lines: DrawnLine[];
}

/**
 * The curves of all runs: a chart for each, with the same axes where they have the same unit, and one cursor for all.
 */
export class OverlayCharts {
  readonly element = el('div', { class: 'charts' });
  private views: ChartView[] = [];
  private ids = '';

  constructor(
    private readonly words: Words,
    private readonly actions: Actions,
  ) {}

  update(state: State): void {
    const all = overlays(state.shown, this.words.strings);
    const ids = JSON.stringify(all.map(({ id }) => id));
    if (ids !== this.ids) {
      this.views.forEach((view) => view.dispose());
      this.views = all.map(
        (overlay, i) => new ChartView(`overlay-${i}`, overlay, this.words, this.actions, (x) => this.point(x)),
      );
      this.element.replaceChildren(...this.views.map(({ element }) => element));
      this.ids = ids;
    }
    const theme = readTheme();
    const alone = all.map((overlay) => drawnOf(overlay, state, this.words, theme));
    const end = Math.max(1, ...alone.flatMap(({ lines }) => lines.map(({ points }) => points.at(-1)?.x ?? 0)));
    const drawn = alone.map((one): Drawn => ({ ...one, end, x: one.x ?? [0, end] }));
    // Charts of one unit have one scale, so that a glance compares them.
    drawn.forEach((one, i) => {
      const group = drawn.filter(({ overlay }) => overlay.chart === one.overlay.chart);
      one.y = yRange(
        group.flatMap(({ lines }) => lines.map(({ points }) => points)),
        one,
      );
      this.views[i]!.update(one, state, theme);
    });
  }

  /** The same lines, of which one stands out. */
  highlight(run: string | undefined): void {
    for (const view of this.views) view.highlight(run);
  }

  drawn(): Drawn[] {
    return this.views.map(({ drawn }) => drawn);
  }

  private point(x: number | undefined): void {
    for (const view of this.views) view.point(x);
  }
}

const captionOf = ({ overlay: { label, rows }, smoothed }: Drawn): string =>
  [label, rows, smoothed].filter(Boolean).join(' · ');

function drawnOf(overlay: Overlay, state: State, { strings: s, numbers: n }: Words, theme: Theme): Omit<Drawn, 'end'> {
  const logarithmic = state.logarithmic ?? overlay.logarithmic;
  const lines = visible(state).flatMap(({ one: { run }, index }) =>
    overlay.lines
      .filter((line) => line.run === run.id)
      .map(({ series }) => ({
        ...lookOf(index, theme),
        title: run.title,
        points: linePoints(series, run.clock, { x: state.x, smoothing: state.smoothing, logarithmic }),
      })),
  );
  const xTitle = { step: s.axisStep, tokens: s.axisTokens, seconds: s.axisSeconds }[state.x];
  const unit = unitText({ unit: overlay.unit, logarithmic }, s);
  const smoothed = state.smoothing > 0 ? fill(s.smoothedBy, n.number(state.smoothing)) : undefined;
  return { overlay, logarithmic, unit, smoothed, xTitle, x: state.range, y: {}, lines };
}

function yRange(lines: readonly Point[][], { logarithmic, x }: Drawn): Drawn['y'] {
  const [from, to] = x ?? [-Infinity, Infinity];
  const within = lines.map((points) => points.filter((point) => point.x >= from && point.x <= to));
  if (logarithmic) return decadesAround(within.map((points) => points.map(({ y }) => y)));
  const range = rangeOf(within);
  return range ? { min: Math.min(0, range[0]), max: range[1] * 1.05 } : {};
}

class ChartView {
  readonly element: HTMLElement;
  drawn!: Drawn;
  private readonly canvas: HTMLCanvasElement;
  private readonly caption = el('p', { class: 'caption' });
  private readonly unit = el('span', { class: 'unit' });
  private readonly readout = el('p', { class: 'legend readout', role: 'status' });
  private readonly raw: HTMLElement;
  private readonly values = el('tbody');
  private readonly chart: Chart<'line', Point[]>;
  private ids: string[] = [];
  /** The run that stands out. */
  private out: string | undefined;
  /** Where the cursor is on the horizontal axis, and where a drag has begun, in pixels. */
  private at: number | undefined;
  private drag: { from: number; to: number } | undefined;

  constructor(
    id: string,
    { title, label }: Overlay,
    private readonly words: Words,
    private readonly actions: Actions,
    private readonly pointAll: (x: number | undefined) => void,
  ) {
    const { strings: s } = words;
    this.canvas = el('canvas', {
      role: 'img',
      tabindex: 0,
      'aria-describedby': 'chart-keys',
      mousemove: (event) => this.moved(event as MouseEvent),
      mouseleave: () => this.left(),
      mousedown: (event) => (this.drag = { from: (event as MouseEvent).offsetX, to: (event as MouseEvent).offsetX }),
      mouseup: () => this.released(),
      dblclick: () => this.actions.zoom(undefined),
      keydown: (event) => this.pressed(event as KeyboardEvent),
      blur: () => this.left(),
    });
    this.caption.id = `${id}-of`;
    this.raw = el('p', { class: 'caption' }, s.valuesRaw);
    this.element = el(
      'section',
      { class: 'chart', 'aria-labelledby': `${id} ${id}-of` },
      el(
        'header',
        {},
        el('h2', { id }, title),
        this.unit,
        button(
          '⧉',
          'icon',
          { label: words.numbers.of(`${title}, ${label}`, s.copyPicture), title: s.copyPicture },
          () => actions.copy(this.drawn),
        ),
      ),
      this.caption,
      this.readout,
      el('div', { class: 'plot' }, this.canvas),
      el(
        'details',
        { class: 'twin' },
        el('summary', {}, s.valuesAsTable),
        this.raw,
        el(
          'table',
          {},
          el(
            'thead',
            {},
            el('tr', {}, ...[s.columnRun, s.columnFirst, s.columnLast].map((t) => el('th', { scope: 'col' }, t))),
          ),
          this.values,
        ),
      ),
    );
    const theme = readTheme();
    this.chart = new Chart(this.canvas, {
      type: 'line',
      data: { datasets: [] },
      options: this.options({ logarithmic: false, xTitle: '', y: {} }, theme),
      plugins: [{ id: 'cursor', afterDatasetsDraw: () => this.drawCursor() }],
    });
  }

  update(drawn: Drawn, state: State, theme: Theme): void {
    this.drawn = drawn;
    const { lines } = drawn;
    setText(this.caption, captionOf(drawn));
    setText(this.unit, drawn.unit);
    this.raw.hidden = drawn.smoothed === undefined;
    const runs = new Map(state.shown.map(({ run }) => [run.title, run.id]));
    this.ids = lines.map(({ title }) => runs.get(title)!);
    this.chart.options = this.options(drawn, theme);
    this.chart.data.datasets = lines.map(lineOf);
    this.highlight(state.highlighted);
    this.describe();
  }

  highlight(run: string | undefined): void {
    this.out = run;
    const { datasets } = this.chart.data;
    standOut(
      datasets.map((line, i) => ({ line, run: this.ids[i]!, hue: this.drawn.lines[i]!.color })),
      run,
    );
    this.chart.update('none');
    if (this.at !== undefined) this.point(this.at);
  }

  dispose(): void {
    this.chart.destroy();
    this.element.remove();
  }

  /** Shows what all lines are at a place of the axis, which may be that of another chart's cursor. */
  point(x: number | undefined): void {
    this.at = x;
    const { tooltip } = this.chart;
    const active =
      x === undefined
        ? []
        : this.drawn.lines.flatMap(({ points }, datasetIndex) => {
            const index = nearest(points, x);
            return index < 0 ? [] : [{ datasetIndex, index }];
          });
    const px = x === undefined ? 0 : this.chart.scales['x']!.getPixelForValue(x);
    const said = named(active, ({ datasetIndex }) => this.ids[datasetIndex] === this.out, MAX_SAID);
    this.chart.setActiveElements(active);
    tooltip?.setActiveElements(said, { x: px, y: this.chart.chartArea.top });
    this.chart.draw();
    const own = x !== undefined && document.activeElement === this.canvas;
    setText(this.readout, own ? this.reading(x, said, active.length) : '');
  }

  /** The values at the cursor in words: those that are named, of so many. */
  private reading(x: number, said: { datasetIndex: number; index: number }[], count: number): string {
    const { numbers: n } = this.words;
    const values = said.map(({ datasetIndex, index }) => {
      const { title, points } = this.drawn.lines[datasetIndex]!;
      return n.of(title, n.number(points[index]!.y!));
    });
    return [n.of(this.drawn.xTitle, n.count(x)), ...values, this.notSaid(count)].filter(Boolean).join(' · ');
  }

  private notSaid(count: number): string {
    return count > MAX_SAID ? fill(this.words.strings.andMore, this.words.numbers.count(count - MAX_SAID)) : '';
  }

  private options(drawn: Pick<Drawn, 'logarithmic' | 'xTitle' | 'x' | 'y'>, theme: Theme) {
    const { numbers, strings: s } = this.words;
    const options = lineOptions({
      theme,
      numbers,
      logarithmic: drawn.logarithmic,
      y: drawn.y,
      x: { title: drawn.xTitle, min: drawn.x?.[0], max: drawn.x?.[1] },
      at: (x) => numbers.of(drawn.xTitle, typeof x === 'number' ? numbers.count(x) : x),
      noNumber: s.noNumber,
      more: () => this.notSaid(this.chart.getActiveElements().length),
    });
    // The page moves the cursor of all charts by itself.
    return { ...options, events: [] };
  }

  private describe(): void {
    const { numbers: n, strings: s } = this.words;
    const { overlay, lines, unit, smoothed } = this.drawn;
    const shown = new Set(this.ids);
    const ends = overlay.lines
      .filter(({ run }) => shown.has(run))
      .map(({ series }, i) => ({ title: lines[i]!.title, ...summary(series) }));
    const said = ends.map(({ title, last }) => n.of(title, last ? n.number(last.value) : s.noNumber));
    const what = [overlay.title, captionOf(this.drawn), unit].join(', ');
    this.canvas.setAttribute(
      'aria-label',
      [`${what}. ${said.join('. ')}`, smoothed && s.valuesRaw].filter(Boolean).join('. '),
    );
    this.values.replaceChildren(
      ...ends.map(({ title, first, last }) =>
        el(
          'tr',
          {},
          el('th', { scope: 'row' }, title),
          ...[first, last].map((point) => el('td', {}, point ? n.number(point.value) : s.noNumber)),
        ),
      ),
    );
  }

  private moved({ offsetX, offsetY, buttons }: MouseEvent): void {
    const { left, right } = this.chart.chartArea;
    if (this.drag && buttons === 0) this.drag = undefined;
    if (this.drag) this.drag.to = Math.min(right, Math.max(left, offsetX));
    if (offsetX < left || offsetX > right) return this.left();
    this.pointAll(this.chart.scales['x']!.getValueForPixel(offsetX) ?? 0);
    const active = this.chart.getActiveElements();
    const [closest] = [...active].sort((a, b) => Math.abs(a.element.y - offsetY) - Math.abs(b.element.y - offsetY));
    this.actions.highlight(
      closest && Math.abs(closest.element.y - offsetY) < 30 ? this.ids[closest.datasetIndex] : undefined,
    );
  }

  private left(): void {
    this.pointAll(undefined);
    this.actions.highlight(undefined);
  }

  private released(): void {
    const { drag } = this;
    this.drag = undefined;
    if (!drag || Math.abs(drag.to - drag.from) < MIN_DRAG) return;
    const at = (px: number): number => this.chart.scales['x']!.getValueForPixel(px) ?? 0;
    const [from, to] = [at(drag.from), at(drag.to)];
    this.actions.zoom([Math.max(0, Math.min(from, to)), Math.max(from, to)]);
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { min, max } = this.chart.scales['x']!;
    const width = max - min;
    const at = this.at ?? min;
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move !== undefined && event.shiftKey) this.pan((move * width) / 10);
    else if (move !== undefined) this.pointAll(Math.min(max, Math.max(min, at + (move * width) / 50)));
    else if (event.key === '+' || event.key === '=') this.zoomBy(1 / ZOOM);
    else if (event.key === '-') this.zoomBy(ZOOM);
    else if (event.key === '0') this.actions.zoom(undefined);
    else return;
    event.preventDefault();
  }

  private zoomBy(factor: number): void {
    const { min, max } = this.chart.scales['x']!;
    const at = this.at ?? (min + max) / 2;
    this.actions.zoom([Math.max(0, at - (at - min) * factor), Math.min(this.last(max), at + (max - at) * factor)]);
  }

  private pan(by: number): void {
    const { min, max } = this.chart.scales['x']!;
    const bounded = Math.max(-min, Math.min(by, this.last(max) - max));
    this.actions.zoom([min + bounded, max + bounded]);
  }

  /** Where the axis may end; a range may reach beyond the lines of the runs that are left. */
  private readonly last = (max: number): number => Math.max(this.drawn.end, max);

  private drawCursor(): void {
    const { ctx, chartArea, scales } = this.chart;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = readTheme().muted;
    if (this.at !== undefined) {
      const x = scales['x']!.getPixelForValue(this.at);
      ctx.beginPath();
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
      ctx.stroke();
    }
    if (this.drag) {
      ctx.globalAlpha = 0.2;
      ctx.fillRect(this.drag.from, chartArea.top, this.drag.to - this.drag.from, chartArea.bottom - chartArea.top);
    }
    ctx.restore();
  }
}
