import type { SeriesColor } from '../runtime/contract/series.js';

/** Colours and type of the editor's theme, read from its CSS variables. */
export interface Theme {
  text: string;
  muted: string;
  background: string;
  tooltip: { background: string; border: string; text: string };
  font: string;
  fontSize: number;
  series: Record<SeriesColor, string>;
  /** Hues that tell runs apart, used in turn. */
  runs: string[];
}

const SERIES: Record<SeriesColor, string> = {
  delivered: '--vscode-charts-blue',
  vector: '--vscode-charts-purple',
  harmful: '--vscode-charts-red',
  benign: '--vscode-charts-green',
  plain: '--vscode-descriptionForeground',
  goal: '--vscode-descriptionForeground',
};

/** In an order in which neighbours are told apart by those, too, who see no red or no green. */
export const RUN_HUES = [
  'charts-blue',
  'charts-red',
  'foreground',
  'charts-yellow',
  'charts-purple',
  'charts-green',
].map((hue) => `--vscode-${hue}`);

/** The CSS expression for a series colour, for legends outside the canvas. */
export const seriesVariable = (color: SeriesColor): string => `var(${SERIES[color]}, currentColor)`;

export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue('--vscode-foreground').trim() || getComputedStyle(document.body).color;
  const variable = (name: string, otherwise = text) => style.getPropertyValue(name).trim() || otherwise;
  const background = variable('--vscode-editor-background', 'transparent');
  const series = (color: SeriesColor) => variable(SERIES[color]);
  return {
    text,
    muted: variable('--vscode-descriptionForeground'),
    background,
    tooltip: {
      background: variable('--vscode-editorHoverWidget-background', background),
      border: variable('--vscode-editorHoverWidget-border'),
      text: variable('--vscode-editorHoverWidget-foreground'),
    },
    font: variable('--vscode-font-family', 'sans-serif'),
    fontSize: Number.parseFloat(variable('--vscode-font-size', '13px')) || 13,
    series: {
      delivered: series('delivered'),
      vector: series('vector'),
      harmful: series('harmful'),
      benign: series('benign'),
      plain: series('plain'),
      goal: series('goal'),
    },
    runs: RUN_HUES.map((name) => variable(name)),
  };
}

/** Calls back after the editor's theme has changed: it then rewrites the body's class and the root's style. */
export function onThemeChange(changed: () => void): void {
  const observer = new MutationObserver(() => changed());
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}
