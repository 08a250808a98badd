import { el, setText } from '../dom.js';

/** Rows that are drawn beyond what is seen, so that scrolling shows no empty place. */
const BEYOND = 8;

interface ListOptions {
  label: string;
  head: HTMLElement;
  /** A row at a place of the list, without its position. */
  draw(at: number): HTMLElement;
  /** Rows `from` to `to` are seen now. */
  seen(from: number, to: number): void;
  chosen(at: number): void;
  opened(at: number): void;
}

/** A list of any length of which only the rows that are seen are in the page; one is active, and keys move that. */
export class VirtualList {
  readonly element: HTMLElement;
  private readonly scroller = el('div', { class: 'scroller', role: 'rowgroup' });
  private readonly space = el('div', { class: 'space', role: 'presentation' });
  private readonly empty = el('p', { class: 'empty', hidden: true });
  private count = 0;
  private rowHeight = 28;
  private drawn: { from: number; to: number } | undefined;
  active = 0;

  constructor(private readonly options: ListOptions) {
    this.scroller.append(this.space, this.empty);
    this.element = el(
      'div',
      { class: 'grid', role: 'grid', tabindex: 0, 'aria-label': options.label, 'aria-multiselectable': 'true' },
      options.head,
      this.scroller,
    );
    this.scroller.addEventListener('scroll', () => this.draw());
    this.scroller.addEventListener('mousedown', (event) => {
      const at = placeOf(event);
      if (at !== undefined) options.chosen(at);
      this.element.focus({ preventScroll: true });
      event.preventDefault();
    });
    this.scroller.addEventListener('dblclick', (event) => {
      const at = placeOf(event);
      if (at !== undefined) options.opened(at);
    });
    new ResizeObserver(() => this.redraw()).observe(this.scroller);
  }

  /** The list has other rows. */
  show(count: number, active: number, emptyText: string): void {
    this.count = count;
    this.active = Math.max(0, Math.min(active, count - 1));
    this.element.setAttribute('aria-rowcount', String(count + 1));
    setText(this.empty, emptyText);
    this.empty.hidden = count > 0;
    const line = parseFloat(getComputedStyle(document.body).lineHeight);
    this.rowHeight = Math.ceil(Number.isNaN(line) ? 19 : line) + 9;
    this.space.style.height = `${count * this.rowHeight}px`;
    this.redraw();
  }

  /** Rows look otherwise than before. */
  redraw(): void {
    this.drawn = undefined;
    this.draw();
  }

  /** How many rows are seen at once. */
  get page(): number {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight) - 1);
  }

  move(at: number): void {
    this.active = Math.max(0, Math.min(at, this.count - 1));
    const top = this.active * this.rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight)
      this.scroller.scrollTop = top + this.rowHeight - clientHeight;
    this.redraw();
  }

  private draw(): void {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.floor(scrollTop / this.rowHeight);
    const last = Math.ceil((scrollTop + clientHeight) / this.rowHeight);
    const from = Math.max(0, first - BEYOND);
    const to = Math.min(this.count, last + BEYOND);
    if (this.drawn?.from === from && this.drawn.to === to) return;
    this.drawn = { from, to };
    const rows: HTMLElement[] = [];
    for (let at = from; at < to; at++) {
      const row = this.options.draw(at);
      row.id = `row-${at}`;
      row.dataset['at'] = String(at);
      row.style.top = `${at * this.rowHeight}px`;
      row.style.height = `${this.rowHeight}px`;
      row.setAttribute('aria-rowindex', String(at + 2));
      row.classList.toggle('active', at === this.active);
      rows.push(row);
    }
    this.space.replaceChildren(...rows);
    if (this.count > 0 && this.active >= from && this.active < to)
      this.element.setAttribute('aria-activedescendant', `row-${this.active}`);
    else this.element.removeAttribute('aria-activedescendant');
    this.options.seen(Math.max(0, first), Math.min(this.count, last));
  }
}

function placeOf({ target }: Event): number | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>('[data-at]') : null;
  return row ? Number(row.dataset['at']) : undefined;
}
