import { isJudged } from '../../runtime/contract/measures.js';
import type { Agreement } from '../../runtime/contract/agreement.js';
import { answerCell, isDisputed, type AnswerRow } from '../../runtime/contract/answers.js';
import type { Label } from '../../runtime/contract/labels.js';
import { stateNames } from '../../runtime/contract/states.js';
import { stateName } from '../../runtime/contract/table.js';
import { el, setText } from '../dom.js';
import type { CompareStrings } from '../protocol/compare.js';
import type { RunPageRequest, RunStrings } from '../protocol/run.js';
import { fill, type Numbers } from '../../runtime/contract/format.js';
import { button, checkBox, dropdown } from '../ui.js';
import { agreementElement } from './agreement.js';
import { Labels } from './labels.js';

/** The words that it needs are those that its pages have in common. */
type Strings = Pick<RunStrings, keyof RunStrings & keyof CompareStrings>;

/** Of a page where judges are compared and answers labelled. */
export interface Judging {
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

/** Rows drawn at once; more come with a button, so that a thousand prompts do not freeze the page. */
const PAGE = 40;

/** Answers of all model states side by side, a row per prompt. */
export class Answers {
  readonly element: HTMLElement;
  private rows: AnswerRow[] = [];
  private judging: Judging | undefined;
  private labels: Labels | undefined;
  private limit = PAGE;
  private readonly controls = el('div', { class: 'controls' });
  private readonly count = el('span', { class: 'muted', role: 'status' });
  private readonly agreement = el('div', { class: 'scroll' });
  private readonly body = el('div');

  constructor(
    private readonly strings: Strings,
    private readonly numbers: Numbers,
    private readonly view: AnswersView = { set: '', differ: false, disputed: false },
    /** Hears that others are shown. */
    private readonly changed: (view: AnswersView) => void = () => undefined,
  ) {
    this.element = el(
      'section',
      { class: 'answers', tabindex: -1, 'aria-labelledby': 'answers-title', hidden: true },
      el('h2', { id: 'answers-title' }, strings.answersTitle),
      this.agreement,
      this.controls,
      this.body,
    );
  }

  show(rows: AnswerRow[], judging?: Judging): void {
    this.judging = judging;
    this.labels ??= judging && new Labels(judging.strings, (place, label) => this.label(place, label));
    const found = judging && agreementElement(judging.agreements, { strings: judging.strings, numbers: this.numbers });
    this.agreement.replaceChildren(...(found ? [found] : []));
    const sets = [...new Set(rows.map((row) => row.set))];
    this.rows = rows;
    // Answers that come while one reads do not move the reader.
    if (!sets.includes(this.view.set)) {
      this.view.set = sets[0] ?? '';
      this.limit = PAGE;
    }
    const choose = dropdown(this.strings.answersSet, sets, this.view.set, (set) => this.choose({ set }));
    const differ = checkBox(this.strings.answersDiffer, this.view.differ, (on) => this.choose({ differ: on }));
    this.controls.replaceChildren(
      ...(sets.length > 1 ? [choose] : []),
      ...(rows.length > 0 ? [differ.element] : []),
      ...(judging ? this.tools(judging) : []),
      ...(rows.length > 0 ? [this.count] : []),
    );
    this.element.hidden = false;
    this.draw();
  }

  private choose(change: Partial<AnswersView>): void {
    Object.assign(this.view, change);
    this.changed(this.view);
    this.limit = PAGE;
    this.draw();
  }

  /** What is there where answers are judged. */
  private tools({ strings: s, canLabel, send }: Judging): HTMLElement[] {
    const disputed = checkBox(s.answersDisputed, this.view.disputed, (on) => this.choose({ disputed: on }));
    const isLabelled = this.rows.some(({ answers }) => answers.some(({ settled }) => settled !== undefined));
    const press = (name: 'judgeAgain' | 'exportLabels'): HTMLElement =>
      button(s[name], 'secondary', {}, () => send({ type: name }));
    return [
      ...(this.view.disputed || this.rows.some(isDisputed) ? [disputed.element] : []),
      ...(canLabel ? [press('judgeAgain')] : []),
      ...(canLabel && isLabelled ? [press('exportLabels')] : []),
    ];
  }

  /** Shown at once; the host says so again when it is written. */
  private label({ row, state }: { row: AnswerRow; state: string }, label: Label | null): void {
    const answer = row.answers.find((one) => one.state === state);
    if (!answer) return;
    const own = answer.settled ?? answer.verdict;
    if (label === null) delete answer.settled;
    else answer.settled = own;
    answer.verdict = label ?? own;
    this.draw();
    const { set, prompt } = row;
    this.judging?.send({ type: 'label', set, row: row.row, state, prompt, answer: answer.answer, label });
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
    const focus = labels?.begin() ?? false;
    if (this.rows.length === 0) {
      this.body.replaceChildren(el('p', { class: 'empty' }, s.answersEmpty));
      return;
    }
    const states = stateNames(all.flatMap((row) => row.answers.map((a) => a.state)));
    const table = el(
      'table',
      { class: 'side-by-side' },
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          ...[s.columnPrompt, ...states.map((state) => stateName(state, s))].map((t) => el('th', { scope: 'col' }, t)),
        ),
      ),
      el('tbody', {}, ...rows.slice(0, this.limit).map((row) => this.row(row, states, labels))),
    );
    const left = rows.length - this.limit;
    const more = button(fill(s.answersMore, n.count(Math.min(left, PAGE))), 'secondary', {}, () => {
      this.limit += PAGE;
      this.draw();
    });
    const hint = labels && all.some(isJudged) ? [el('p', { class: 'muted' }, this.judging!.strings.labelKeys)] : [];
    this.body.replaceChildren(...hint, table, ...(left > 0 ? [more] : []));
    labels?.end(focus);
  }

  private row(row: AnswerRow, states: string[], labels: Labels | undefined): HTMLElement {
    const { strings: s } = this;
    const cells = states.map((state) => {
      // The label is repeated in each cell: in a narrow page the cells stand below each other.
      const label = el('span', { class: 'state' }, stateName(state, s));
      const { chips, text, isPlaceholder } = answerCell(row, state, s);
      const cell = el(
        'td',
        {},
        label,
        ...chips.map((chip) => el('span', { class: `verdict ${chip.tone}` }, chip.text)),
        el('span', { class: isPlaceholder ? 'answer muted' : 'answer' }, text),
      );
      return { state, cell };
    });
    labels?.add(row, cells);
    return el('tr', {}, el('th', { scope: 'row' }, row.prompt), ...cells.map(({ cell }) => cell));
  }
}
