import { el } from '../dom.js';
import type { ChatColumn, ChatPageRequest, ChatStrings } from '../protocol/chat.js';
import { checkBox, type CheckBox } from '../ui.js';
import { roleMark } from './roleMark.js';

/** Check boxes of the columns: those that are ticked get the question. */
export class Columns {
  readonly element: HTMLElement;
  private readonly list = el('div', { class: 'boxes' });
  private readonly boxes = new Map<string, CheckBox>();
  private built = '';

  constructor(
    private readonly strings: ChatStrings,
    private readonly send: (request: ChatPageRequest) => void,
  ) {
    this.element = el(
      'section',
      { class: 'adapters columns', 'aria-label': strings.columns },
      el('h2', {}, strings.columns),
      this.list,
    );
  }

  update({ columns, busy }: { columns: ChatColumn[]; busy: boolean }): void {
    const key = JSON.stringify(columns.map(({ shown: _, ...column }) => column));
    if (key !== this.built) this.build(columns);
    this.built = key;
    for (const { id, shown } of columns) this.boxes.get(id)?.show({ checked: shown, disabled: busy });
  }

  private build(columns: ChatColumn[]): void {
    const { strings: s } = this;
    this.boxes.clear();
    for (const { id, name, details, attached, danger, unread, shown } of columns) {
      const label = el(
        'span',
        { title: details || name },
        name,
        attached && roleMark(s.columnAttached),
        danger && roleMark(s.columnDanger, 'security'),
        unread && roleMark(s.roleUnread),
      );
      this.boxes.set(
        id,
        checkBox(label, shown, (checked) => this.send({ type: 'showColumn', column: id, shown: checked })),
      );
    }
    this.list.replaceChildren(...[...this.boxes.values()].map((box) => box.element));
  }
}
