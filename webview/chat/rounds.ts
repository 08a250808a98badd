import { el } from '../dom.js';
import { errorNotice } from '../notice.js';
import { fill, numbersIn } from '../../runtime/contract/format.js';
import { visibleText } from '../../runtime/contract/visible.js';
import type { ChatAnswer, ChatPageRequest, ChatRound, ChatState, ChatStrings } from '../protocol/chat.js';
import { button } from '../ui.js';
import { differences } from './differences.js';
import { roleMark } from './roleMark.js';

/** The conversation: each question with the answers of the columns beside each other. Answers grow in place. */
export class Rounds {
  readonly element: HTMLElement;
  private readonly shown = new Map<number, { key: string; element: HTMLElement }>();
  /** Texts of the answers to the last question that is being answered, by column. */
  private streaming = new Map<string, Text>();
  /** Only who reads the end follows it. */
  private follows = true;
  private top = 0;
  /** Its size, and those of rounds: these grow with each token, and where elements are drawn later than put there. */
  private readonly sizes = new ResizeObserver(() => this.resized());
  private last: number | undefined;

  constructor(
    private readonly strings: ChatStrings,
    private readonly send: (request: ChatPageRequest) => void,
  ) {
    // A log is read out as it grows; `aria-busy` holds that back while an answer is being written.
    this.element = el('div', { class: 'turns', role: 'log', tabindex: 0 });
    this.element.addEventListener('scroll', () => this.scrolled());
    this.sizes.observe(this.element);
  }

  update({ rounds, columns, busy }: ChatState): void {
    this.scrolled();
    // Who asks wants to see what becomes of it.
    const last = rounds.at(-1)?.id;
    this.follows ||= last !== undefined && last !== this.last;
    this.last = last;
    this.element.setAttribute('aria-busy', String(busy));
    const hidden = new Set(columns.filter((column) => !column.shown).map(({ id }) => id));
    const order = columns.map(({ id }) => id);
    if (rounds.length === 0) {
      this.shown.clear();
      return this.element.replaceChildren(el('p', { class: 'empty' }, this.strings.empty));
    }
    const before = new Map(this.shown);
    const elements = rounds.map((round) => {
      const answers = round.answers
        .filter(({ column }) => !hidden.has(column))
        .sort((a, b) => order.indexOf(a.column) - order.indexOf(b.column));
      const key = JSON.stringify([answers, round.question, busy && round === rounds.at(-1)]);
      const known = this.shown.get(round.id);
      if (known?.key === key) return known.element;
      if (round === rounds.at(-1)) this.streaming = new Map();
      const element = this.round({ ...round, answers });
      this.shown.set(round.id, { key, element });
      this.sizes.observe(element);
      return element;
    });
    const at = document.activeElement;
    const around = at && rounds.find(({ id }) => before.get(id)?.element.contains(at));
    // What stays where it is keeps a selection and the place of a reader.
    for (const old of [...this.element.children]) if (!elements.includes(old as HTMLElement)) old.remove();
    elements.forEach((element, i) => {
      if (this.element.children[i] !== element) this.element.insertBefore(element, this.element.children[i] ?? null);
    });
    // What a vector says of an answer comes later than the buttons below it.
    if (around && !at.isConnected) focusLike(this.shown.get(around.id)!.element, at);
    this.follow();
  }

  token(column: string, text: string): void {
    const content = this.streaming.get(column);
    if (!content) return;
    content.parentElement?.querySelector('.waiting')?.remove();
    content.appendData(visibleText(text));
  }

  private round(round: ChatRound): HTMLElement {
    // Compared when both are there: half an answer differs from everything.
    const first = round.answers.find(({ phase, error }) => phase === 'done' && !error);
    return el(
      'section',
      { class: 'round' },
      el(
        'article',
        { class: 'turn user' },
        el('p', { class: 'who' }, this.strings.you),
        el('p', { class: 'content' }, round.question),
      ),
      el('div', { class: 'answers' }, ...round.answers.map((answer) => this.answer(round, answer, first))),
    );
  }

  private answer(round: ChatRound, answer: ChatAnswer, first: ChatAnswer | undefined): HTMLElement {
    const { strings: s } = this;
    const isDone = answer.phase === 'done';
    const nothing = isDone && answer.content === '' && !answer.error;
    const speed = answer.tokensPerSecond;
    return el(
      'article',
      { class: `turn assistant${answer.danger ? ' danger' : ''}`, 'data-column': answer.name },
      el('p', { class: 'who' }, answer.name, answer.danger && roleMark(s.columnDanger, 'security')),
      nothing ? !answer.stopped && el('p', { class: 'muted' }, s.emptyAnswer) : this.content(answer, first),
      answer.stopped ? el('p', { class: 'muted' }, s.stopped) : null,
      answer.cut ? el('p', { class: 'muted' }, cutText(answer.cut, s)) : null,
      answer.error ? errorNotice(s.answerFailed, answer.error, s.stack) : null,
      isDone && answer.saw < answer.of ? el('p', { class: 'saw muted' }, fill(s.saw, answer.saw, answer.of)) : null,
      answer.explained ? el('p', { class: 'explained muted' }, explainedText(answer.explained, s)) : null,
      isDone && !answer.error
        ? el(
            'p',
            { class: 'below muted' },
            speed ? el('span', { class: 'speed' }, fill(s.speed, numbers().number(speed))) : null,
            answer.content &&
              button(s.addRow, 'icon', { label: `${s.addRow} ${fill(s.addRowLabel, answer.name)}` }, () =>
                this.send({ type: 'addRow', round: round.id, column: answer.column }),
              ),
          )
        : null,
    );
  }

  private content(answer: ChatAnswer, first: ChatAnswer | undefined): HTMLElement {
    const { strings: s } = this;
    if (answer.phase !== 'done') {
      const content = document.createTextNode(visibleText(answer.content));
      this.streaming.set(answer.column, content);
      const waits = answer.phase === 'waiting' ? s.waiting : (answer.doing ?? s.thinking);
      const waiting = answer.content === '' && el('span', { class: 'waiting muted' }, waits);
      return el('p', { class: 'content' }, waiting, content);
    }
    if (!first || first === answer || answer.error) return el('p', { class: 'content' }, answer.content);
    const pieces = differences(answer.content, first.content);
    const same = answer.content === first.content;
    return el(
      'p',
      { class: 'content' },
      ...pieces.map(({ text, differs }) => (differs ? el('mark', {}, text) : text)),
      same && el('span', { class: 'same muted' }, ` (${fill(s.sameAs, first.name)})`),
    );
  }

  /** Only a reader goes up; the end may have moved down since it was followed. Its event comes a frame late. */
  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    if (scrollHeight - scrollTop - clientHeight < 24) this.follows = true;
    else if (scrollTop < this.top) this.follows = false;
    this.top = scrollTop;
  }

  private resized(): void {
    this.scrolled();
    this.follow();
  }

  private follow(): void {
    if (!this.follows) return;
    this.element.scrollTop = this.element.scrollHeight;
    this.top = this.element.scrollTop;
  }
}

/** The button of the same name. */
function focusLike(within: HTMLElement, gone: Element): void {
  const name = gone.getAttribute('aria-label');
  [...within.querySelectorAll<HTMLElement>('vscode-button')]
    .find((one) => one.getAttribute('aria-label') === name)
    ?.focus({ preventScroll: true });
}

const numbers = (): ReturnType<typeof numbersIn> => numbersIn(document.documentElement.lang);

const cutText = ({ tokens, by }: NonNullable<ChatAnswer['cut']>, s: ChatStrings): string =>
  fill(by === 'limit' ? s.cutByLimit : s.cutByContext, numbers().number(tokens));

function explainedText({ vector, share, unjudged }: NonNullable<ChatAnswer['explained']>, s: ChatStrings): string {
  if (unjudged === 'known') return fill(s.explainedKnown, vector);
  if (unjudged === 'short') return fill(s.explainedShort, vector);
  return fill(s.explained, vector, numbers().percent(Math.max(0, share)));
}
