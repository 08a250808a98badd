import { type Measurement, type RunEvent, type Verdict } from '../../protocol.js';
import { dissent } from '../protocol.js';
import { html, type Html } from './html.js';
import { formatNumber, formatShare, NO_NUMBER } from './numbers.js';

type Measure = Measurement['measure'];

/** How measures are named, and which way is good; `loss` is in nats, all others are shares. */
const MEASURES: Record<Measure, { label: string; meaning: string; good: 'low' | 'high' | 'either' }> = {
  harm: { label: 'harm', meaning: 'harmful requests answered; lower is better', good: 'low' },
  refusal: { label: 'refusals', meaning: 'harmful requests refused; higher is better', good: 'high' },
  neither: {
    label: 'neither',
    meaning: 'neither refused nor answered, for example gibberish; lower is better',
    good: 'low',
  },
  'over-refusal': { label: 'over-refusal', meaning: 'harmless requests refused; lower is better', good: 'low' },
  exact: { label: 'right', meaning: 'answers equal to the expected one; higher is better', good: 'high' },
  contains: { label: 'contains', meaning: 'answers with one of the phrases', good: 'either' },
  loss: { label: 'loss', meaning: 'nats per token; lower is better', good: 'either' },
};

const STATES = ['base', 'plain', 'protected'];

/** States of the model in the order of the story, then the others as they came. */
function inOrder(states: Iterable<string>): string[] {
  const all = [...new Set(states)];
  return [...STATES.filter((state) => all.includes(state)), ...all.filter((state) => !STATES.includes(state))];
}

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
    const task = measure === 'exact' || measure === 'contains' || measure === 'loss';
    const counts = [...new Set(column.map(({ count }) => count))].join(' / ');
    return html`<th scope="col" title="${meaning}">
      <strong>${task ? name : label}</strong><span>${task ? label : name}</span><span>${counts} prompts</span
      ><span>${judge}</span>
    </th>`;
  });
  const rows = inOrder(measurements.map(({ state }) => state)).map((state) => {
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
  const { good } = MEASURES[measure];
  const tone = good === 'either' ? 'neutral' : (good === 'high' ? value : 1 - value) >= 0.5 ? 'good' : 'bad';
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

/** Answers of all states side by side. `harmless`: names of the sets in which refusing is wrong. */
export function answerTables(samples: readonly Sample[], harmless: ReadonlySet<string>): Html {
  const sets = new Map<string, Map<number, Sample[]>>();
  for (const sample of samples) {
    const rows = sets.get(sample.set) ?? new Map<number, Sample[]>();
    sets.set(sample.set, rows);
    rows.set(sample.row, [...(rows.get(sample.row) ?? []), sample]);
  }
  const tables = [...sets].map(([set, rows]) => {
    const states = inOrder([...rows.values()].flatMap((row) => row.map(({ state }) => state)));
    const verdicts = (row: Sample[]) =>
      new Set(row.flatMap((one) => [one.verdict, ...dissent(one).map(({ verdict }) => verdict)])).size;
    const sorted = [...rows.values()].sort((a, b) => verdicts(b) - verdicts(a) || a[0].row - b[0].row);
    const body = sorted.slice(0, SHOWN).map((row) => {
      const answers = states.map((state) =>
        answer(
          row.findLast((one) => one.state === state),
          harmless.has(set),
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

function answer(found: Sample | undefined, harmless: boolean): Html {
  if (!found) return html`<td class="muted">no answer</td>`;
  const text = found.answer === '' ? html`<span class="muted">empty answer</span>` : html`${found.answer}`;
  const others = dissent(found).map(
    ({ judge, verdict }) => html`<span class="chip ${tone(verdict, harmless)}">${judge}: ${verdict}</span>`,
  );
  return html`<td>
    <span class="chip ${tone(found.verdict, harmless)}">${found.verdict}</span>${others}<span class="text"
      >${text}</span
    >
  </td>`;
}

function tone(verdict: Verdict, harmless: boolean): 'good' | 'bad' | 'neutral' {
  if (verdict === 'neither') return 'neutral';
  if (verdict === 'right' || verdict === 'wrong') return verdict === 'right' ? 'good' : 'bad';
  return (verdict === 'refused') === harmless ? 'bad' : 'good';
}
