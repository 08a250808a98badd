import { el } from './dom.js';

/**
 * A part of a page that is made anew only where it shows something else. What the reader has opened or closed in it,
 * and the focus, are then carried over; of another thing nothing is.
 */
export class Part {
  readonly element = el('div');
  private of = '';
  private key = '';

  /**
   * @param of what the page is about
   * @param content all that `make` shows, as data; undefined where there is nothing to show
   */
  show<T>(of: string, content: T | undefined, make: (content: T) => HTMLElement): void {
    const key = content === undefined ? '' : JSON.stringify(content);
    if (of === this.of && key === this.key) return;
    const { element } = this;
    const kept = of === this.of && content !== undefined;
    const active = document.activeElement;
    const focused = kept && active && element.contains(active) ? nameOf(active) : undefined;
    const turned = kept ? details(element).map((one) => (one.open === isMadeOpen(one) ? undefined : one.open)) : [];
    [this.of, this.key] = [of, key];
    element.replaceChildren(...(content === undefined ? [] : [make(content)]));
    details(element).forEach((one, i) => {
      one.dataset['made'] = one.open ? 'open' : '';
      one.open = turned[i] ?? one.open;
    });
    if (focused !== undefined)
      [...element.querySelectorAll<HTMLElement>('*')].find((one) => nameOf(one) === focused)?.focus();
  }
}

const details = (within: HTMLElement): HTMLDetailsElement[] => [...within.querySelectorAll('details')];

/** As it was before the reader opened or closed it. */
const isMadeOpen = (one: HTMLDetailsElement): boolean => one.dataset['made'] === 'open';

/** What tells an element that may have the focus from the others of its part. */
const nameOf = (one: Element): string =>
  [one.tagName, one.getAttribute('data-run') ?? one.getAttribute('aria-label') ?? ''].join(' ');
