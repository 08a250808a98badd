import { answerTone, type AnswerRow } from '../../contract/answers.js';
import { stateNames } from '../../contract/states.js';
import type { MeasureKind } from '../../contract/protocol.js';
import type { Cell, ResultTable } from '../../contract/table.js';
import { html, type Html } from './html.js';

/** One row per state of the model, one column per set, measure and judge, with the number of prompts. */
export function resultsHtml({ corner, columns, rows }: ResultTable): Html {
  if (columns.length === 0) return html`<p class="muted">Nothing was evaluated.</p>`;
  const head = columns.map(
    ({ title, subtitle, meaning, prompts, judge }) =>
      html`<th scope="col" title="${meaning}">
        <strong>${title}</strong><span>${subtitle}</span><span>${prompts}</span><span>${judge}</span>
      </th>`,
  );
  const body = rows.map(
    ({ state, cells }) =>
      html`<tr>
        <th scope="row">${state}</th>
        ${cells.map(cellHtml)}
      </tr>`,
  );
  return html`<div class="scroll">
    <table class="results">
      <thead>
        <tr>
          <th scope="col">${corner}</th>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

function cellHtml(cell: Cell): Html {
  if (cell.kind === 'none') return html`<td class="muted">${cell.text}</td>`;
  if (cell.kind === 'number') return html`<td>${cell.text}</td>`;
  const width = Math.round(72 * cell.share * 10) / 10;
  return html`<td>
    ${cell.text}<svg class="bar" viewBox="0 0 72 3" aria-hidden="true">
      <rect width="72" height="3" />
      <rect class="${cell.tone}" width="${width}" height="3" />
    </svg>
  </td>`;
}

/** Prompts shown of each set; those on which the models differ come first. */
const SHOWN = 8;

/** Answers of all states side by side, a table for each set. */
export function answerTables(answers: readonly AnswerRow[]): Html {
  const sets = [...new Set(answers.map(({ set }) => set))];
  const tables = sets.map((set) => {
    const rows = answers.filter((row) => row.set === set);
    const states = stateNames(rows.flatMap((row) => row.answers.map(({ state }) => state)));
    const verdicts = (row: AnswerRow): number =>
      new Set(row.answers.flatMap(({ verdict, others = [] }) => [verdict, ...others.map((other) => other.verdict)]))
        .size;
    const sorted = rows.toSorted((a, b) => verdicts(b) - verdicts(a) || a.row - b.row);
    const body = sorted.slice(0, SHOWN).map(({ prompt, measure, answers: given }) => {
      const cells = states.map((state) =>
        answer(
          given.find((one) => one.state === state),
          measure,
        ),
      );
      return html`<tr>
        <th scope="row">${prompt}</th>
        ${cells}
      </tr>`;
    });
    return html`<h3>
        ${set}
        <span class="unit"
          >${Math.min(SHOWN, rows.length)} of ${rows.length} prompts, those with different verdicts first</span
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

function answer(found: AnswerRow['answers'][number] | undefined, measure: MeasureKind): Html {
  if (!found) return html`<td class="muted">no answer</td>`;
  const text = found.answer === '' ? html`<span class="muted">empty answer</span>` : html`${found.answer}`;
  const others = (found.others ?? []).map(
    ({ judge, verdict }) => html`<span class="chip ${answerTone(measure, verdict)}">${judge}: ${verdict}</span>`,
  );
  return html`<td>
    <span class="chip ${answerTone(measure, found.verdict)}">${found.verdict}</span>${others}<span class="text"
      >${text}</span
    >
  </td>`;
}
