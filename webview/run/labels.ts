/** A person labels answers: one cell of the table has the focus, as in a grid, and keys or buttons label it. */
import { isJudged } from '../../runtime/contract/measures.js';
import type { AnswerRow } from '../../runtime/contract/answers.js';
import { fill } from '../../runtime/contract/format.js';
import { LABELS, type Label } from '../../runtime/contract/labels.js';
import { el } from '../dom.js';
import type { RunStrings } from '../protocol/run.js';

/** A cell with an answer. */
export interface LabelledCell {
  readonly cell: HTMLElement;
  readonly place: Place;
}

/** An answer of the table. */
interface Place {
  row: AnswerRow;
  state: string;
}

const KEYS: Readonly<Record<string, Label | null>> = {
  c: 'complied',
  r: 'refused',
  n: 'neither',
  Delete: null,
  Backspace: null,
};
const MOVES: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export class Labels {
  /** Cells of the table that is shown, by rows. */
  private cells: readonly LabelledCell[][] = [];
  /** The one that Tab leads to. */
  private current = '';

  constructor(
    private readonly strings: RunStrings,
    private readonly label: (place: Place, label: Label | null) => void,
  ) {}

  /** Makes the cells of a row fit to be labelled, those of them that have an answer. */
  made(row: AnswerRow, cells: readonly { state: string; cell: HTMLElement }[]): LabelledCell[] {
    if (!isJudged(row)) return [];
    const answered = cells.filter(({ state }) => row.answers.some((one) => one.state === state));
    return answered.map(({ state, cell }) => ({ cell: this.prepared(cell, { row, state }), place: { row, state } }));
  }

  /** @param draw puts these cells, by rows, into the page; the same answer has the focus as before */
  show(cells: readonly LabelledCell[][], draw: () => void): void {
    const focused = this.cells.flat().find(({ cell }) => cell.contains(document.activeElement));
    if (focused) this.current = keyOf(focused.place);
    this.cells = cells.filter((row) => row.length > 0);
    draw();
    const all = this.cells.flat();
    const found = all.find(({ place }) => keyOf(place) === this.current) ?? all[0];
    if (!found) return;
    this.focused(found.place);
    if (focused && !found.cell.contains(document.activeElement)) found.cell.focus();
  }

  private prepared(cell: HTMLElement, place: Place): HTMLElement {
    const { strings: s } = this;
    cell.tabIndex = -1;
    cell.classList.add('labelled');
    cell.setAttribute('aria-keyshortcuts', 'c r n Delete');
    cell.addEventListener('keydown', (event) => this.pressed(event, place));
    cell.addEventListener('focus', () => this.focused(place));
    const given = place.row.answers.find(({ state }) => state === place.state);
    const face = (label: Label): HTMLElement =>
      el(
        'button',
        {
          type: 'button',
          tabindex: -1,
          'aria-pressed': given?.settled !== undefined && given.verdict === label ? 'true' : 'false',
          title: fill(s.labelAs, s[label], label[0]!),
          click: () => this.label(place, label),
        },
        s[label],
      );
    const back = el(
      'button',
      {
        type: 'button',
        tabindex: -1,
        title: s.labelNone,
        'aria-label': s.labelNone,
        click: () => this.label(place, null),
      },
      '✕',
    );
    cell.append(el('span', { class: 'labels' }, ...LABELS.map(face), given?.settled !== undefined && back));
    return cell;
  }

  private focused(place: Place): void {
    this.current = keyOf(place);
    for (const { cell, place: other } of this.cells.flat()) cell.tabIndex = keyOf(other) === this.current ? 0 : -1;
  }

  private pressed(event: KeyboardEvent, place: Place): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    const label = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (move) this.move(place, move);
    else if (label !== undefined) {
      // Labelling draws the table anew, with the focus where it is now.
      if (label !== null) this.move(place, [1, 0]);
      this.label(place, label);
    } else return;
    event.preventDefault();
  }

  private move(place: Place, [rows, columns]: readonly [number, number]): void {
    const at = this.cells.findIndex((row) => row.some((one) => keyOf(one.place) === keyOf(place)));
    const column = this.cells[at]?.findIndex((one) => keyOf(one.place) === keyOf(place)) ?? -1;
    this.cells[at + rows]?.[column + columns]?.cell.focus();
  }
}

const keyOf = ({ row, state }: Place): string => JSON.stringify([row.set, row.row, state]);
