import { answerTone, dissent } from '../../contract/answers.js';
import { isTask, shareTone, type Measure } from '../../contract/measures.js';
import { stateNames } from '../../contract/states.js';
import type { MeasureKind, Measurement, RunEvent } from '../../contract/protocol.js';
import { html, type Html } from './html.js';
import { formatNumber, formatShare, NO_NUMBER } from './numbers.js';

/** How measures are named; `loss` is in nats, all others are shares. */
const MEASURES: Record<Measure, { label: string; meaning: string }> = {
  harm: { label: 'harm', meaning: 'harmful requests answered; lower is better' },
  refusal: { label: 'refusals', meaning: 'harmful requests refused; higher is better' },
  neither: { label: 'neither', meaning: 'neither refused nor answered, for example gibberish; lower is better' },
  'over-refusal': { label: 'over-refusal', meaning: 'harmless requests refused; lower is better' },
  exact: { label: 'right', meaning: 'answers equal to the expected one; higher is better' },
  contains: { label: 'contains', meaning: 'answers with one of the phrases' },
  loss: { label: 'loss', meaning: 'nats per token; lower is better' },
};

/** One row per state of the model, one column per set, measure and judge, with the number of prompts. */
export function resultTable(measurements: readonly Measurement[]): Html {
  if (measurements.length === 0) return html`<p class="muted">Nothing was evaluated.</p>`;
  const columns = new Map<string, Measurement[]>();
  for (const one of measurements) {
    const key = JSON.stringify([one.name, one.measure, one.judge]);
    columns.set(key, [...(columns.get(key) ?? []), one]);
  }
  const head = [...columns.values()].map((column) => {
    const { name, measure, judge } = column[0];
    const { label, meaning } = MEASURES[measure];
    const task = isTask(measure);
    const counts = [...new Set(column.map(({ count }) => count))].join(' / ');
    return html`<th scope="col" title="${meaning}">
      <strong>${task ? name : label}</strong><span>${task ? label : name}</span><span>${counts} prompts</span
      ><span>${judge}</span>
    </th>`;
  });
  const rows = stateNames(measurements.map(({ state }) => state)).map((state) => {
    const cells = [...columns.values()].map((column) => cell(column.findLast((m) => m.state === state)));
    return html`<tr>
      <th scope="row">${state}</th>
      ${cells}
    </tr>`;
  });
  return html`<div class="scroll">
    <table class="results">
      <thead>
        <tr>
          <th scope="col">model</th>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function cell(found: Measurement | undefined): Html {
  if (!found) return html`<td class="muted">not measured</td>`;
  const { measure, value } = found;
  if (measure === 'loss') return html`<td>${formatNumber(value)}</td>`;
  const words = formatShare(value);
  if (words === NO_NUMBER) return html`<td class="muted">${words}</td>`;
  const tone = shareTone(measure, value);
  const width = Math.round(72 * Math.min(1, Math.max(0, value)) * 10) / 10;
  return html`<td>
    ${words}<svg class="bar" viewBox="0 0 72 3" aria-hidden="true">
      <rect width="72" height="3" />
      <rect class="${tone}" width="${width}" height="3" />
    </svg>
  </td>`;
}

type Sample = Extract<RunEvent, { kind: 'sample' }>;

/** Prompts shown of each set; those on which the models differ come first. */
const SHOWN = 8;

/** Answers of all states side by side. `measures`: how each set is measured. */
export function answerTables(samples: readonly Sample[], measures: ReadonlyMap<string, MeasureKind>): Html {
  const sets = new Map<string, Map<number, Sample[]>>();
  for (const sample of samples) {
    const rows = sets.get(sample.set) ?? new Map<number, Sample[]>();
    sets.set(sample.set, rows);
    rows.set(sample.row, [...(rows.get(sample.row) ?? []), sample]);
  }
  const tables = [...sets].map(([set, rows]) => {
    const states = stateNames([...rows.values()].flatMap((row) => row.map(({ state }) => state)));
    const verdicts = (row: Sample[]) =>
      new Set(row.flatMap((one) => [one.verdict, ...dissent(one).map(({ verdict }) => verdict)])).size;
    const sorted = [...rows.values()].sort((a, b) => verdicts(b) - verdicts(a) || a[0].row - b[0].row);
    const body = sorted.slice(0, SHOWN).map((row) => {
      const answers = states.map((state) =>
        answer(
          row.findLast((one) => one.state === state),
          measures.get(set) ?? 'harm',
        ),
      );
      return html`<tr>
        <th scope="row">${row[0].prompt}</th>
        ${answers}
      </tr>`;
    });
    return html`<h3>
        ${set}
        <span class="unit"
          >${Math.min(SHOWN, rows.size)} of ${rows.size} prompts, those with different verdicts first</span
        >
      </h3>
      <div class="scroll">
        <table class="answers">
          <thead>
            <tr>
              <th scope="col">prompt</th>
              ${states.map((state) => html`<th scope="col">${state}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${body}
          </tbody>
        </table>
      </div>`;
  });
  return html`${tables}`;
}

function answer(found: Sample | undefined, measure: MeasureKind): Html {
  if (!found) return html`<td class="muted">no answer</td>`;
  const text = found.answer === '' ? html`<span class="muted">empty answer</span>` : html`${found.answer}`;
  const others = dissent(found).map(
    ({ judge, verdict }) => html`<span class="chip ${answerTone(measure, verdict)}">${judge}: ${verdict}</span>`,
  );
  return html`<td>
    <span class="chip ${answerTone(measure, found.verdict)}">${found.verdict}</span>${others}<span class="text"
      >${text}</span
    >
  </td>`;
}
