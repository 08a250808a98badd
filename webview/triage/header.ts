import { fill, type Numbers } from '../../runtime/contract/format.js';
import { decisionCounts, type Decision } from '../../runtime/contract/review.js';
import { el, setText } from '../dom.js';
import type { TriagePageRequest, TriageState, TriageStrings } from '../protocol/triage.js';
import { button } from '../ui.js';

/** The file that is reviewed, how far the review is, and what is made of it. */
export class Header {
  readonly element: HTMLElement;
  /** Says that the file is not the one that was scanned. */
  readonly changed = el('div', { class: 'notice warning', hidden: true });
  private readonly title = el('h1');
  private readonly facts = el('p', { class: 'facts' });
  private readonly progress = el('p', { class: 'facts' });

  constructor(
    private readonly strings: TriageStrings,
    private readonly numbers: Numbers,
    private readonly send: (request: TriagePageRequest) => void,
  ) {
    const s = strings;
    this.element = el(
      'header',
      { class: 'top' },
      el('div', { class: 'titles' }, this.title, this.facts, this.progress),
      el(
        'div',
        { class: 'actions' },
        button(s.saveCleaned, 'primary', {}, () => send({ type: 'saveCleaned' })),
        button(s.saveFine, 'secondary', {}, () => send({ type: 'saveFine' })),
      ),
    );
  }

  update(triage: TriageState): void {
    const { strings: s } = this;
    setText(this.title, fill(s.title, triage.name));
    this.title.title = triage.id;
    setText(this.facts, this.numbers.of(fill(s.scannedWith, triage.vector), triage.summary));
    this.changed.hidden = !triage.changed;
    const again = button(s.scanAgain, 'secondary', {}, () => this.send({ type: 'scanAgain' }));
    this.changed.replaceChildren(el('p', {}, s.changed), el('div', { class: 'actions' }, again));
  }

  /** @param flagged the decision on each flagged row */
  showProgress(flagged: readonly (Decision | undefined)[]): void {
    const { strings: s, numbers: n } = this;
    const { exclude, fine, unsure } = decisionCounts(flagged);
    const counts = [exclude + fine, flagged.length, exclude, fine, unsure].map((value) => n.count(value));
    setText(this.progress, fill(s.progress, ...counts));
  }
}
