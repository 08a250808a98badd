import { fill, numbersIn, type Numbers } from '../../runtime/contract/format.js';
import type { RowGroups, RowGrouping, RowText } from '../../runtime/contract/dataInfo.js';
import type { Decision } from '../../runtime/contract/review.js';
import { openChannel } from '../channel.js';
import { showLanguage } from '../language.js';
import { el, setText } from '../dom.js';
import { errorNotice, showFailure, thrown } from '../notice.js';
import type {
  TriagePageEvent,
  TriagePageRequest,
  TriagePageState,
  TriageState,
  TriageStrings,
} from '../protocol/triage.js';
import { decisionNames, groupRow, markSorted, oneRow, rowsText, shownText, tableHead } from './cells.js';
import { Controls } from './controls.js';
import { Detail } from './detail.js';
import { Explanation, type Explained } from './explanation.js';
import { Header } from './header.js';
import { keyAction, type KeyAction } from './keys.js';
import { VirtualList } from './list.js';
import { filtersOf, firstFilter, type Filter, type SortKey } from './rows.js';
import { ShownRows, type Place, type TriageView } from './shown.js';
import { RowTexts } from './texts.js';

/** What the page keeps of itself is for itself alone. */
type Kept = TriagePageState & { view?: TriageView };
/** Delay before the view is saved: it holds the undo steps, and keys are faster. */
const KEEP_MS = 100;

const channel = openChannel<TriagePageEvent, TriagePageRequest, Kept>(receive);
let page: TriagePage | undefined;

function receive(event: TriagePageEvent): void {
  switch (event.type) {
    case 'table':
      showLanguage(event.language);
      // after another scan the page may offer other rows
      if (page?.tellsRelated !== event.triage.tellsRelated) {
        page?.keep();
        page = new TriagePage(event, channel.state?.view);
      }
      return page.load(event.triage);
    case 'away':
      return page ? undefined : document.body.replaceChildren(el('p', { class: 'page empty' }, event.text));
    case 'texts':
      return page?.takeTexts(event.asked, event.rows);
    case 'groups':
      return page?.takeGroups(event.by, event.groups);
    case 'found':
      return page?.takeFound(event.text, event.hashes);
    case 'explained':
      return page?.takeExplained(event);
    case 'decided':
      return page?.decided(event.hashes, event.decision ?? undefined);
    case 'decisions':
      return page?.loadDecisions(event.decisions);
  }
}

/** What the page asks without a person: an error stays until somebody does something. */
const BY_ITSELF: readonly TriagePageRequest['type'][] = ['ready', 'texts', 'explain'];

class TriagePage {
  readonly tellsRelated: boolean;
  private readonly strings: TriageStrings;
  private readonly numbers: Numbers;
  private readonly shown: ShownRows;
  private id = '';
  /** Where a page was that is shown again, until somebody does something: its rows may come in parts. */
  private left: Place | undefined;
  private readonly texts = new RowTexts((hashes) => this.send({ type: 'texts', hashes }));
  private readonly explanation = new Explanation((hash) => void this.send({ type: 'explain', hash }));
  private keeping: number | undefined;

  private readonly said = el('p', { class: 'for-readers', role: 'status' });
  private readonly failed = el('div');
  private readonly heads = new Map<SortKey, HTMLElement>();
  private readonly header: Header;
  private readonly controls: Controls;
  private readonly list: VirtualList;
  private readonly detail: Detail;

  constructor({ language, strings: s, triage }: Extract<TriagePageEvent, { type: 'table' }>, kept?: TriageView) {
    this.strings = s;
    this.tellsRelated = triage.tellsRelated;
    const shown = (this.shown = new ShownRows(kept, firstFilter(triage, kept?.filter)));
    this.left = kept?.active;
    for (const done of ['keydown', 'mousedown']) addEventListener(done, () => (this.left = undefined), true);
    this.numbers = numbersIn(language);
    this.header = new Header(s, this.numbers, (request) => void this.send(request));
    this.detail = new Detail(s, this.numbers);
    this.list = new VirtualList({
      label: s.tableLabel,
      head: tableHead(s, this.heads, (key) => this.setSort(key)),
      draw: (at) => this.drawItem(at),
      seen: (from, to) => this.texts.see(() => shown.items.slice(from, to).map((item) => shown.hashOf(item))),
      chosen: (at) => this.choose(at),
      opened: (at) => this.open(at),
    });
    this.list.element.addEventListener('keydown', (event) => this.key(event));
    this.controls = new Controls(
      s,
      { filter: shown.filter, text: shown.text, offered: filtersOf(triage) },
      {
        filter: (filter) => this.setFilter(filter),
        search: (text) => this.search(text),
        leaveSearch: () => this.list.element.focus(),
        group: (by) => this.setGrouping(by),
        decide: (decision) => this.decide(decision),
        undo: () => this.undo(),
      },
    );
    document.body.replaceChildren(
      el(
        'main',
        { class: 'page triage' },
        this.header.element,
        this.header.changed,
        this.failed,
        this.controls.element,
        el('div', { class: 'split' }, this.list.element, this.detail.element),
        el('p', { class: 'muted keys' }, s.keys),
        this.said,
      ),
    );
    this.list.element.focus();
  }

  load(triage: TriageState): void {
    this.id = triage.id;
    this.header.update(triage);
    this.detail.compared = triage.compared;
    this.list.element.setAttribute('aria-label', fill(this.strings.tableLabel, triage.name));
    // A file that was written has its rows in other lines.
    this.texts.clear();
    this.explanation.clear();
    const isOther = this.shown.load(triage);
    if (isOther) {
      void this.send({ type: 'group', by: null });
      if (this.shown.grouping) this.readGroups(this.shown.grouping);
      if (this.shown.text !== '') this.find(this.shown.text);
    }
    this.update(isOther ? 'first' : this.list.active);
  }

  loadDecisions(decisions: TriageState['decisions']): void {
    this.shown.review.load(decisions);
    this.update();
  }

  decided(hashes: readonly string[], decision: Decision | undefined): void {
    const { review } = this.shown;
    // What this page has decided itself is shown already.
    if (hashes.every((hash) => review.of(hash) === decision)) return;
    review.set(hashes, decision);
    this.update();
  }

  takeTexts(asked: readonly string[], rows: readonly RowText[]): void {
    this.texts.take(asked, rows);
    this.list.redraw();
  }

  takeGroups(by: RowGrouping | null, groups: RowGroups): void {
    if (!by) return this.controls.offerGroups(groups.columns, this.shown.grouping);
    // Something else was chosen meanwhile.
    if (JSON.stringify(by) !== JSON.stringify(this.shown.grouping)) return;
    this.shown.setGroups(groups);
    this.update('first');
  }

  takeFound(text: string, hashes: string): void {
    // Something else was typed meanwhile.
    if (text !== this.shown.text) return;
    this.shown.setFound(hashes);
    this.update('first');
  }

  takeExplained(explained: Explained): void {
    this.explanation.take(explained);
    this.drawDetail();
  }

  private setFilter(filter: Filter): void {
    this.shown.setFilter(filter);
    this.update(0);
  }

  private search(text: string): void {
    this.shown.setText(text);
    return text === '' ? this.update(0) : this.find(text);
  }

  private find(text: string): void {
    this.controls.say(this.strings.searching);
    void this.send({ type: 'search', text }).then((done) => {
      if (done || text !== this.shown.text) return;
      this.controls.showText(this.shown.searchFailed());
      this.update();
    });
  }

  private setGrouping(by: RowGrouping | null): void {
    this.shown.setGrouping(by);
    return by ? this.readGroups(by) : this.update(0);
  }

  private readGroups(by: RowGrouping): void {
    this.controls.say(this.strings.grouping);
    void this.send({ type: 'group', by }).then((done) => {
      if (done || by !== this.shown.grouping) return;
      this.controls.showGrouping(this.shown.groupingFailed());
      this.update();
    });
  }

  private setSort(key: SortKey): void {
    this.shown.setSort(key);
    this.update(0);
  }

  /** Which rows are shown, anew. `first`: others than before. */
  private update(active: number | 'first' = this.list.active): void {
    const { strings: s, numbers: n, shown } = this;
    this.controls.say(shownText(shown.arrange(), s, n));
    const at = active !== 'first' ? active : this.left ? shown.placeOf(this.left) : 0;
    this.header.showProgress(shown.flaggedDecisions());
    this.controls.allowUndo(shown.review.canUndo);
    markSorted(this.heads, shown.sort);
    this.list.show(shown.items.length, at, shown.isToDecide ? s.allDecided : s.empty);
    this.list.move(this.list.active);
    this.moved();
  }

  /** Another row may be active. */
  private moved(): void {
    window.clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => this.keep(), KEEP_MS);
    this.drawDetail();
  }

  /** Where one is stays when the page is hidden. */
  keep(): void {
    window.clearTimeout(this.keeping);
    const view = this.shown.view(this.list.active);
    channel.state = { triage: this.id, view: { ...view, active: this.left ?? view.active } };
  }

  // ---------------------------------------------------------------------------------------------------------- keyboard

  private key(event: KeyboardEvent): void {
    if (event.target !== this.list.element || event.altKey) return;
    const action = keyAction(event, this.list.page);
    if (!action) return;
    this.act(action);
    event.preventDefault();
    event.stopPropagation();
  }

  private act(action: KeyAction): void {
    switch (action.do) {
      case 'move':
        return this.step(action.by, action.extend);
      case 'decide':
        return this.decide(action.decision);
      case 'expand':
        return this.expand(action.open);
      case 'search':
        return this.controls.focusText();
      case 'selectAll':
        this.shown.items.forEach((_, at) => this.shown.select(at));
        return this.update();
      case 'toggle':
        this.shown.toggle(this.list.active);
        return this.update();
      case 'deselect':
        this.shown.selected.clear();
        return this.update();
      case 'undo':
        return this.undo();
      case 'open':
        return this.open(this.list.active);
    }
  }

  private step(by: number, extend: boolean): void {
    const from = this.list.active;
    const to = Math.max(0, Math.min(this.shown.items.length - 1, from + by));
    if (extend) for (let at = Math.min(from, to); at <= Math.max(from, to); at++) this.shown.select(at);
    this.list.move(to);
    if (extend) this.update(to);
    else this.moved();
  }

  private choose(at: number): void {
    const item = this.shown.items[at];
    this.list.move(at);
    if (item && 'group' in item) this.expand(!item.open);
    else this.moved();
  }

  private expand(open: boolean): void {
    const { shown } = this;
    const item = shown.items[this.list.active];
    if (!item) return;
    if ('group' in item) {
      shown.openGroup(item.group, open);
      return this.update();
    }
    // From a row to the head of its group.
    const head = shown.headOf(item.row);
    if (!open && head >= 0) {
      this.list.move(head);
      this.moved();
    }
  }

  private open(at: number): void {
    const item = this.shown.items[at];
    if (!item) return;
    if ('group' in item) return this.expand(!item.open);
    this.keep();
    void this.send({ type: 'open', hash: this.shown.hashOf(item), line: this.shown.rows.lines[item.row]! });
  }

  private decide(decision: Decision | undefined): void {
    const { strings: s, numbers: n, shown } = this;
    const at = this.list.active;
    const rows = shown.selected.size > 0 ? [...shown.selected] : shown.rowsAt(at);
    if (rows.length === 0) return;
    const hashes = [...new Set(rows.map((row) => shown.rows.hashes[row]!))];
    const isOne = shown.selected.size === 0 && rows.length === 1;
    const before = shown.items.length;
    shown.review.decide(hashes, decision);
    // Also after a click on a button, keys go to the rows.
    this.list.element.focus();
    shown.selected.clear();
    this.update(at);
    // A row that stays in the list is left for the next one.
    if (isOne && shown.items.length === before) this.step(1, false);
    const said = rowsText(rows.length, s, n);
    setText(this.said, decision ? fill(s.decided, said, decisionNames(s)[decision]) : fill(s.takenBack, said));
    void this.send({ type: 'decide', hashes, decision: decision ?? null });
  }

  private undo(): void {
    for (const { hashes, decision } of this.shown.review.undo())
      void this.send({ type: 'decide', hashes, decision: decision ?? null });
    this.update();
  }

  // ----------------------------------------------------------------------------------------------------------- drawing

  private drawItem(at: number): HTMLElement {
    const { shown, strings: s, numbers: n } = this;
    const { rows, review, groupedBy: by } = shown;
    const item = shown.items[at]!;
    const hash = shown.hashOf(item);
    const text = this.texts.of(hash);
    if (!('group' in item)) {
      return oneRow(s, n, rows, item.row, { decision: review.of(hash), text, selected: shown.selected.has(item.row) });
    }
    return groupRow(s, n, {
      name: by && 'column' in by ? shown.groupValues[item.group] || s.noValue : (text?.[by?.similar ?? 'answer'] ?? ''),
      rows: item.rows.length,
      undecided: item.rows.filter((row) => review.of(rows.hashes[row]!) === undefined).length,
      open: item.open,
      selected: item.rows.every((row) => shown.selected.has(row)),
    });
  }

  private drawDetail(): void {
    const { rows } = this.shown;
    const [row] = this.shown.rowsAt(this.list.active);
    if (row === undefined) {
      this.explanation.leave();
      return this.detail.clear();
    }
    const hash = rows.hashes[row]!;
    const known = this.explanation.lookAt(hash);
    const text = known ? known.row : this.texts.of(hash);
    this.detail.show(rows, row, text, known?.tokens ?? null, known?.pending ?? false);
  }

  /** False when the request failed; what failed is shown. */
  private async send(request: TriagePageRequest): Promise<boolean> {
    if (!BY_ITSELF.includes(request.type)) this.failed.replaceChildren();
    try {
      await channel.request(request);
      return true;
    } catch (error) {
      this.failed.replaceChildren(errorNotice(this.strings.requestFailed, thrown(error), this.strings.stack));
      return false;
    }
  }
}

window.addEventListener('pagehide', () => page?.keep());
channel.request({ type: 'ready' }).catch(showFailure);
