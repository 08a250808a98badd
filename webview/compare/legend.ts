import { el, svg } from '../dom.js';
import { fill } from '../../runtime/contract/format.js';
import { readTheme, type Theme } from '../theme.js';
import { button, checkBox, type CheckBox } from '../ui.js';
import { lookOf, SWATCH, type State, type Words } from './state.js';

interface Actions {
  toggle(run: string, shown: boolean): void;
  showOnly(shown: boolean): void;
  highlight(run: string | undefined): void;
  open(run: string): void;
}

/** The runs with the look of their lines, their verdicts, and a box that shows or hides each. */
export class Legend {
  readonly element = el('section', { class: 'runs', 'aria-labelledby': 'runs-title' });
  private drawn = '';
  private readonly items = new Map<string, { item: HTMLElement; box: CheckBox }>();

  constructor(
    private readonly words: Words,
    private readonly actions: Actions,
  ) {}

  update(state: State): void {
    const theme = readTheme();
    // What stays is left alone, and with it the focus.
    const drawn = JSON.stringify([
      state.shown.map(({ run, view }) => [run.id, run.title, view.mark, view.brief]),
      theme.runs,
    ]);
    const isNew = drawn !== this.drawn;
    this.drawn = drawn;
    if (isNew) this.draw(state, theme);
    for (const [run, { item, box }] of this.items) {
      box.show({ checked: !state.hidden.has(run), disabled: false });
      item.classList.toggle('highlighted', run === state.highlighted);
    }
  }

  private draw(state: State, theme: Theme): void {
    const { strings: s } = this.words;
    this.items.clear();
    const items = state.shown.map(({ run, view }, index) => {
      const box = checkBox(run.title, true, (checked) => this.actions.toggle(run.id, checked));
      const item = el(
        'li',
        {
          mouseenter: () => this.actions.highlight(run.id),
          mouseleave: () => this.actions.highlight(undefined),
          focusin: () => this.actions.highlight(run.id),
          focusout: () => this.actions.highlight(undefined),
        },
        el('span', { class: 'line' }, swatch(lookOf(index, theme)), box.element),
        el('span', { class: `brief ${view.tone}` }, [view.mark, view.brief].filter(Boolean).join(' ')),
        button('↗', 'icon', { label: fill(s.openRun, run.title), title: fill(s.openRun, run.title) }, () =>
          this.actions.open(run.id),
        ),
      );
      this.items.set(run.id, { item, box });
      return item;
    });
    this.element.replaceChildren(
      el('h2', { id: 'runs-title' }, s.runsTitle),
      el('ul', {}, ...items),
      el(
        'div',
        { class: 'controls' },
        button(s.showAll, 'secondary', {}, () => this.actions.showOnly(true)),
        button(s.showNone, 'secondary', {}, () => this.actions.showOnly(false)),
      ),
    );
  }
}

/** A piece of the line. */
export function swatch({ color, dash }: { color: string; dash: readonly number[] }): SVGElement {
  const line = svg('line', { x1: 0, y1: 5, x2: SWATCH, y2: 5, 'stroke-width': 2, 'stroke-dasharray': dash.join(' ') });
  line.setAttribute('stroke', color);
  return svg('svg', { width: SWATCH, height: 10, viewBox: `0 0 ${SWATCH} 10`, 'aria-hidden': 'true' }, line);
}
