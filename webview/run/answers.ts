import { isJudged } from '../../runtime/contract/measures.js';
import type { Agreement } from '../../runtime/contract/agreement.js';
import { isDisputed, type AnswerRow } from '../../runtime/contract/answers.js';
import type { Label } from '../../runtime/contract/labels.js';
import { stateNames } from '../../runtime/contract/states.js';
import { el, setText } from '../dom.js';
import { Part } from '../part.js';
import type { CompareStrings } from '../protocol/compare.js';
import type { RunPageRequest, RunStrings } from '../protocol/run.js';
import { fill, type Numbers } from '../../runtime/contract/format.js';
import { button, checkBox, dropdown, relabel, type Button, type CheckBox } from '../ui.js';
import { agreementElement } from './agreement.js';
import { AnswerTable } from './answerTable.js';
import { Labels } from './labels.js';

/** The words that it needs are those that its pages have in common. */
type Strings = Pick<RunStrings, keyof RunStrings & keyof CompareStrings>;

/** Of a page where judges are compared and answers labelled. */
interface Judging {
  strings: RunStrings;
  agreements: readonly Agreement[];
  canLabel: boolean;
  send(request: Extract<RunPageRequest, { type: 'label' | 'judgeAgain' | 'exportLabels' }>): void;
}

/** Which answers are shown; left of a page whose tab is hidden. */
export interface AnswersView {
  set: string;
  differ: boolean;
  disputed: boolean;
}

interface Tools {
  disputed: CheckBox;
  judgeAgain: HTMLElement;
  exportLabels: HTMLElement;
}

/** Rows drawn at once; more come with a button, so that a thousand prompts do not freeze the page. */
const PAGE = 40;

/** Answers of all model states side by side, a row per prompt. */
export class Answers {
  readonly element: HTMLElement;
  private rows: AnswerRow[] = [];
  private judging: Judging | undefined;
  private labels: Labels | undefined;
  private limit = PAGE;
  private readonly choice = el('span', { hidden: true });
  private readonly differ: CheckBox;
  private readonly count = el('span', { class: 'muted', role: 'status', hidden: true });
  private readonly controls: HTMLElement;
  private readonly agreement = new Part();
  private readonly hint = el('p', { class: 'muted', hidden: true });
  private readonly empty: HTMLElement;
  private readonly table: AnswerTable;
  private readonly more: Button;
  private offered = '';
  private tools: Tools | undefined;

  constructor(
    private readonly strings: Strings,
    private readonly numbers: Numbers,
    readonly view: AnswersView = { set: '', differ: false, disputed: false },
    /** Hears that others are shown. */
    private readonly changed: (view: AnswersView) => void,
  ) {
    this.differ = checkBox(strings.answersDiffer, view.differ, (on) => this.choose({ differ: on }));
    this.controls = el('div', { class: 'controls' }, this.choice, this.differ.element, this.count);
    this.empty = el('p', { class: 'empty' }, strings.answersEmpty);
    this.table = new AnswerTable(strings);
    this.more = button('', 'secondary', {}, () => {
      this.limit += PAGE;
      this.draw();
    });
    this.agreement.element.className = 'scroll';
    this.element = el(
      'section',
      { class: 'answers', tabindex: -1, 'aria-labelledby': 'answers-title', hidden: true },
      el('h2', { id: 'answers-title' }, strings.answersTitle),
      this.agreement.element,
      this.controls,
      el('div', {}, this.empty, this.hint, this.table.element, el('div', {}, this.more)),
    );
  }

  /** What stays as it was is not touched: answers that come while one reads, or labels, do not move the reader. */
  show(rows: AnswerRow[], judging?: Judging): void {
    this.judging = judging;
    this.labels ??= judging && new Labels(judging.strings, (place, label) => this.label(place, label));
    const agreements = judging && judging.agreements.length > 0 ? judging.agreements : undefined;
    this.agreement.show('', agreements, (shown) =>
      agreementElement(shown, { strings: judging!.strings, numbers: this.numbers }),
    );
    this.rows = rows;
    this.offer([...new Set(rows.map((row) => row.set))]);
    this.differ.element.hidden = this.count.hidden = rows.length === 0;
    if (judging) this.showTools(judging);
    this.element.hidden = false;
    this.draw();
  }

  /** Goes there. */
  reveal(): void {
    this.element.scrollIntoView({ block: 'start' });
    this.element.focus({ preventScroll: true });
  }

  private offer(sets: string[]): void {
    const isKnown = sets.includes(this.view.set);
    if (!isKnown) {
      this.view.set = sets[0] ?? '';
      this.limit = PAGE;
    }
    const offered = JSON.stringify(sets);
    if (isKnown && offered === this.offered) return;
    this.offered = offered;
    this.choice.hidden = sets.length < 2;
    this.choice.replaceChildren(dropdown(this.strings.answersSet, sets, this.view.set, (set) => this.choose({ set })));
  }

  private choose(change: Partial<AnswersView>): void {
    Object.assign(this.view, change);
    this.changed(this.view);
    this.limit = PAGE;
    this.draw();
  }

  /** What is there where answers are judged. */
  private showTools({ strings: s, canLabel }: Judging): void {
    if (!this.tools) {
      const press = (name: 'judgeAgain' | 'exportLabels'): HTMLElement =>
        button(s[name], 'secondary', {}, () => this.judging?.send({ type: name }));
      const disputed = checkBox(s.answersDisputed, this.view.disputed, (on) => this.choose({ disputed: on }));
      this.tools = { disputed, judgeAgain: press('judgeAgain'), exportLabels: press('exportLabels') };
      this.count.before(disputed.element, this.tools.judgeAgain, this.tools.exportLabels);
    }
    const { disputed, judgeAgain, exportLabels } = this.tools;
    const isLabelled = this.rows.some(({ answers }) => answers.some(({ settled }) => settled !== undefined));
    disputed.element.hidden = !this.view.disputed && !this.rows.some(isDisputed);
    judgeAgain.hidden = !canLabel;
    exportLabels.hidden = !canLabel || !isLabelled;
  }

  /** Shown at once; the host says so again when it is written. */
  private label({ row: { set, row: at }, state }: { row: AnswerRow; state: string }, label: Label | null): void {
    const row = this.rows.find((one) => one.set === set && one.row === at);
    const answer = row?.answers.find((one) => one.state === state);
    if (!row || !answer) return;
    const own = answer.settled ?? answer.verdict;
    if (label === null) delete answer.settled;
    else answer.settled = own;
    answer.verdict = label ?? own;
    this.draw();
    const { prompt } = row;
    this.judging?.send({ type: 'label', set, row: at, state, prompt, answer: answer.answer, label });
  }

  hide(): void {
    this.element.hidden = true;
    this.rows = [];
    this.view.set = '';
  }

  private draw(): void {
    const { strings: s, numbers: n, view } = this;
    const all = this.rows.filter((row) => row.set === view.set);
    const rows = all.filter(
      (row) =>
        (!view.differ || new Set(row.answers.map((a) => a.verdict)).size > 1) && (!view.disputed || isDisputed(row)),
    );
    const labelled = all.flatMap((row) => row.answers).filter(({ settled }) => settled !== undefined).length;
    const counts = fill(s.answersCount, n.count(rows.length), n.count(all.length));
    setText(
      this.count,
      labelled > 0 && this.judging
        ? `${counts} · ${fill(this.judging.strings.answersLabelled, n.count(labelled))}`
        : counts,
    );
    const labels = this.judging?.canLabel ? this.labels : undefined;
    const states = stateNames(all.flatMap((row) => row.answers.map((a) => a.state)));
    this.empty.hidden = this.rows.length > 0;
    this.table.element.hidden = this.rows.length === 0;
    this.hint.hidden = !labels || !all.some(isJudged);
    setText(this.hint, this.judging?.strings.labelKeys ?? '');
    this.table.show(rows.slice(0, this.limit), states, labels);
    const left = rows.length - this.limit;
    if (left > 0) relabel(this.more, fill(s.answersMore, n.count(Math.min(left, PAGE))));
    if (left <= 0 && this.more === document.activeElement) this.element.focus({ preventScroll: true });
    this.more.hidden = left <= 0;
  }
}
