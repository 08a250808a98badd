/** What the table of rows is drawn of. */
import { fill, type Numbers } from '../../runtime/contract/format.js';
import type { RowText } from '../../runtime/contract/dataInfo.js';
import type { Decision } from '../../runtime/contract/review.js';
import { perThousand } from '../../runtime/contract/scanText.js';
import { el } from '../dom.js';
import type { TriageStrings } from '../protocol/triage.js';
import type { Rows, Sort, SortKey } from './rows.js';
import type { Counted } from './shown.js';

export const SIGNS: Record<Decision, string> = { exclude: '✗', fine: '✓', unsure: '?' };

/** Nats, as a table shows them. */
const rounded = (loss: number): number => Number(loss.toFixed(3));

export const decisionNames = (s: TriageStrings): Record<Decision, string> => ({
  exclude: s.decisionExclude,
  fine: s.decisionFine,
  unsure: s.decisionUnsure,
});

export const rowsText = (count: number, s: TriageStrings, n: Numbers): string =>
  count === 1 ? s.rowOne : fill(s.rowsMany, n.count(count));

export const shownText = (shown: Counted, s: TriageStrings, n: Numbers): string =>
  [inGroupsText(shown, s, n), ...(shown.selected > 0 ? [fill(s.selected, n.count(shown.selected))] : [])].join(' · ');

function inGroupsText({ rows, grouped, groups }: Counted, s: TriageStrings, n: Numbers): string {
  if (groups === 0) return rowsText(rows, s, n);
  const within = groups === 1 ? s.groupOne : fill(s.groupsMany, n.count(groups));
  const alone = rows - grouped;
  return alone === 0
    ? fill(s.rowsInGroups, rowsText(rows, s, n), within)
    : fill(s.rowsBeside, rowsText(grouped, s, n), within, n.count(alone));
}

/** @param heads gets those that sort */
export function tableHead(
  s: TriageStrings,
  heads: Map<SortKey, HTMLElement>,
  onSort: (key: SortKey) => void,
): HTMLElement {
  const sortable = (key: SortKey, text: string, name: string, title?: string): HTMLElement => {
    const head = el(
      'div',
      { class: name, role: 'columnheader', title: title === undefined ? text : `${text}: ${title}` },
      el('button', { type: 'button', click: () => onSort(key) }, text),
    );
    heads.set(key, head);
    return head;
  };
  const plain = (text: string, name: string): HTMLElement =>
    el('div', { class: name, role: 'columnheader' }, el('span', {}, text));
  return el(
    'div',
    { class: 'row head', role: 'row', 'aria-rowindex': 1 },
    sortable('decision', s.columnDecision, 'decision'),
    sortable('score', s.columnScore, 'score', s.columnScoreTitle),
    sortable('share', s.columnShare, 'share', s.columnShareTitle),
    plain(s.columnPrompt, 'prompt'),
    plain(s.columnAnswer, 'answer'),
    sortable('without', s.columnWithout, 'loss', s.columnWithoutTitle),
    sortable('with', s.columnWith, 'loss', s.columnWithTitle),
    sortable('line', s.columnLine, 'line'),
  );
}

/** Says which column the rows are sorted by, and which way. */
export function markSorted(heads: ReadonlyMap<SortKey, HTMLElement>, sort: Sort): void {
  heads.forEach((head, key) =>
    head.setAttribute('aria-sort', key !== sort.key ? 'none' : sort.descending ? 'descending' : 'ascending'),
  );
}

/** A group of rows: its name is a value of a column, or the text that its rows resemble. */
export function groupRow(
  s: TriageStrings,
  n: Numbers,
  group: { name: string; rows: number; undecided: number; open: boolean; selected: boolean },
): HTMLElement {
  return el(
    'div',
    {
      class: 'row group',
      role: 'row',
      'aria-expanded': String(group.open),
      'aria-selected': String(group.selected),
    },
    el(
      'div',
      { class: 'whole', role: 'gridcell' },
      el('span', { class: 'sign', 'aria-hidden': 'true' }, group.open ? '▾' : '▸'),
      el('strong', {}, rowsText(group.rows, s, n)),
      el('span', { class: 'muted' }, ` · ${fill(s.groupUndecided, n.count(group.undecided))} · `),
      el('span', {}, group.name),
    ),
  );
}

/** @param text null: not in the file any more; undefined: not known yet */
export function oneRow(
  s: TriageStrings,
  n: Numbers,
  rows: Rows,
  row: number,
  { decision, text, selected }: { decision?: Decision; text: RowText | null | undefined; selected: boolean },
): HTMLElement {
  const cell = (name: string, content: string, title?: string): HTMLElement =>
    el('div', { class: name, role: 'gridcell', title }, content);
  // Columns of a narrow page may cut them.
  const whole = (name: string, content: string): HTMLElement => cell(name, content, content || undefined);
  const p = rows.ps[row]!;
  return el(
    'div',
    {
      class: ['row', decision ?? '', rows.isFlagged(row) ? 'flagged' : '', selected ? 'selected' : '']
        .filter(Boolean)
        .join(' '),
      role: 'row',
      'aria-selected': String(selected),
    },
    whole('decision', decision ? `${SIGNS[decision]} ${decisionNames(s)[decision]}` : ''),
    whole('score', Number.isNaN(p) ? '–' : fill(s.perThousand, perThousand(p, n))),
    cell('share', n.percent(rows.shares[row]!)),
    cell('prompt', text === null ? s.notThere : (text?.prompt ?? '')),
    cell('answer', text?.answer ?? ''),
    cell('loss', n.number(rounded(rows.without[row]!))),
    cell('loss', n.number(rounded(rows.with[row]!))),
    cell('line', n.count(rows.lineOf(row, text))),
  );
}
