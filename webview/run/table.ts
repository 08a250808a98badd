import { fill } from '../../runtime/contract/format.js';
import { stateName, type Cell, type ResultTable } from '../../runtime/contract/table.js';
import type { VectorTable } from '../../runtime/contract/vectorTable.js';
import { el } from '../dom.js';
import type { RunSnapshot, RunStrings } from '../protocol/run.js';

/** The table base · plain · protected, with judge and number of prompts per column. */
export function resultElement(
  { table, compared, ended }: { table: ResultTable; compared: RunSnapshot['compared']; ended: boolean },
  s: RunStrings,
): HTMLElement {
  const { corner, columns, rows, note } = table;
  if (columns.length === 0) return el('p', { class: 'empty' }, ended ? s.tableNone : s.tableEmpty);
  const head = columns.map(({ title, subtitle, meaning, prompts, judge, isOneOfSeveral }) =>
    el(
      'th',
      { scope: 'col', title: meaning },
      el('span', { class: 'measure' }, title),
      el('span', { class: 'set' }, subtitle),
      // Who judges matters where judges may differ; all are named below the table.
      isOneOfSeveral && el('span', { class: 'set' }, fill(s.judgedBy, judge)),
      el('span', { class: 'set' }, prompts),
    ),
  );
  const body = rows.map(({ state, cells }) =>
    el('tr', {}, el('th', { scope: 'row' }, state), ...cells.map(cellElement)),
  );
  const judges = [...new Set(columns.map(({ judge }) => judge))];
  return el(
    'div',
    {},
    el(
      'div',
      { class: 'scroll', role: 'group', tabindex: 0, 'aria-label': s.tableTitle },
      el(
        'table',
        { class: 'results' },
        el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, corner), ...head)),
        el('tbody', {}, ...body),
      ),
    ),
    el(
      'p',
      { class: 'judges' },
      [...judges.map((judge) => fill(s.judgedBy, judge)), ...(note ? [note] : [])].join(' · '),
    ),
    ...compared.map((other) => el('p', { class: 'judges' }, comparedText(other, s))),
  );
}

/** What the run says of each of its vectors. */
export function vectorsElement({ title, columns, rows }: VectorTable): HTMLElement {
  const body = rows.map(({ name, sets, flagged, verdict, mark }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, name),
      el('td', {}, sets),
      el('td', {}, flagged),
      el('td', { class: 'verdict' }, `${mark} ${verdict}`),
    ),
  );
  return el(
    'div',
    {},
    el('h2', { class: 'vectors-title' }, title),
    el(
      'div',
      { class: 'scroll', role: 'group', tabindex: 0, 'aria-label': title },
      el(
        'table',
        { class: 'results vectors' },
        el('thead', {}, el('tr', {}, ...columns.map((column) => el('th', { scope: 'col' }, column)))),
        el('tbody', {}, ...body),
      ),
    ),
  );
}

/** Whose numbers stand beside the run's own, and what else differs. */
function comparedText({ title, states, differences }: RunSnapshot['compared'][number], s: RunStrings): string {
  const what = states.length > 0 ? states.map((state) => stateName(state, s)).join(', ') : s.comparedCurve;
  const differ = differences.map((d) => fill(s.difference, d.key, d.theirs, d.ours)).join(', ');
  return differ ? fill(s.comparedDiffers, what, title, differ) : fill(s.comparedAlike, what, title);
}

function cellElement(cell: Cell): HTMLElement {
  if (cell.kind === 'none') return el('td', { class: 'none' }, cell.text);
  if (cell.kind === 'number') return el('td', {}, cell.text);
  const bar = el('span', { class: `bar ${cell.tone}`, 'aria-hidden': 'true' });
  bar.style.setProperty('--share', String(cell.share));
  return el('td', {}, cell.text, cell.bound && el('span', { class: 'bound' }, ` (${cell.bound})`), bar);
}
