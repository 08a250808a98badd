import { el } from '../dom.js';
import { errorNotice } from '../notice.js';
import { fill } from '../../runtime/contract/format.js';
import type { ChatState, ChatStrings, ChatTurn } from '../protocol.js';

/** The conversation; the answer that is being written grows in place. */
export class Turns {
  readonly element: HTMLElement;
  private streaming: Text | undefined;

  constructor(
    private readonly strings: ChatStrings,
    private readonly model: () => string,
  ) {
    // A log is read out as it grows; `aria-busy` holds that back while an answer is being written.
    this.element = el('div', { class: 'turns', role: 'log', tabindex: 0 });
  }

  update({ turns, busy }: ChatState): void {
    const { strings: s } = this;
    const atEnd = this.atEnd();
    this.streaming = undefined;
    this.element.setAttribute('aria-busy', String(busy));
    if (turns.length === 0) return this.element.replaceChildren(el('p', { class: 'empty' }, s.empty));
    this.element.replaceChildren(
      ...turns.map((turn, index) => this.turn(turn, busy && index === turns.length - 1 && turn.role === 'assistant')),
    );
    if (atEnd) this.toEnd();
  }

  token(text: string): void {
    if (!this.streaming) return;
    const atEnd = this.atEnd();
    this.element.querySelector('.waiting')?.remove();
    this.streaming.appendData(text);
    if (atEnd) this.toEnd();
  }

  private turn(turn: ChatTurn, writing: boolean): HTMLElement {
    const { strings: s } = this;
    const by = [this.model(), ...(turn.adapters ?? [])].join(' + ');
    const content = document.createTextNode(turn.content);
    if (writing) this.streaming = content;
    const waiting = writing && turn.content === '';
    const nothing = !writing && turn.content === '' && !turn.error;
    return el(
      'article',
      { class: `turn ${turn.role}` },
      el('p', { class: 'who' }, turn.role === 'user' ? s.you : by),
      waiting ? el('p', { class: 'waiting muted' }, s.thinking) : null,
      nothing ? el('p', { class: 'muted' }, s.emptyAnswer) : el('p', { class: 'content' }, content),
      turn.saw && turn.saw.others > 0
        ? el('p', { class: 'saw muted' }, fill(s.saw, turn.saw.own, turn.saw.own + turn.saw.others))
        : null,
      turn.stopped ? el('p', { class: 'muted' }, s.stopped) : null,
      turn.error ? errorNotice(s.answerFailed, turn.error, s.stack) : null,
    );
  }

  /** Only who reads the end follows it. */
  private atEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < 24;
  }

  private toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
  }
}
