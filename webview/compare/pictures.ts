/** Charts as pictures outside of the page: SVG, and PNG made of it; and the whole comparison as a page of its own. */
import { decades, outline, roundStepsWithin } from '../../runtime/contract/axes.js';
import { fill, type Numbers } from '../../runtime/contract/format.js';
import { escapeMarkup } from '../../runtime/contract/markup.js';
import type { Theme } from '../theme.js';
import type { Drawn } from './charts.js';
import { SWATCH, type LineLook } from './state.js';

const WIDTH = 460;
const HEIGHT = 314;
const LEFT = 56;
const RIGHT = 12;
const TOP = 58;
const BOTTOM = 40;
const LEGEND_LINE = 18;

interface Picture {
  svg: string;
  width: number;
  height: number;
}

/** Charts two in a row, and below them which line is whose. */
export function chartsPicture(charts: readonly Drawn[], theme: Theme, numbers: Numbers): Picture {
  const columns = Math.min(2, Math.max(1, charts.length));
  const rows = Math.ceil(charts.length / columns);
  const looks = new Map<string, LineLook>();
  for (const { lines } of charts) for (const { title, color, dash } of lines) looks.set(title, { color, dash });
  const width = columns * WIDTH;
  const top = rows * HEIGHT;
  const height = top + looks.size * LEGEND_LINE + 16;
  const plots = charts.map(
    (chart, i) =>
      `<g transform="translate(${(i % columns) * WIDTH} ${Math.floor(i / columns) * HEIGHT})">${plot(chart, `plot-${i}`, theme, numbers)}</g>`,
  );
  const legend = [...looks].map(([title, look], i) => {
    const y = top + 12 + i * LEGEND_LINE;
    return `<path d="M${LEFT} ${y}h${SWATCH}" ${stroke(look)}/><text x="${LEFT + SWATCH + 8}" y="${y + 4}">${escapeMarkup(title)}</text>`;
  });
  const font = `font-family="${escapeMarkup(theme.font)}" font-size="12" fill="${escapeMarkup(theme.text)}"`;
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const paper = `<rect width="100%" height="100%" fill="${escapeMarkup(theme.background)}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>${paper}${plots.join('')}${legend.join('')}</svg>`;
  return { svg, width, height };
}

const stroke = ({ color, dash }: LineLook): string =>
  `fill="none" stroke="${escapeMarkup(color)}" stroke-width="1.8" stroke-dasharray="${dash.join(' ')}"`;

function plot(drawing: Drawn, id: string, theme: Theme, n: Numbers): string {
  const { overlay, lines, x, y, logarithmic, unit, smoothed = '', xTitle } = drawing;
  const end = Math.max(1, ...lines.flatMap(({ points }) => points.map((point) => point.x)));
  const [from, to] = x ?? [0, end];
  const scale = logarithmic ? Math.log10 : (value: number) => value;
  const { min = logarithmic ? 0.1 : 0, max = 1 } = y;
  const [low, high] = [scale(min), scale(max)];
  const px = (value: number): number => round(LEFT + ((WIDTH - LEFT - RIGHT) * (value - from)) / (to - from || 1));
  const py = (value: number): number =>
    round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (scale(value) - low) / (high - low || 1)));
  const muted = `fill="${escapeMarkup(theme.muted)}" font-size="11"`;
  const grid = (logarithmic ? decades([min, max]) : roundStepsWithin(min, max)).map(
    (tick) =>
      `<path d="M${LEFT} ${py(tick)}H${WIDTH - RIGHT}" stroke="${escapeMarkup(theme.muted)}" stroke-opacity="0.25"/>` +
      `<text x="${LEFT - 6}" y="${py(tick) + 4}" text-anchor="end" ${muted}>${escapeMarkup(n.number(tick))}</text>`,
  );
  // Steps, tokens and seconds are whole, as on the page.
  const below = roundStepsWithin(from, to, 1).map(
    (tick) =>
      `<text x="${px(tick)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle" ${muted}>${escapeMarkup(n.count(tick))}</text>`,
  );
  const drawn = lines.map((line) => {
    const { path, alone } = outline(
      line.points.map(({ x: at, y: value }) => (value === null ? null : [px(at), py(value)])),
    );
    const dots = alone.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${escapeMarkup(line.color)}"/>`);
    return `${path && `<path d="${path}" ${stroke(line)}/>`}${dots.join('')}`;
  });
  // With room for the width of a line along an edge.
  const area = `x="${LEFT - 1}" y="${TOP - 1}" width="${WIDTH - LEFT - RIGHT + 2}" height="${HEIGHT - TOP - BOTTOM + 2}"`;
  const clip = `<clipPath id="${id}"><rect ${area}/></clipPath>`;
  const title = `<text x="${LEFT}" y="16" font-weight="bold">${escapeMarkup(overlay.title)}</text>`;
  const label = `<text x="${LEFT}" y="32" ${muted}>${escapeMarkup(`${overlay.label}, ${unit}`)}</text>`;
  const rows = `<text x="${LEFT}" y="46" ${muted}>${escapeMarkup(overlay.rows ?? '')}</text>`;
  const smooth = `<text x="${WIDTH - RIGHT}" y="16" text-anchor="end" ${muted}>${escapeMarkup(smoothed)}</text>`;
  const middle = (LEFT + WIDTH - RIGHT) / 2;
  const axis = `<text x="${middle}" y="${HEIGHT - 8}" text-anchor="middle" ${muted}>${escapeMarkup(xTitle)}</text>`;
  return `${title}${smooth}${label}${rows}${grid.join('')}${below.join('')}${axis}${clip}<g clip-path="url(#${id})">${drawn.join('')}</g>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** At twice its size, for screens and papers that show more. */
export async function toPng({ svg, width, height }: Picture): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/png'),
  );
}

export async function base64Of(blob: Blob): Promise<string> {
  let text = '';
  for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
}

/** A page that needs nothing else: the same tables and charts, in the colours of the theme. */
export function pageOf(title: string, picture: Picture, sections: readonly Element[], theme: Theme): string {
  const copies = sections
    .filter((section) => !(section as HTMLElement).hidden)
    .map((section) => {
      const copy = section.cloneNode(true) as Element;
      for (const control of copy.querySelectorAll('.controls, [hidden]')) control.remove();
      // What is pressed here is a word there.
      for (const button of copy.querySelectorAll('button')) button.replaceWith(button.textContent ?? '');
      return copy.outerHTML;
    });
  const style = `body{background:${theme.background};color:${theme.text};font:14px ${theme.font};margin:24px}
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}table{border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;border-bottom:1px solid ${theme.muted};font-weight:normal}
th span,td span{display:block}.sure{font-weight:bold}.caption,.judges,.set,.bound,.delta{color:${theme.muted}}
.scroll{overflow-x:auto}@media print{@page{size:A4 landscape}svg{max-width:100%;height:auto}}`;
  return fill(
    `<!doctype html>\n<html lang="{4}" dir="{5}"><head><meta charset="utf-8"><title>{0}</title><style>{1}</style></head><body><h1>{0}</h1>\n{2}\n{3}</body></html>\n`,
    escapeMarkup(title),
    style.replaceAll('<', ''),
    picture.svg,
    copies.join('\n'),
    ...[document.documentElement.lang, document.documentElement.dir].map(escapeMarkup),
  );
}
