import { decades, outline, roundSteps, roundStepsWithin } from '../../contract/axes.js';
import { isFiniteNumber } from '../../contract/measures.js';
import { ENGLISH } from '../../contract/runView.js';
import {
  describeChart,
  drawable,
  pointsOf,
  summary,
  unitText,
  type ChartSpec,
  type Series,
} from '../../contract/series.js';
import { html, type Html } from './html.js';
import { formatNumber } from './numbers.js';
import { plainTable } from './plainTable.js';

// Units of the picture's own coordinates; it is scaled to the width of its column.
const WIDTH = 380;
const HEIGHT = 220;
const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 34;

/** A figure with title, caption, legend, the lines as inline SVG, and the same in words and numbers. */
export function chartFigure(chart: ChartSpec): Html {
  const { title, caption, logarithmic, series } = chart;
  const unit = unitText(chart, ENGLISH.strings);
  const values = series.flatMap((one) =>
    one.values.map((value) => drawable(value, logarithmic)).filter(isFiniteNumber),
  );
  if (values.length === 0)
    return html`<figure>
      <h3>${title}</h3>
      <p class="unit">${unit}</p>
      <p class="empty">Nothing was measured.</p>
    </figure>`;

  const lastStep = Math.max(1, ...series.map(({ steps }) => steps.at(-1) ?? 0));
  const ticks = logarithmic
    ? decades(values)
    : roundSteps(
        0,
        values.reduce((a, b) => Math.max(a, b)),
      );
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
  const axis = roundStepsWithin(0, lastStep).map(
    (step) => html`<text class="tick" x="${x(step)}" y="${HEIGHT - BOTTOM + 14}" text-anchor="middle">${step}</text>`,
  );
  const lines = series.map((one) => {
    const points = pointsOf(one, logarithmic);
    const { path, alone } = outline(
      points.map(({ x: step, y: value }) => (value === null ? null : [x(step), y(value)])),
    );
    const dots = alone.map(([cx, cy]) => html`<circle class="${one.color}" cx="${cx}" cy="${cy}" r="2.5" />`);
    return html`${path && html`<path class="${one.color} ${one.dash}" d="${path}" />`}${dots}`;
  });
  return html`<figure>
    <h3>${title} <span class="unit">${unit}</span></h3>
    <figcaption>${caption}</figcaption>
    <ul class="legend">
      ${series.map(legendEntry)}
    </ul>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${describeChart(chart, ENGLISH)}">
      ${grid}${axis}
      <text class="tick" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">optimizer step</text>
      ${lines}
    </svg>
    ${gaps(chart)}
    <details>
      <summary>Values as a table</summary>
      ${table(series)}
    </details>
  </figure>`;
}

function legendEntry(series: Series): Html {
  const { label, color, dash } = series;
  return html`<li>
    <svg width="28" height="8" aria-hidden="true"><path class="${color} ${dash}" d="M0 4H28" /></svg
    ><span>${label}</span><output>${formatNumber(summary(series).last?.value)}</output>
  </li>`;
}

function gaps({ series, logarithmic }: ChartSpec): Html {
  const notes = series.flatMap(({ label, steps, values }) => {
    const missing = steps.filter((_, i) => drawable(values[i], logarithmic) === null);
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
  const steps = [...new Set(series.flatMap((one) => one.steps))].sort((a, b) => a - b);
  const every = Math.ceil(steps.length / 20);
  const shown = steps.filter((_, i) => i % every === 0 || i === steps.length - 1);
  const rows = shown.map((step) => {
    const cells = series.map(({ steps, values }) => {
      const at = steps.indexOf(step);
      return at < 0 ? '' : formatNumber(values[at]);
    });
    return [step, ...cells];
  });
  return plainTable(['step', ...series.map(({ label }) => label)], rows);
}

const round = (value: number): number => Math.round(value * 10) / 10;
