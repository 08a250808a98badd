/** The report of a sweep, as one self-contained HTML file: no network, no scripts. */
import { numbersIn } from '../../contract/format.js';
import type { SweepFile } from '../../contract/sweep.js';
import { CURVE, CURVE_LINES, type Curve } from '../../contract/sweepCurve.js';
import { SWEEP_ENGLISH as s, sweepView, verdictWord, type HeatMap, type SweepView } from '../../contract/sweepView.js';
import { warningLines } from '../../contract/sweepWarnings.js';
import { writeFileAtomic } from '../../support/files.js';
import { html, type Html } from './html.js';
import { reportPage } from './page.js';
import { plainTable } from './plainTable.js';

export async function writeSweepReport(file: string, name: string, sweep: SweepFile): Promise<void> {
  await writeFileAtomic(file, renderSweep(name, sweep), { makeFolder: false });
}

const LINE_COLORS = ['--delivered', '--bad', '--good', '--vector', '--warn', '--muted'];
const LINE_DASHES = ['none', '7 4', '2 3', '9 3 2 3', '12 3', '4 2'];
const SWEEP_STYLE = `
.heat td { min-width: 84px; padding: 8px 10px; border: 1px solid var(--line); text-align: center; }
.heat td strong { display: block; font-size: 1.1em; } .heat td span { font-size: 0.82em; color: var(--muted); white-space: nowrap; }
.heat .good { background: color-mix(in srgb, var(--good) 22%, transparent); } .heat .warning { background: color-mix(in srgb, var(--warn) 18%, transparent); }
.heat .bad { background: color-mix(in srgb, var(--bad) calc(8% + 42% * var(--strength)), transparent); }
.band { stroke: none; opacity: 0.14; }
${Array.from({ length: CURVE_LINES }, (_, i) => `.line-${i} { stroke: var(${LINE_COLORS[i]}); stroke-dasharray: ${LINE_DASHES[i]}; } circle.line-${i}, .band.line-${i} { fill: var(${LINE_COLORS[i]}); stroke: none; }`).join('\n')}
`;

/** A pure function of its input. All text of files and people is escaped. */
export function renderSweep(name: string, { over, points }: SweepFile): string {
  const view = sweepView(over, points, { strings: s, numbers: numbersIn() });
  const warnings = warningLines(points);
  const content = html`<p>${view.summary}</p>
    ${
      warnings.length > 0 &&
      html`<h2>Warnings</h2>
        <ul>
          ${warnings.map((line) => html`<li>${line}</li>`)}
        </ul>`
    }
    ${
      view.heat.length > 0 &&
      html`<h2>${s.sweepHeat}</h2>
        <p class="muted">${view.heatHelp}</p>
        ${view.heat.map(heatMap)}`
    }
    ${
      view.curves.length > 0 &&
      html`<h2>${s.sweepCurves}</h2>
        <p class="muted">${s.sweepCurvesHelp}</p>
        <div class="charts">${view.curves.map(curve)}</div>`
    }
    <h2>${s.sweepTable}</h2>
    ${table(view.table)}
    <h2>${s.sweepTitle}</h2>
    <ul>
      ${points.map(
        (point) =>
          html`<li>
            <a href="${point.folder}/report.html"><code>${Object.values(point.values).map(text).join(' · ')}</code></a>
            ${verdictWord(point, s)}: ${point.headline}
          </li>`,
      )}
    </ul> `;
  return reportPage(name, content, SWEEP_STYLE);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function heatMap({ title, corner, columns, rows }: HeatMap): Html {
  return html`<h3>${title}</h3>
    <div class="scroll">
      <table class="heat">
        <thead>
          <tr>
            <th scope="col">${corner}</th>
            ${columns.map((column) => html`<th scope="col">${column}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ label, cells }) =>
              html`<tr>
                <th scope="row">${label}</th>
                ${cells.map((cell) =>
                  cell
                    ? html`<td class="${cell.tone}" style="--strength: ${cell.strength.toFixed(2)}">
                        <strong>${cell.mark} ${cell.text}</strong><span>${cell.bound}</span>
                      </td>`
                    : html`<td class="muted">${s.sweepNotDone}</td>`,
                )}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function curve({ title, axis, xTicks, yTicks, lines, description }: Curve): Html {
  const { width, height, left, right, bottom } = CURVE;
  return html`<figure>
    <h3>${title}</h3>
    <ul class="legend">
      ${lines.map(
        ({ label, style }) =>
          html`<li>
            <svg width="28" height="8" aria-hidden="true"><path class="line-${style}" d="M0 4H28" /></svg
            ><span>${label}</span>
          </li>`,
      )}
    </ul>
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${description}">
      ${yTicks.map(
        ({ at, text: label }) =>
          html`<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}" /><text
              class="tick"
              x="${left - 6}"
              y="${at + 3.5}"
              text-anchor="end"
              >${label}</text
            >`,
      )}
      ${xTicks.map(
        ({ at, text: label }) =>
          html`<text class="tick" x="${at}" y="${height - bottom + 20}" text-anchor="middle">${label}</text>`,
      )}
      <text class="tick" x="${(left + width - right) / 2}" y="${height - 4}" text-anchor="middle">${axis}</text>
      ${lines.map(
        ({ style, line, band, dots }) =>
          html`${band && html`<path class="band line-${style}" d="${band}" />`}<path
              class="line-${style}"
              d="${line}"
            />${dots.map(
              ({ x, y, text: label }) =>
                html`<circle class="line-${style}" cx="${x}" cy="${y}" r="3"><title>${label}</title></circle>`,
            )}`,
      )}
    </svg>
  </figure>`;
}

function table({ columns, rows }: SweepView['table']): Html {
  return plainTable(
    [s.sweepSettings, s.sweepSeeds, s.sweepVerdicts, ...columns, s.sweepSeconds],
    rows.map(({ title, runs, verdicts, cells, seconds }) => [title, runs, verdicts, ...cells, seconds]),
  );
}
