import type { RowGrouping } from '../../runtime/contract/dataInfo.js';
import { fill } from '../../runtime/contract/format.js';
import type { Decision } from '../../runtime/contract/review.js';
import { el, setText } from '../dom.js';
import type { TriageStrings } from '../protocol/triage.js';
import { button, dropdown, searchField, setDisabled, type Button } from '../ui.js';
import { SIGNS } from './cells.js';
import type { Filter } from './rows.js';

/** A text is searched for when nothing was typed for so long. */
const REST_MS = 200;
/** Keys that lead from the text to the list; Escape takes the text along. */
const LEAVING = ['Enter', 'ArrowDown', 'Escape'];

interface ControlActions {
  filter(filter: Filter): void;
  /** Empty: all rows. */
  search(text: string): void;
  /** From the text to the list. */
  leaveSearch(): void;
  group(by: RowGrouping | null): void;
  decide(decision: Decision | undefined): void;
  undo(): void;
}

/** What stands above the list: which rows are shown and in which groups, and the decisions on them. */
export class Controls {
  readonly element: HTMLElement;
  private readonly text: HTMLInputElement;
  /** The text that was searched for last. */
  private searched = '';
  private groupColumns: readonly string[] = [];
  private readonly groupChoice = el('span', { class: 'controls' });
  private readonly count = el('span', { class: 'muted', role: 'status' });
  private readonly undoButton: Button;

  constructor(
    private readonly strings: TriageStrings,
    { filter, text, offered }: { filter: Filter; text: string; offered: readonly Filter[] },
    private readonly actions: ControlActions,
  ) {
    const s = strings;
    this.undoButton = button(s.undo, 'secondary', {}, () => actions.undo());
    const decide = (decision: Decision | undefined, text: string, title: string): Button =>
      button(text, 'secondary', { title }, () => actions.decide(decision));
    this.text = this.textFilter(text);
    const filters = offered.map((filter) => this.filterName(filter));
    this.element = el(
      'div',
      { class: 'controls' },
      el('span', {}, s.show),
      dropdown(s.show, filters, this.filterName(filter), (name) => actions.filter(offered[filters.indexOf(name)]!)),
      el('span', {}, s.search),
      this.text,
      this.groupChoice,
      decide('exclude', `${SIGNS.exclude} ${s.exclude}`, s.excludeHint),
      decide('fine', `${SIGNS.fine} ${s.fine}`, s.fineHint),
      decide('unsure', `${SIGNS.unsure} ${s.unsure}`, s.unsureHint),
      decide(undefined, s.takeBack, s.takeBackHint),
      this.undoButton,
      this.count,
    );
  }

  private textFilter(shown: string): HTMLInputElement {
    const { strings: s, actions } = this;
    let timer: number | undefined;
    this.searched = shown;
    const search = (): void => {
      clearTimeout(timer);
      if (field.value === this.searched) return;
      this.searched = field.value;
      actions.search(this.searched);
    };
    const field = searchField({ label: s.search, title: s.searchHint }, () => {
      clearTimeout(timer);
      timer = window.setTimeout(search, REST_MS);
    });
    field.value = shown;
    field.addEventListener('keydown', ({ key, isComposing }) => {
      if (isComposing || !LEAVING.includes(key)) return;
      if (key === 'Escape') field.value = '';
      search();
      actions.leaveSearch();
    });
    return field;
  }

  /** The rows are those of this text: it is put back, unless another is being typed. */
  showText(text: string): void {
    if (this.text.value === this.searched) this.text.value = text;
    this.searched = text;
  }

  focusText(): void {
    this.text.focus();
  }

  private filterName(filter: Filter): string {
    const { strings: s } = this;
    const names: Record<Filter, string> = {
      flagged: s.filterFlagged,
      undecided: s.filterUndecided,
      related: s.filterRelated,
      exclude: s.filterExclude,
      fine: s.filterFine,
      unsure: s.filterUnsure,
      all: s.filterAll,
    };
    return names[filter];
  }

  /** Offers groups by what texts resemble, and by these columns; `shown` is chosen. */
  offerGroups(columnNames: readonly string[], shown: RowGrouping | null): void {
    const { strings: s } = this;
    this.groupColumns = columnNames;
    const columns = columnNames.map((name): [string, RowGrouping] => [fill(s.groupColumn, name), { column: name }]);
    const choices = new Map<string, RowGrouping | null>([
      [s.groupNone, null],
      [s.groupAnswer, { similar: 'answer' }],
      [s.groupPrompt, { similar: 'prompt' }],
      ...columns,
    ]);
    const names = [...choices.keys()];
    const isShown = (name: string): boolean => JSON.stringify(choices.get(name)) === JSON.stringify(shown);
    const choice = dropdown(s.group, names, names.find(isShown) ?? s.groupNone, (name) =>
      this.actions.group(choices.get(name) ?? null),
    );
    const hadFocus = this.groupChoice.contains(document.activeElement);
    this.groupChoice.replaceChildren(el('span', {}, s.group), choice);
    if (hadFocus) choice.focus();
  }

  showGrouping(shown: RowGrouping | null): void {
    this.offerGroups(this.groupColumns, shown);
  }

  /** How many rows are shown, or what is waited for. */
  say(text: string): void {
    setText(this.count, text);
  }

  allowUndo(allowed: boolean): void {
    setDisabled(this.undoButton, !allowed);
  }
}
