import { differingKeys, NO_VALUE } from '../../runtime/contract/comparedRuns.js';
import { comparedTable, type ComparedRow } from '../../runtime/contract/comparedTable.js';
import { el, svg } from '../dom.js';
import { readTheme } from '../theme.js';
import { lookOf, visible, type State, type Words } from './state.js';

const MAX_KEYS = 8;
const MAX_RESULTS = 4;
const HEIGHT = 260;
const TOP = 50;
const BOTTOM = 22;
const GAP = 150;

interface Axis {
  title: string;
  /** Where on the axis, from 0 at its foot to 1; by result, in their order. */
  at: (number | undefined)[];
  /** Words beside it, from its foot. */
  ends: { at: number; text: string }[];
}

/**
 * A line for each result of a run through what it was told and what came of it; for some runs that differ in some keys.
 */
export class Parallel {
  readonly element: HTMLElement;
  private readonly plot = el('div', { class: 'scroll', role: 'group', tabindex: 0 });

  constructor(
    private readonly words: Words,
    private readonly highlight: (run: string | undefined) => void,
  ) {
    const { strings: s } = words;
    this.plot.setAttribute('aria-label', s.parallelTitle);
    this.element = el(
      'section',
      { class: 'parallel', 'aria-labelledby': 'parallel-title' },
      el('h2', { id: 'parallel-title' }, s.parallelTitle),
      el('p', { class: 'caption' }, s.parallelNote),
      this.plot,
    );
  }

  update(state: State): void {
    const { rows, axes } = scalesOf(state, this.words);
    this.element.hidden = state.shown.length < 3 || axes.length < 3;
    if (this.element.hidden) return this.plot.replaceChildren();
    const theme = readTheme();
    const y = (at: number): number => TOP + (1 - at) * (HEIGHT - TOP - BOTTOM);
    const x = (i: number): number => 70 + i * GAP;
    const word = (text: string, attributes: Record<string, string | number>): SVGElement => {
      const element = svg('text', { fill: theme.muted, 'font-size': 11, 'text-anchor': 'middle', ...attributes });
      element.textContent = text;
      return element;
    };
    const frame = axes.flatMap(({ title, ends }, i) => [
      svg('line', { x1: x(i), x2: x(i), y1: y(0), y2: y(1), stroke: theme.muted, 'stroke-width': 1 }),
      word(title, { x: x(i), y: i % 2 ? 12 : 26, fill: theme.text }),
      ...ends.map(({ at, text }) => {
        if (at === 1) return word(text, { x: x(i), y: y(1) - 5 });
        if (at === 0) return word(text, { x: x(i), y: y(0) + 14 });
        return word(text, { x: x(i) - 6, y: y(at) + 4, 'text-anchor': 'end' });
      }),
    ]);
    const looks = new Map(visible(state).map(({ one: { run }, index }) => [run.id, lookOf(index, theme)]));
    const lines = rows.flatMap((row, place) => {
      const look = looks.get(row.run);
      if (!look) return [];
      const { color, dash } = look;
      const d = axes
        .map(({ at }, i) => ({ i, at: at[place] }))
        .flatMap(({ i, at }) => (at === undefined ? [] : [`${x(i)} ${y(at)}`]))
        .join('L');
      const line = svg('path', {
        d: `M${d}`,
        fill: 'none',
        stroke: color,
        'stroke-dasharray': dash.join(' '),
        'data-run': row.run,
        'stroke-width': state.highlighted === row.run ? 4 : 1.6,
        opacity: state.highlighted !== undefined && state.highlighted !== row.run ? 0.25 : 1,
      });
      const title = svg('title', {});
      title.textContent = row.title;
      line.append(title);
      line.addEventListener('mouseenter', () => this.highlight(row.run));
      line.addEventListener('mouseleave', () => this.highlight(undefined));
      return [line];
    });
    const width = x(axes.length - 1) + 70;
    const label = {
      role: 'img',
      'aria-label': this.words.numbers.of(this.words.strings.parallelTitle, axes.map((a) => a.title).join(', ')),
    };
    this.plot.replaceChildren(
      svg('svg', { ...label, width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` }, ...frame, ...lines),
    );
  }

  /** Only the look of the lines. */
  restyle(highlighted: string | undefined): void {
    for (const line of this.plot.querySelectorAll('path')) {
      const own = line.getAttribute('data-run') === highlighted;
      line.setAttribute('stroke-width', own ? '4' : '1.6');
      line.setAttribute('opacity', highlighted !== undefined && !own ? '0.25' : '1');
    }
  }
}

/** The results, and their axes: keys first, then what was measured; keys that name a content are no scale. */
function scalesOf({ shown, reference }: State, words: Words): { rows: ComparedRow[]; axes: Axis[] } {
  const keys = differingKeys(shown.map(({ run }) => run)).filter(({ key }) => !key.includes(' · '));
  const { rows, columns } = comparedTable(shown, reference, words);
  const runs = rows.map((row) => shown.findIndex(({ run }) => run.id === row.run));
  const results = columns.map(({ title, subtitle }, i) => ({
    title: [title, subtitle].filter(Boolean).join(' '),
    values: rows.map(({ cells }) => cells[i]!.value),
    texts: rows.map(({ cells }) => cells[i]!.text),
  }));
  const axes = [
    ...keys.slice(0, MAX_KEYS).map(({ key, values: byRun }) => {
      const values = runs.map((i) => byRun[i]!);
      const numbers = values.map(numberOf);
      const isNumeric = values.every((text, i) => text === NO_VALUE || numbers[i] !== undefined);
      return isNumeric ? numericAxis(key, values, numbers) : wordAxis(key, values);
    }),
    ...results
      .filter(({ values }) => new Set(values).size > 1)
      .slice(0, MAX_RESULTS)
      .map(({ title, texts, values }) => numericAxis(title, texts, values)),
  ];
  return { rows, axes };
}

const numberOf = (text: string): number | undefined => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
};

/** By size; numbers that are far apart by their magnitude. */
function numericAxis(title: string, texts: readonly string[], values: readonly (number | undefined)[]): Axis {
  const numbers = values.filter((value) => value !== undefined);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const scale = low > 0 && high / low > 10 ? Math.log : (value: number) => value;
  const place = (value: number): number =>
    high === low ? 0.5 : (scale(value) - scale(low)) / (scale(high) - scale(low));
  return {
    title,
    at: values.map((value) => (value === undefined ? undefined : place(value))),
    ends: [...new Set([low, high])].map((end) => ({ at: place(end), text: texts[values.indexOf(end)]! })),
  };
}

/** At equal distances. */
function wordAxis(title: string, texts: readonly string[]): Axis {
  const words = [...new Set(texts)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const place = (text: string): number => (words.length === 1 ? 0.5 : words.indexOf(text) / (words.length - 1));
  return { title, at: texts.map(place), ends: words.map((text) => ({ at: place(text), text: shortened(text) })) };
}

/** The end of a path tells it from others. */
const shortened = (text: string): string => (text.length > 18 ? `…${text.slice(-17)}` : text);
