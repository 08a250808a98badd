import { html, type Html } from './html.js';
import { formatNumber } from './numbers.js';

/** Roles of colour; each keeps its meaning in all charts, and has its class in the style sheet. */
export type SeriesColor = 'delivered' | 'vector' | 'harmful' | 'benign' | 'plain';
export type Dash = 'solid' | 'dashed' | 'dotted' | 'dash-dot';

export interface Series {
  label: string;
  color: SeriesColor;
  dash: Dash;
  /** Sorted by step. null or not finite: no number, a gap in the line. */
  points: { step: number; value: number | null | undefined }[];
}

export interface Chart {
  title: string;
  unit: string;
  /** One sentence: what to see. */
  caption: string;
  logarithmic: boolean;
  series: Series[];
}

// Units of the picture's own coordinates; it is scaled to the width of its column.
const WIDTH = 380;
const HEIGHT = 220;
const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 34;

/** A figure with title, caption, legend, the lines as inline SVG, and the same in words and numbers. */
export function chartFigure({ title, unit, caption, logarithmic, series }: Chart): Html {
  const usable = (value: number | null | undefined): value is number =>
    typeof value === 'number' && Number.isFinite(value) && !(logarithmic && value <= 0);
  const values = series.flatMap(({ points }) => points.map(({ value }) => value).filter(usable));
  if (values.length === 0)
    return html`<figure>
      <h3>${title}</h3>
      <p class="unit">${unit}</p>
      <p class="empty">Nothing was measured.</p>
    </figure>`;

  const lastStep = Math.max(1, ...series.flatMap(({ points }) => points.map(({ step }) => step)));
  const ticks = logarithmic ? decades(values) : roundSteps(0, Math.max(...values));
  const scale = logarithmic ? Math.log10 : (value: number) => value;
  const low = scale(ticks[0]);
  const high = scale(ticks[ticks.length - 1]);
  const x = (step: number) => round(LEFT + ((WIDTH - LEFT - RIGHT) * step) / lastStep);
  const y = (value: number) => round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (scale(value) - low) / (high - low)));

  const grid = ticks.map(
    (tick) =>
      html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}" /><text
          class="tick"
          x="${LEFT - 6}"
          y="${y(tick) + 3.5}"
          text-anchor="end"
          >${formatNumber(tick)}</text
        >`,
  );
  const steps = roundSteps(0, lastStep).filter((step) => step <= lastStep);
  const axis = steps.map(
    (step) => html`<text class="tick" x="${x(step)}" y="${HEIGHT - BOTTOM + 14}" text-anchor="middle">${step}</text>`,
  );
  const lines = series.map(({ color, dash, points }) => {
    const { path, alone } = outline(points.map(({ step, value }) => (usable(value) ? [x(step), y(value)] : null)));
    const dots = alone.map(([cx, cy]) => html`<circle class="${color}" cx="${cx}" cy="${cy}" r="2.5" />`);
    return html`${path && html`<path class="${color} ${dash}" d="${path}" />`}${dots}`;
  });
  const words = series.map((one) => inWords(one, usable));
  return html`<figure>
    <h3>${title} <span class="unit">${unit}</span></h3>
    <figcaption>${caption}</figcaption>
    <ul class="legend">
      ${series.map(legendEntry)}
    </ul>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}, ${unit}. ${words.join('. ')}.">
      ${grid}${axis}
      <text class="tick" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">optimizer step</text>
      ${lines}
    </svg>
    ${gaps(series, usable)}
    <details>
      <summary>Values as a table</summary>
      ${table(series)}
    </details>
  </figure>`;
}

function legendEntry({ label, color, dash, points }: Series): Html {
  const last = points.findLast(({ value }) => typeof value === 'number' && Number.isFinite(value))?.value;
  return html`<li>
    <svg width="28" height="8" aria-hidden="true"><path class="${color} ${dash}" d="M0 4H28" /></svg
    ><span>${label}</span><output>${formatNumber(last)}</output>
  </li>`;
}

type XY = [number, number];

/** Lines between neighbours that both have a number; points between two gaps are given apart. */
function outline(points: (XY | null)[]): { path: string; alone: XY[] } {
  const alone: XY[] = [];
  let path = '';
  points.forEach((point, i) => {
    if (!point) return;
    const before = points[i - 1] ?? null;
    const after = points[i + 1] ?? null;
    if (!before && !after) alone.push(point);
    else path += `${before ? 'L' : 'M'}${point[0]} ${point[1]}`;
  });
  return { path, alone };
}

function inWords({ label, points }: Series, usable: (value: number | null | undefined) => boolean): string {
  const first = points.find(({ value }) => usable(value));
  const last = points.findLast(({ value }) => usable(value));
  if (!first || !last) return `${label}: no number`;
  return `${label}: from ${formatNumber(first.value)} at step ${first.step} to ${formatNumber(last.value)} at step ${last.step}`;
}

function gaps(series: Series[], usable: (value: number | null | undefined) => boolean): Html {
  const notes = series.flatMap(({ label, points }) => {
    const missing = points.filter(({ value }) => !usable(value)).map(({ step }) => step);
    if (missing.length === 0) return [];
    const named =
      missing.length <= 5 ? missing.join(', ') : `${missing.slice(0, 5).join(', ')} and ${missing.length - 5} more`;
    return [html`<li>${label}: nothing that can be drawn at step ${named}; the line has a gap there.</li>`];
  });
  return html`${
    notes.length > 0 &&
    html`<ul class="notes">
      ${notes}
    </ul>`
  }`;
}

/** At most about twenty rows: the first, the last, and evenly between. */
function table(series: Series[]): Html {
  const steps = [...new Set(series.flatMap(({ points }) => points.map(({ step }) => step)))].sort((a, b) => a - b);
  const every = Math.ceil(steps.length / 20);
  const shown = steps.filter((_, i) => i % every === 0 || i === steps.length - 1);
  const rows = shown.map((step) => {
    const cells = series.map(({ points }) => {
      const point = points.find((p) => p.step === step);
      return html`<td>${point ? formatNumber(point.value) : ''}</td>`;
    });
    return html`<tr>
      <th scope="row">${step}</th>
      ${cells}
    </tr>`;
  });
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">step</th>
          ${series.map(({ label }) => html`<th scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Whole powers of ten around the values, at least two. */
function decades(values: number[]): number[] {
  const low = Math.floor(Math.log10(values.reduce((a, b) => Math.min(a, b))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(values.reduce((a, b) => Math.max(a, b)))));
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
}

/** Three to seven round numbers (1, 2 or 5 times a power of ten apart) from `low` to at least `high`. */
function roundSteps(low: number, high: number): number[] {
  const rough = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const count = Math.max(1, Math.ceil((high - low) / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, i) => Number((low + i * step).toPrecision(12)));
}
