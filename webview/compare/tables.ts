import { differingKeys } from '../../runtime/contract/comparedRuns.js';
import { comparedTable, type ComparedCell, type ComparedTable } from '../../runtime/contract/comparedTable.js';
import { agreementCells } from '../../runtime/contract/judgeText.js';
import { fill } from '../../runtime/contract/format.js';
import { el } from '../dom.js';
import { readTheme } from '../theme.js';
import { dropdown } from '../ui.js';
import { swatch } from './legend.js';
import { lookOf, type Order, type State, type Words } from './state.js';

interface Column {
  /** No other column of the table has it, and the column keeps it when others come and go. */
  id: string;
  title: string;
  subtitle?: string;
  meaning?: string;
  cell(row: number): { sort: string | number | undefined; face: (Node | string)[]; classes?: string };
}

/** How the tables are sorted, by their names. */
interface Sorting {
  orders: Record<string, Order>;
  changed(): void;
}

/** A table with a line for each run, which any column sorts. */
class RunTable {
  readonly element = el('div', { class: 'scroll', role: 'group', tabindex: 0 });
  private drawn = '';

  constructor(
    label: string,
    private readonly words: Words,
    private readonly name: string,
    private readonly sorting: Sorting,
  ) {
    this.element.setAttribute('aria-label', label);
  }

  /** @param signature what is said in it: a table that stays as it is keeps its focus */
  update(signature: unknown, count: number, columns: Column[]): void {
    const drawn = JSON.stringify(signature);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.draw(count, columns);
  }

  private draw(count: number, columns: Column[]): void {
    const { strings: s } = this.words;
    const rows = Array.from({ length: count }, (_, i) => i);
    const order = this.sorting.orders[this.name];
    const by = columns.find(({ id }) => id === order?.column);
    if (order && by) rows.sort((a, b) => compare(by.cell(a).sort, by.cell(b).sort, order.down));
    const heads = (): HTMLElement[] => [...this.element.querySelectorAll<HTMLElement>('th button')];
    const focused = heads().findIndex((one) => one === document.activeElement);
    const head = columns.map(({ id, title, subtitle, meaning }) => {
      const sorted = order?.column === id ? (order.down ? 'descending' : 'ascending') : undefined;
      const press = (): void => {
        this.sorting.orders[this.name] = { column: id, down: sorted === 'ascending' };
        this.sorting.changed();
        this.draw(count, columns);
      };
      const label = fill(s.sortBy, [title, subtitle].filter(Boolean).join(' '));
      return el(
        'th',
        { scope: 'col', title: meaning, 'aria-sort': sorted },
        el(
          'button',
          { class: 'sort', 'aria-label': label, click: press },
          ...breakable(title),
          sorted ? (order?.down ? ' ↓' : ' ↑') : '',
        ),
        subtitle ? el('span', { class: 'set' }, subtitle) : null,
      );
    });
    const body = rows.map((row) =>
      el(
        'tr',
        {},
        ...columns.map(({ cell }, i) => {
          const { face, classes } = cell(row);
          return el(i === 0 ? 'th' : 'td', i === 0 ? { scope: 'row' } : { class: classes }, ...face);
        }),
      ),
    );
    this.element.replaceChildren(
      el('table', { class: this.name }, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...body)),
    );
    heads()[focused]?.focus();
  }
}

/** A key breaks before a dot and nowhere else: as many columns as there are would leave a letter on each line. */
const breakable = (key: string): (Node | string)[] =>
  key.split(/(?=\.)/).flatMap((part, i) => (i === 0 ? [part] : [el('wbr'), part]));

/** Rows without a value are last, whichever way. */
function compare(a: string | number | undefined, b: string | number | undefined, down: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const way = down ? -1 : 1;
  if (typeof a === 'number' && typeof b === 'number') return way * (a - b);
  return way * String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Keys in which the recipes differ, a line for each run. */
export class RecipeTable {
  readonly element: HTMLElement;
  private readonly table: RunTable;
  private readonly none: HTMLElement;

  constructor(
    private readonly words: Words,
    sorting: Sorting,
  ) {
    const { strings: s } = words;
    this.table = new RunTable(s.recipesTitle, words, 'recipes', sorting);
    this.none = el('p', { class: 'empty' }, s.recipesAlike);
    this.element = el(
      'section',
      { 'aria-labelledby': 'recipes-title' },
      el('h2', { id: 'recipes-title' }, s.recipesTitle),
      this.none,
      this.table.element,
    );
  }

  update({ shown }: State): void {
    const runs = shown.map(({ run }) => run);
    const keys = differingKeys(runs);
    this.none.hidden = keys.length > 0;
    this.table.element.hidden = keys.length === 0;
    const theme = readTheme();
    this.table.update([keys, runs.map(({ title }) => title), theme.runs], runs.length, [
      {
        id: 'run',
        title: this.words.strings.columnRun,
        cell: (row) => ({ sort: runs[row]!.title, face: [swatch(lookOf(row, theme)), ` ${runs[row]!.title}`] }),
      },
      ...keys.map(({ key, values }) => ({
        id: `recipe ${key}`,
        title: key,
        cell: (row: number) => ({ sort: values[row], face: [values[row]!] }),
      })),
    ]);
  }
}

/** What was measured, with intervals, and what differs from one of the rows. */
export class ResultTable {
  readonly element: HTMLElement;
  private readonly table: RunTable;
  private readonly choice = el('div', { class: 'controls' });
  private readonly none: HTMLElement;
  private readonly note: HTMLElement;
  private offered = '';

  constructor(
    private readonly words: Words,
    sorting: Sorting,
    private readonly compareWith: (row: string) => void,
  ) {
    const { strings: s } = words;
    this.table = new RunTable(s.resultsTitle, words, 'compared', sorting);
    this.none = el('p', { class: 'empty' }, s.resultsNone);
    this.note = el('p', { class: 'judges' }, s.resultsNote);
    this.element = el(
      'section',
      { 'aria-labelledby': 'results-title' },
      el('h2', { id: 'results-title' }, s.resultsTitle),
      this.choice,
      this.none,
      this.table.element,
      this.note,
    );
  }

  update({ shown, reference }: State): void {
    const { strings: s } = this.words;
    const table = comparedTable(shown, reference, this.words);
    const isEmpty = table.columns.length === 0;
    this.none.hidden = !isEmpty;
    this.table.element.hidden = this.choice.hidden = this.note.hidden = isEmpty;
    this.offer(table, reference);
    this.table.update(table, table.rows.length, [
      {
        id: 'run',
        title: s.columnRun,
        cell: (row) => ({ sort: table.rows[row]!.title, face: [table.rows[row]!.title] }),
      },
      {
        id: 'verdict',
        title: s.columnVerdict,
        cell: (row) => {
          const { mark, brief } = table.rows[row]!;
          const said = [mark, brief].filter(Boolean).join(' ');
          return { sort: said, face: [said] };
        },
      },
      ...table.columns.map(({ id, title, subtitle, meaning, good }, i) => ({
        id,
        title,
        subtitle,
        meaning,
        cell: (row: number) => {
          const cell = table.rows[row]!.cells[i]!;
          return { sort: cell.value, face: faceOf(cell, good), classes: cell.value === undefined ? 'none' : undefined };
        },
      })),
    ]);
  }

  private offer({ rows }: ComparedTable, reference: string): void {
    const titles = rows.map(({ title }) => title);
    const chosen = rows.find(({ id }) => id === reference)?.title ?? titles[0] ?? '';
    const offered = JSON.stringify([titles, chosen]);
    if (offered === this.offered) return;
    this.offered = offered;
    const { strings: s } = this.words;
    const ids = new Map(rows.map(({ id, title }) => [title, id]));
    const hadFocus = this.choice.contains(document.activeElement);
    const list = dropdown(s.comparedWith, titles, chosen, (title) => this.compareWith(ids.get(title)!));
    this.choice.replaceChildren(el('span', {}, s.comparedWith), list);
    if (hadFocus) list.focus();
  }
}

/** How far the judges of each run agree; nothing where no run has two. */
export class AgreementTable {
  readonly element: HTMLElement;
  private readonly table: RunTable;

  constructor(
    private readonly words: Words,
    sorting: Sorting,
  ) {
    const { agreementTitle: title } = words.strings;
    this.table = new RunTable(title, words, 'agreements', sorting);
    this.element = el(
      'section',
      { 'aria-labelledby': 'agreements-title' },
      el('h2', { id: 'agreements-title' }, title),
      this.table.element,
    );
  }

  update({ shown }: State): void {
    const { strings: s } = this.words;
    const rows = shown.flatMap(({ run: { title, agreements } }) =>
      agreements.map((one) => ({ title, of: one, ...agreementCells(one, this.words) })),
    );
    this.element.hidden = rows.length === 0;
    const column = (title: string, text: (row: (typeof rows)[number]) => string): Column => ({
      id: title,
      title,
      cell: (i) => ({ sort: text(rows[i]!), face: [text(rows[i]!)] }),
    });
    this.table.update(rows, rows.length, [
      column(s.columnRun, ({ title }) => title),
      column(s.agreementSet, ({ set }) => set),
      column(s.columnModel, ({ model }) => model),
      column(s.agreementJudges, ({ judges }) => judges),
      {
        id: 'kappa',
        title: s.agreementKappa,
        cell: (i) => ({ sort: rows[i]!.of.kappa, face: [rows[i]!.kappa] }),
      },
      {
        id: 'differ',
        title: s.agreementDiffer,
        cell: (i) => ({ sort: rows[i]!.of.differ / rows[i]!.of.count, face: [rows[i]!.differ] }),
      },
    ]);
  }
}

function faceOf({ text, intervalText, note, delta }: ComparedCell, good: 'low' | 'high' | 'either'): (Node | string)[] {
  const face: (Node | string)[] = [el('span', { class: 'value' }, text)];
  for (const more of [intervalText, note]) if (more) face.push(el('span', { class: 'bound' }, more));
  if (delta) {
    const way =
      good === 'either' || !delta.isBeyondChance ? '' : delta.value > 0 === (good === 'high') ? ' good' : ' bad';
    face.push(el('span', { class: `delta${delta.isBeyondChance ? ' sure' : ''}${way}` }, delta.text));
  }
  return face;
}
