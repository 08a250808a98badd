import { ANSWER_STRINGS, answerCell, type AnswerCell, type AnswerRow } from '../../contract/answers.js';
import type { Agreement } from '../../contract/agreement.js';
import { agreementCells, agreementHead, ENGLISH_JUDGES } from '../../contract/judgeText.js';
import { stateNames } from '../../contract/states.js';
import { stateName, TABLE_STRINGS, type Cell, type ResultTable } from '../../contract/table.js';
import type { VectorTable } from '../../contract/vectorTable.js';
import { html, type Html } from './html.js';
import { plainTable } from './plainTable.js';

/** One row per state of the model, one column per set, measure and judge, with the number of prompts. */
export function resultsHtml({ corner, columns, rows, note }: ResultTable): Html {
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
    ${note && html`<p class="muted">${note}.</p>`}
  </div>`;
}

/** One row per vector, with its own verdict. */
export function vectorsHtml({ title, columns, rows }: VectorTable): Html {
  const cells = rows.map(({ name, sets, flagged, verdict, mark }) => [name, sets, flagged, `${mark} ${verdict}`]);
  return html`<h2>${title}</h2>
    ${plainTable(columns, cells)}`;
}

function cellHtml(cell: Cell): Html {
  if (cell.kind === 'none') return html`<td class="muted">${cell.text}</td>`;
  if (cell.kind === 'number') return html`<td>${cell.text}</td>`;
  const width = Math.round(72 * cell.share * 10) / 10;
  return html`<td>
    ${cell.text} ${cell.bound && html`<span class="unit">(${cell.bound})</span>`}<svg
      class="bar"
      viewBox="0 0 72 3"
      aria-hidden="true"
    >
      <rect width="72" height="3" />
      <rect class="${cell.tone}" width="${width}" height="3" />
    </svg>
  </td>`;
}

/** Of each two judges; nothing where there is one. */
export function agreementTable(agreements: readonly Agreement[]): Html {
  if (agreements.length === 0) return html``;
  const { strings: s } = ENGLISH_JUDGES;
  const rows = agreements
    .map((one) => agreementCells(one, ENGLISH_JUDGES))
    .map(({ set, model, judges, kappa, differ }) => [set, model, judges, kappa, differ]);
  return html`<h3>${s.agreementTitle}</h3>
    ${plainTable(agreementHead(s), rows)}`;
}

/** Prompts shown of each set; those on which the models differ come first. */
const SHOWN = 8;
/** On paper; the style leaves out the others. */
export const PRINTED = 4;

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
    const body = sorted.slice(0, SHOWN).map(
      (row) =>
        html`<tr>
          <th scope="row">${row.prompt}</th>
          ${states.map((state) => answer(answerCell(row, state, ANSWER_STRINGS)))}
        </tr>`,
    );
    return html`<h3>
        ${set}
        <span class="unit"
          ><span class="count" data-paper="${Math.min(PRINTED, rows.length)}"
            ><span>${Math.min(SHOWN, rows.length)}</span></span
          >
          of ${rows.length} prompts, those with different verdicts first</span
        >
      </h3>
      <div class="scroll">
        <table class="answers">
          <thead>
            <tr>
              <th scope="col">${ANSWER_STRINGS.columnPrompt}</th>
              ${states.map((state) => html`<th scope="col">${stateName(state, TABLE_STRINGS)}</th>`)}
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

function answer({ chips, text, isPlaceholder }: AnswerCell): Html {
  return html`<td>
    ${chips.map(({ text: said, tone }) => html`<span class="chip ${tone}">${said}</span>`)}<span
      class="${isPlaceholder ? 'text muted' : 'text'}"
      >${text}</span
    >
  </td>`;
}
