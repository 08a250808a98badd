import { fill } from '../../runtime/contract/format.js';
import { el } from '../dom.js';
import type { QueuedRun, TrainingPageRequest, TrainingQueue, TrainingStrings } from '../protocol/training.js';
import { button, type Button, type ButtonLook } from '../ui.js';

/** The runs that are going on or wait, with what can be done about each, and the pause of all that wait. */
export class Queue {
  readonly element: HTMLElement;
  /** By what they do: a row that moves takes the focus with it. */
  private buttons = new Map<string, Button>();
  private shown = '';

  constructor(
    private readonly strings: TrainingStrings,
    private readonly send: (request: TrainingPageRequest) => void,
  ) {
    this.element = el('section', { class: 'queue', 'aria-label': strings.queue });
  }

  update(queue: TrainingQueue): void {
    const key = JSON.stringify(queue);
    if (key === this.shown) return;
    this.shown = key;
    const before = [...this.buttons].find(([, made]) => made.contains(document.activeElement))?.[0];
    this.buttons = new Map();
    this.element.hidden = queue.runs.length === 0 && !queue.paused;
    this.element.replaceChildren(...this.rows(queue));
    if (before !== undefined) this.focus(before);
  }

  private rows({ runs, paused }: TrainingQueue): HTMLElement[] {
    const { strings: s, send } = this;
    const last = Math.max(0, ...runs.map(({ place = 0 }) => place));
    const face = paused ? s.continue : s.pause;
    const label = paused ? s.continueQueue : s.pauseQueue;
    const pause = this.button('pause', face, 'secondary', label, () => send({ type: 'pauseQueue', paused: !paused }));
    const row = ({ id, title, place, awaits }: QueuedRun): HTMLElement => {
      const stop = (): void => send({ type: 'stopOther', id });
      if (place === undefined)
        return el(
          'li',
          {},
          el('span', {}, title),
          this.button(`stop ${id}`, s.stop, 'secondary', fill(s.stopRun, title), stop),
        );
      const move = (to: 'up' | 'down', arrow: string, label: string): Button => {
        const made = this.button(`${to} ${id}`, arrow, 'icon', fill(label, title), () =>
          send({ type: 'move', id, to }),
        );
        made.disabled = place === (to === 'up' ? 1 : last);
        return made;
      };
      return el(
        'li',
        {},
        el('span', {}, `${place}. ${title}`),
        el(
          'span',
          { class: 'moves' },
          move('up', '↑', s.moveUp),
          move('down', '↓', s.moveDown),
          this.button(`stop ${id}`, '✕', 'icon', fill(s.leaveQueue, title), stop),
        ),
        ...(awaits ? [el('p', {}, awaits.text)] : []),
        ...(awaits?.button ? [this.resume(id, awaits.button)] : []),
      );
    };
    return [
      el('div', { class: 'top' }, el('h2', {}, s.queue), pause),
      ...(paused ? [el('p', { role: 'status' }, s.queuePaused)] : []),
      el('ul', {}, ...runs.map(row)),
    ];
  }

  private resume(id: string, label: string): Button {
    return this.button(`resume ${id}`, label, 'secondary', label, () => this.send({ type: 'resumeAwaited', id }));
  }

  private button(key: string, face: string, look: ButtonLook, label: string, press: () => void): Button {
    const made = button(face, look, { label, title: label }, press);
    this.buttons.set(key, made);
    return made;
  }

  /** At the end of the queue the other arrow has it, and the pause after a row that is gone. */
  private focus(key: string): void {
    const other = key.replace(/^(?:up|down) /, (way) => (way === 'up ' ? 'down ' : 'up '));
    const keys = [key, other, 'pause'];
    keys
      .map((one) => this.buttons.get(one))
      .find((made) => made && !made.disabled)
      ?.focus();
  }
}
