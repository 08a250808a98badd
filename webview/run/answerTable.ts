import { answerCell, type AnswerRow, type AnswerStrings } from '../../runtime/contract/answers.js';
import { stateName, type TableStrings } from '../../runtime/contract/table.js';
import { el } from '../dom.js';
import type { LabelledCell, Labels } from './labels.js';

interface Line {
  /** All that it shows. */
  as: string;
  line: HTMLElement;
  labelled: LabelledCell[];
}

/**
 * Answers as a table, a row per prompt. One that stays as it is keeps its elements, and with them the focus and what is
 * selected.
 */
export class AnswerTable {
  private readonly head = el('tr');
  private readonly body = el('tbody');
  readonly element = el('table', { class: 'side-by-side' }, el('thead', {}, this.head), this.body);
  private lines = new Map<string, Line>();
  private titles = '';

  constructor(private readonly strings: AnswerStrings & TableStrings) {}

  show(rows: readonly AnswerRow[], states: readonly string[], labels: Labels | undefined): void {
    const { strings: s } = this;
    const titles = [s.columnPrompt, ...states.map((state) => stateName(state, s))];
    if (titles.join('\n') !== this.titles)
      this.head.replaceChildren(...titles.map((title) => el('th', { scope: 'col' }, title)));
    this.titles = titles.join('\n');
    const before = this.lines;
    this.lines = new Map();
    for (const row of rows) {
      const key = JSON.stringify([row.set, row.row]);
      const as = JSON.stringify([row, states, labels !== undefined]);
      const known = before.get(key);
      this.lines.set(key, known?.as === as ? known : { as, ...this.line(row, states, labels) });
    }
    const drawn = [...this.lines.values()];
    const draw = (): void =>
      arrange(
        this.body,
        drawn.map(({ line }) => line),
      );
    if (labels)
      labels.show(
        drawn.map(({ labelled }) => labelled),
        draw,
      );
    else draw();
  }

  private line(row: AnswerRow, states: readonly string[], labels: Labels | undefined): Omit<Line, 'as'> {
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
    return {
      line: el('tr', {}, el('th', { scope: 'row' }, row.prompt), ...cells.map(({ cell }) => cell)),
      labelled: labels?.made(row, cells) ?? [],
    };
  }
}

/** These elements, in this order; one that has its place is not touched. */
function arrange(parent: HTMLElement, wanted: readonly HTMLElement[]): void {
  const kept = new Set<Element>(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, i) => {
    const here = parent.children[i] ?? null;
    if (here !== child) parent.insertBefore(child, here);
  });
}
