import { answerCell, type AnswerRow } from '../../runtime/contract/answers.js';
import { stateNames } from '../../runtime/contract/states.js';
import { stateName } from '../../runtime/contract/table.js';
import { el, setText } from '../dom.js';
import type { CompareStrings, RunStrings } from '../protocol.js';
import { fill, type Numbers } from '../../runtime/contract/format.js';
import { button, checkBox, dropdown } from '../ui.js';

/** The words that it needs are those that its pages have in common. */
type Strings = Pick<RunStrings, keyof RunStrings & keyof CompareStrings>;

/** Rows drawn at once; more come with a button, so that a thousand prompts do not freeze the page. */
const PAGE = 40;

/** Answers of all model states side by side, a row per prompt. */
export class Answers {
  readonly element: HTMLElement;
  private rows: AnswerRow[] = [];
  private set = '';
  private differ = false;
  private limit = PAGE;
  private readonly controls = el('div', { class: 'controls' });
  private readonly count = el('span', { class: 'muted', role: 'status' });
  private readonly body = el('div');

  constructor(
    private readonly strings: Strings,
    private readonly numbers: Numbers,
  ) {
    this.element = el(
      'section',
      { class: 'answers', tabindex: -1, 'aria-labelledby': 'answers-title', hidden: true },
      el('h2', { id: 'answers-title' }, strings.answersTitle),
      this.controls,
      this.body,
    );
  }

  show(rows: AnswerRow[]): void {
    const sets = [...new Set(rows.map((row) => row.set))];
    this.rows = rows;
    // Answers that come while one reads do not move the reader.
    if (!sets.includes(this.set)) {
      this.set = sets[0] ?? '';
      this.limit = PAGE;
    }
    const choose = dropdown(this.strings.answersSet, sets, this.set, (set) => {
      this.set = set;
      this.limit = PAGE;
      this.draw();
    });
    const differ = checkBox(this.strings.answersDiffer, this.differ, (checked) => {
      this.differ = checked;
      this.limit = PAGE;
      this.draw();
    });
    this.controls.replaceChildren(
      ...(sets.length > 1 ? [choose] : []),
      ...(rows.length > 0 ? [differ.element, this.count] : []),
    );
    this.element.hidden = false;
    this.draw();
  }

  hide(): void {
    this.element.hidden = true;
    this.rows = [];
    this.set = '';
  }

  private draw(): void {
    const { strings: s, numbers: n } = this;
    const all = this.rows.filter((row) => row.set === this.set);
    const rows = all.filter((row) => !this.differ || new Set(row.answers.map((a) => a.verdict)).size > 1);
    setText(this.count, fill(s.answersCount, n.count(rows.length), n.count(all.length)));
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
      el('tbody', {}, ...rows.slice(0, this.limit).map((row) => this.row(row, states))),
    );
    const left = rows.length - this.limit;
    const more = button(
      fill(s.answersMore, n.count(Math.min(left, PAGE))),
      'secondary',
      { label: fill(s.answersMore, Math.min(left, PAGE)) },
      () => {
        this.limit += PAGE;
        this.draw();
      },
    );
    this.body.replaceChildren(table, ...(left > 0 ? [more] : []));
  }

  private row(row: AnswerRow, states: string[]): HTMLElement {
    const { strings: s } = this;
    return el(
      'tr',
      {},
      el('th', { scope: 'row' }, row.prompt),
      ...states.map((state) => {
        // The label is repeated in each cell: in a narrow page the cells stand below each other.
        const label = el('span', { class: 'state' }, stateName(state, s));
        const { chips, text, isPlaceholder } = answerCell(row, state, s);
        return el(
          'td',
          {},
          label,
          ...chips.map((chip) => el('span', { class: `verdict ${chip.tone}` }, chip.text)),
          el('span', { class: isPlaceholder ? 'answer muted' : 'answer' }, text),
        );
      }),
    );
  }
}
