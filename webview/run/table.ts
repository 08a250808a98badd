import { isTask, shareTone, type Measure } from '../../runtime/contract/measures.js';
import { stateNames } from '../../runtime/contract/states.js';
import type { Measurement } from '../../runtime/contract/protocol.js';
import { el } from '../dom.js';
import type { RunSnapshot, RunStrings } from '../protocol.js';
import { fill, type Numbers } from '../../runtime/contract/format.js';

/** Names of the measures; `loss` is in nats, all others are shares. */
const MEASURES: Record<Measure, { label: keyof RunStrings; describe: keyof RunStrings }> = {
  harm: { label: 'measureHarm', describe: 'describeHarm' },
  refusal: { label: 'measureRefusal', describe: 'describeRefusal' },
  neither: { label: 'measureNeither', describe: 'describeNeither' },
  'over-refusal': { label: 'measureOverRefusal', describe: 'describeOverRefusal' },
  exact: { label: 'measureExact', describe: 'describeExact' },
  contains: { label: 'measureContains', describe: 'describeContains' },
  loss: { label: 'measureLoss', describe: 'describeLoss' },
};

interface Column {
  name: string;
  measure: Measure;
  judge: string;
  counts: number[];
}

/** One column per set, measure and judge in the order of measuring, one row per state of the model, base · plain · protected first. */
export function tableOf(measurements: Measurement[]): { states: string[]; columns: Column[] } {
  const columns = new Map<string, Column>();
  const states = new Set<string>();
  for (const { state, name, measure, judge, count } of measurements) {
    states.add(state);
    const key = JSON.stringify([name, measure, judge]);
    const column = columns.get(key) ?? { name, measure, judge, counts: [] };
    columns.set(key, column);
    if (!column.counts.includes(count)) column.counts.push(count);
  }
  return { states: stateNames(states), columns: [...columns.values()] };
}

/** Name of a model state in the editor's language; names given in recipes stay as they are. */
export function stateName(state: string, s: RunStrings): string {
  const own: Record<string, string> = { base: s.stateBase, plain: s.statePlain, protected: s.stateProtected };
  return own[state] ?? state;
}

/** The table base · plain · protected, with judge and number of prompts per column. */
export function resultTable(run: RunSnapshot, s: RunStrings, n: Numbers): HTMLElement {
  const { states, columns } = tableOf(run.measurements);
  if (columns.length === 0) {
    const ended = ['finished', 'stopped', 'failed'].includes(run.progress.state);
    return el('p', { class: 'empty' }, ended ? s.tableNone : s.tableEmpty);
  }
  const head = columns.map((column) => {
    const { label, describe } = MEASURES[column.measure];
    // Of a task one looks for its name, of a danger for what is measured.
    const [title, below] = isTask(column.measure) ? [column.name, s[label]] : [s[label], column.name];
    const others = columns.filter(({ name, measure }) => name === column.name && measure === column.measure);
    return el(
      'th',
      { scope: 'col', title: s[describe] },
      el('span', { class: 'measure' }, title),
      el('span', { class: 'set' }, below),
      // Who judges matters where judges may differ; all are named below the table.
      ...(others.length > 1 ? [el('span', { class: 'set' }, fill(s.judgedBy, column.judge))] : []),
      el('span', { class: 'set' }, fill(s.prompts, column.counts.map((count) => n.count(count)).join(' / '))),
    );
  });
  const rows = states.map((state) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, stateName(state, s)),
      ...columns.map((column) => {
        // The latest measurement counts when a set was measured more than once.
        const found = run.measurements.findLast(
          (m) =>
            m.state === state && m.name === column.name && m.measure === column.measure && m.judge === column.judge,
        );
        return cell(found, s, n);
      }),
    ),
  );
  const judges = [...new Set(columns.map((column) => column.judge))];
  return el(
    'div',
    {},
    el(
      'div',
      { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': s.tableTitle },
      el(
        'table',
        { class: 'results' },
        el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, s.columnModel), ...head)),
        el('tbody', {}, ...rows),
      ),
    ),
    el('p', { class: 'judges' }, judges.map((judge) => fill(s.judgedBy, judge)).join(' · ')),
    ...run.compared.map((other) => el('p', { class: 'judges' }, comparedText(other, s))),
  );
}

/** Whose numbers stand beside the run's own, and what else differs. */
function comparedText({ title, states, differences }: RunSnapshot['compared'][number], s: RunStrings): string {
  const what = states.length > 0 ? states.map((state) => stateName(state, s)).join(', ') : s.comparedCurve;
  const differ = differences.map((d) => fill(s.difference, d.key, d.theirs, d.ours)).join(', ');
  return differ ? fill(s.comparedDiffers, what, title, differ) : fill(s.comparedAlike, what, title);
}

function cell(found: Measurement | undefined, s: RunStrings, n: Numbers): HTMLElement {
  if (!found) return el('td', { class: 'none' }, s.noMeasurement);
  const { measure, value } = found;
  if (typeof value !== 'number' || !Number.isFinite(value)) return el('td', { class: 'none' }, s.noNumber);
  if (measure === 'loss') return el('td', {}, n.number(value));
  const bar = el('span', { class: `bar ${shareTone(measure, value)}`, 'aria-hidden': 'true' });
  bar.style.setProperty('--share', String(Math.min(1, Math.max(0, value))));
  return el('td', {}, n.percent(value), bar);
}
