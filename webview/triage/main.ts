import { fill, numbersIn, type Numbers } from '../../runtime/contract/format.js';
import type { RowGroups, RowGrouping, RowText } from '../../runtime/contract/dataInfo.js';
import type { ExplainedToken } from '../../runtime/contract/scan.js';
import { decisionCounts, type Decision } from '../../runtime/contract/review.js';
import { openChannel } from '../channel.js';
import { showLanguage } from '../language.js';
import { el, setText } from '../dom.js';
import { errorNotice, thrown } from '../notice.js';
import type {
  TriagePageEvent,
  TriagePageRequest,
  TriagePageState,
  TriageState,
  TriageStrings,
} from '../protocol/triage.js';
import { button, dropdown, type Button } from '../ui.js';
import { decisionNames, groupRow, oneRow, SIGNS, tableHead } from './cells.js';
import { Detail } from './detail.js';
import { VirtualList } from './list.js';
import {
  FILTERS,
  grouped,
  groupsOf,
  isShown,
  Review,
  Rows,
  sortRows,
  type Filter,
  type Item,
  type Sort,
  type SortKey,
} from './rows.js';
import { RowTexts } from './texts.js';

/** A row is explained when it is stayed on for so long. */
const EXPLAIN_MS = 200;

const channel = openChannel<TriagePageEvent, TriagePageRequest, TriagePageState>(receive);
let page: TriagePage | undefined;

function receive(event: TriagePageEvent): void {
  switch (event.type) {
    case 'table':
      channel.state = { triage: event.triage.id };
      showLanguage(event.language);
      page ??= new TriagePage(event.language, event.strings);
      return page.load(event.triage);
    case 'texts':
      return page?.takeTexts(event.asked, event.rows);
    case 'groups':
      return page?.takeGroups(event.by, event.groups);
    case 'explained':
      return page?.takeExplained(event);
    case 'decided':
      return page?.decided(event.hashes, event.decision ?? undefined);
    case 'decisions':
      return page?.loadDecisions(event.decisions);
  }
}

const KEYS: Record<string, Decision | 'none'> = {
  x: 'exclude',
  f: 'fine',
  u: 'unsure',
  Delete: 'none',
  Backspace: 'none',
};

class TriagePage {
  private readonly numbers: Numbers;
  private rows!: Rows;
  private review!: Review;
  private triage!: TriageState;
  private order!: Uint32Array;
  private filter: Filter = 'flagged';
  private sort: Sort = { key: 'score', descending: false };
  private grouping: RowGrouping | null = null;
  private groups: Int32Array | undefined;
  private groupValues: string[] = [];
  private readonly openGroups = new Set<number>();
  private items: Item[] = [];
  private readonly selected = new Set<number>();
  private readonly texts = new RowTexts((hashes) => this.send({ type: 'texts', hashes }));
  private explained: Extract<TriagePageEvent, { type: 'explained' }> | undefined;
  private explaining: number | undefined;

  private readonly title = el('h1');
  private readonly facts = el('p', { class: 'facts' });
  private readonly progress = el('p', { class: 'facts' });
  private readonly changed = el('div', { class: 'notice warning', hidden: true });
  private readonly count = el('span', { class: 'muted', role: 'status' });
  private readonly said = el('p', { class: 'for-readers', role: 'status' });
  private readonly groupChoice = el('span', { class: 'controls' });
  private readonly failed = el('div');
  private readonly heads = new Map<SortKey, HTMLElement>();
  private readonly list: VirtualList;
  private readonly detail: Detail;
  private readonly undoButton: Button;

  constructor(
    language: string,
    private readonly strings: TriageStrings,
  ) {
    const s = strings;
    this.numbers = numbersIn(language);
    this.detail = new Detail(s, this.numbers);
    this.list = new VirtualList({
      label: s.tableLabel,
      head: tableHead(s, this.heads, (key) => this.setSort(key)),
      draw: (at) => this.drawItem(at),
      seen: (from, to) => this.texts.see(() => this.items.slice(from, to).map((item) => this.hashOf(item))),
      chosen: (at) => this.choose(at),
      opened: (at) => this.open(at),
    });
    this.list.element.addEventListener('keydown', (event) => this.key(event));
    this.undoButton = button(s.undo, 'secondary', { label: s.undo }, () => this.undo());
    const decide = (decision: Decision | undefined, text: string, title: string): Button =>
      button(text, 'secondary', { label: text, title }, () => this.decide(decision));
    const filters = FILTERS.map((filter) => this.filterName(filter));
    document.body.replaceChildren(
      el(
        'main',
        { class: 'page triage' },
        el(
          'header',
          { class: 'top' },
          el('div', { class: 'titles' }, this.title, this.facts, this.progress),
          el(
            'div',
            { class: 'actions' },
            button(s.saveCleaned, 'primary', { label: s.saveCleaned }, () => void this.send({ type: 'saveCleaned' })),
            button(s.saveFine, 'secondary', { label: s.saveFine }, () => void this.send({ type: 'saveFine' })),
          ),
        ),
        this.changed,
        this.failed,
        el(
          'div',
          { class: 'controls' },
          el('span', {}, s.show),
          dropdown(s.show, filters, filters[0]!, (name) => this.setFilter(FILTERS[filters.indexOf(name)]!)),
          this.groupChoice,
          decide('exclude', `${SIGNS.exclude} ${s.exclude}`, s.excludeHint),
          decide('fine', `${SIGNS.fine} ${s.fine}`, s.fineHint),
          decide('unsure', `${SIGNS.unsure} ${s.unsure}`, s.unsureHint),
          decide(undefined, s.takeBack, s.takeBackHint),
          this.undoButton,
          this.count,
        ),
        el('div', { class: 'split' }, this.list.element, this.detail.element),
        el('p', { class: 'muted keys' }, s.keys),
        this.said,
      ),
    );
    this.list.element.focus();
  }

  private filterName(filter: Filter): string {
    const { strings: s } = this;
    const names: Record<Filter, string> = {
      flagged: s.filterFlagged,
      undecided: s.filterUndecided,
      exclude: s.filterExclude,
      fine: s.filterFine,
      unsure: s.filterUnsure,
      all: s.filterAll,
    };
    return names[filter];
  }

  load(triage: TriageState): void {
    const { strings: s } = this;
    const isSameTable = this.triage?.table.hashes === triage.table.hashes;
    this.triage = triage;
    setText(this.title, fill(s.title, triage.name));
    this.title.title = triage.id;
    this.list.element.setAttribute('aria-label', fill(s.tableLabel, triage.name));
    setText(this.facts, `${fill(s.scannedWith, triage.vector)}: ${triage.summary}`);
    this.changed.hidden = !triage.changed;
    const again = button(s.scanAgain, 'secondary', { label: s.scanAgain }, () => void this.send({ type: 'scanAgain' }));
    this.changed.replaceChildren(el('p', {}, s.changed), el('div', { class: 'actions' }, again));
    // A file that was written has its rows in other lines.
    this.texts.clear();
    this.explained = undefined;
    if (isSameTable) this.review.load(triage.decisions);
    else {
      this.rows = new Rows(triage.table);
      this.review = new Review(triage.decisions);
      this.groups = undefined;
      this.selected.clear();
      void this.send({ type: 'group', by: null });
    }
    this.order = sortRows(this.rows, this.review, this.sort);
    this.update(isSameTable ? this.list.active : 0);
  }

  loadDecisions(decisions: TriageState['decisions']): void {
    this.review.load(decisions);
    this.update();
  }

  decided(hashes: readonly string[], decision: Decision | undefined): void {
    // What this page has decided itself is shown already.
    if (hashes.every((hash) => this.review.of(hash) === decision)) return;
    this.review.set(hashes, decision);
    this.update();
  }

  takeTexts(asked: readonly string[], rows: readonly RowText[]): void {
    this.texts.take(asked, rows);
    this.list.redraw();
  }

  takeGroups(by: RowGrouping | null, groups: RowGroups): void {
    const { strings: s } = this;
    if (by) {
      this.groups = groupsOf(this.rows, groups);
      this.groupValues = groups.values;
      this.openGroups.clear();
      return this.update(0);
    }
    const columns = groups.columns.map((name): [string, RowGrouping] => [fill(s.groupColumn, name), { column: name }]);
    const choices = new Map<string, RowGrouping | null>([
      [s.groupNone, null],
      [s.groupAnswer, { similar: 'answer' }],
      [s.groupPrompt, { similar: 'prompt' }],
      ...columns,
    ]);
    const names = [...choices.keys()];
    const choice = dropdown(s.group, names, names[0]!, (name) => this.setGrouping(choices.get(name) ?? null));
    this.groupChoice.replaceChildren(el('span', {}, s.group), choice);
  }

  takeExplained(event: Extract<TriagePageEvent, { type: 'explained' }>): void {
    this.explained = event;
    this.drawDetail();
  }

  private setFilter(filter: Filter): void {
    this.filter = filter;
    this.selected.clear();
    this.update(0);
  }

  private setGrouping(by: RowGrouping | null): void {
    this.grouping = by;
    this.selected.clear();
    if (by) {
      setText(this.count, this.strings.grouping);
      void this.send({ type: 'group', by });
    } else {
      this.groups = undefined;
      this.update(0);
    }
  }

  private setSort(key: SortKey): void {
    this.sort = { key, descending: this.sort.key === key && !this.sort.descending };
    this.order = sortRows(this.rows, this.review, this.sort);
    this.update(0);
  }

  /** Which rows are shown, anew. */
  private update(active = this.list.active): void {
    const { strings: s, numbers: n } = this;
    const shown: number[] = [];
    for (const row of this.order) if (isShown(this.rows, this.review, this.filter, row)) shown.push(row);
    this.items = this.groups ? grouped(shown, this.groups, this.openGroups) : shown.map((row) => ({ row }));
    const heads = this.items.reduce((sum, item) => sum + Number('group' in item), 0);
    const parts = [
      heads > 0
        ? fill(s.rowsInGroups, n.count(shown.length), n.count(heads))
        : fill(s.rowsShown, n.count(shown.length)),
      ...(this.selected.size > 0 ? [fill(s.selected, n.count(this.selected.size))] : []),
    ];
    setText(this.count, parts.join(' · '));
    const flagged: (Decision | undefined)[] = [];
    for (let row = 0; row < this.rows.count; row++)
      if (this.rows.isFlagged(row)) flagged.push(this.review.of(this.rows.hashes[row]!));
    const { exclude, fine, unsure } = decisionCounts(flagged);
    const counts = [exclude + fine, flagged.length, exclude, fine, unsure].map((value) => n.count(value));
    setText(this.progress, fill(s.progress, ...counts));
    this.undoButton.disabled = !this.review.canUndo;
    this.heads.forEach((head, key) =>
      head.setAttribute(
        'aria-sort',
        key !== this.sort.key ? 'none' : this.sort.descending ? 'descending' : 'ascending',
      ),
    );
    this.list.show(this.items.length, active, s.empty);
    this.list.move(this.list.active);
    this.drawDetail();
  }

  // ------------------------------------------------------------------------------------------------------------ keyboard

  private key(event: KeyboardEvent): void {
    const { list } = this;
    if (event.target !== list.element || event.altKey) return;
    const command = event.ctrlKey || event.metaKey;
    const moves: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: list.page,
      PageUp: -list.page,
      Home: -Infinity,
      End: Infinity,
    };
    const move = moves[event.key];
    const decision = command ? undefined : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (move !== undefined) this.step(move, event.shiftKey);
    else if (decision !== undefined) this.decide(decision === 'none' ? undefined : decision);
    else if (command && event.key.toLowerCase() === 'a') this.selectAll();
    else if (command && event.key.toLowerCase() === 'z') this.undo();
    else if (event.key === ' ') this.toggle();
    else if (event.key === 'Escape') this.deselect();
    else if (event.key === 'Enter') this.open(list.active);
    else if (event.key === 'ArrowRight') this.expand(true);
    else if (event.key === 'ArrowLeft') this.expand(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private step(by: number, extend: boolean): void {
    const from = this.list.active;
    const to = Math.max(0, Math.min(this.items.length - 1, from + by));
    if (extend) for (let at = Math.min(from, to); at <= Math.max(from, to); at++) this.select(at);
    this.list.move(to);
    if (extend) this.update(to);
    else this.drawDetail();
  }

  private choose(at: number): void {
    const item = this.items[at];
    this.list.move(at);
    if (item && 'group' in item) this.expand(!item.open);
    else this.drawDetail();
  }

  private select(at: number): void {
    for (const row of this.rowsAt(at)) this.selected.add(row);
  }

  private toggle(): void {
    const rows = this.rowsAt(this.list.active);
    const all = rows.every((row) => this.selected.has(row));
    for (const row of rows) {
      if (all) this.selected.delete(row);
      else this.selected.add(row);
    }
    this.update();
  }

  private selectAll(): void {
    this.items.forEach((_, at) => this.select(at));
    this.update();
  }

  private deselect(): void {
    this.selected.clear();
    this.update();
  }

  private expand(open: boolean): void {
    const item = this.items[this.list.active];
    if (!item || !this.groups) return;
    if ('group' in item) {
      if (open) this.openGroups.add(item.group);
      else this.openGroups.delete(item.group);
      return this.update();
    }
    // From a row to the head of its group.
    const head = this.items.findIndex((each) => 'group' in each && each.rows.includes(item.row));
    if (!open && head >= 0) {
      this.list.move(head);
      this.drawDetail();
    }
  }

  private open(at: number): void {
    const item = this.items[at];
    if (!item) return;
    if ('group' in item) return this.expand(!item.open);
    void this.send({ type: 'open', hash: this.rows.hashes[item.row]! });
  }

  private decide(decision: Decision | undefined): void {
    const { strings: s, numbers: n } = this;
    const rows = this.selected.size > 0 ? [...this.selected] : this.rowsAt(this.list.active);
    if (rows.length === 0) return;
    const hashes = [...new Set(rows.map((row) => this.rows.hashes[row]!))];
    const isOne = this.selected.size === 0 && rows.length === 1;
    const at = this.list.active;
    const before = this.items.length;
    this.review.decide(hashes, decision);
    // Also after a click on a button, keys go to the rows.
    this.list.element.focus();
    this.selected.clear();
    this.update(at);
    // A row that stays in the list is left for the next one.
    if (isOne && this.items.length === before) this.step(1, false);
    setText(
      this.said,
      decision
        ? fill(s.decided, n.count(rows.length), decisionNames(s)[decision])
        : fill(s.takenBack, n.count(rows.length)),
    );
    void this.send({ type: 'decide', hashes, decision: decision ?? null });
  }

  private undo(): void {
    for (const { hashes, decision } of this.review.undo())
      void this.send({ type: 'decide', hashes, decision: decision ?? null });
    this.update();
  }

  /** The rows that stand at a place of the list: one, or those of a group. */
  private rowsAt(at: number): readonly number[] {
    const item = this.items[at];
    if (!item) return [];
    return 'group' in item ? item.rows : [item.row];
  }

  // ------------------------------------------------------------------------------------------------------------- drawing

  private drawItem(at: number): HTMLElement {
    const { rows, review, strings: s, numbers: n } = this;
    const item = this.items[at]!;
    if (!('group' in item)) {
      const hash = this.hashOf(item);
      const selected = this.selected.has(item.row);
      return oneRow(s, n, rows, item.row, { decision: review.of(hash), text: this.texts.of(hash), selected });
    }
    const by = this.grouping;
    const text = this.texts.of(this.hashOf(item));
    return groupRow(s, n, {
      name: by && 'column' in by ? this.groupValues[item.group] || s.noValue : (text?.[by?.similar ?? 'answer'] ?? ''),
      rows: item.rows.length,
      undecided: item.rows.filter((row) => review.of(rows.hashes[row]!) === undefined).length,
      open: item.open,
      selected: item.rows.every((row) => this.selected.has(row)),
    });
  }

  /** Of a row, or of the first row of a group. */
  private hashOf(item: Item): string {
    return this.rows.hashes['group' in item ? item.rows[0]! : item.row]!;
  }

  private drawDetail(): void {
    const item = this.items[this.list.active];
    const row = item && ('group' in item ? item.rows[0]! : item.row);
    clearTimeout(this.explaining);
    if (row === undefined) return this.detail.clear();
    const hash = this.rows.hashes[row]!;
    const known = this.explained?.hash === hash ? this.explained : undefined;
    const tokens: readonly ExplainedToken[] | null = known?.tokens ?? null;
    this.detail.show(this.rows, row, known ? known.row : this.texts.of(hash), tokens, known?.pending ?? false);
    if (!known) this.explaining = window.setTimeout(() => void this.send({ type: 'explain', hash }), EXPLAIN_MS);
  }

  /** False when the request failed; what failed is shown. */
  private async send(request: TriagePageRequest): Promise<boolean> {
    if (request.type !== 'texts') this.failed.replaceChildren();
    try {
      await channel.request(request);
      return true;
    } catch (error) {
      this.failed.replaceChildren(errorNotice(this.strings.requestFailed, thrown(error), this.strings.stack));
      return false;
    }
  }
}

channel.request({ type: 'ready' }).catch((error: unknown) => {
  document.body.append(errorNotice('Security Vectors', thrown(error), 'Stack'));
});
