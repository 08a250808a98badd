import { el, setText } from '../dom.js';
import { fill } from '../../runtime/contract/format.js';
import type {
  TrainingButton,
  TrainingField,
  TrainingForm,
  TrainingKey,
  TrainingPageRequest,
  TrainingStrings,
} from '../protocol/training.js';
import { button, checkBox, select, setDisabled, type Button, type CheckBox, type Select } from '../ui.js';

type Send = (request: TrainingPageRequest) => void;

const KEYS: readonly TrainingKey[] = ['model', 'data', 'vector'];

/** A label, a list, and below it what is known of the choice. */
class Field {
  readonly elements: HTMLElement[];
  private readonly list: Select;
  private readonly note = el('span', { class: 'muted' });
  private readonly line: HTMLElement;
  private shown = '';

  constructor(
    key: TrainingKey,
    label: string,
    private readonly send: Send,
  ) {
    this.list = select(key, (value) => send({ type: 'choose', key, value }));
    this.list.element.setAttribute('aria-describedby', `${key}-note`);
    this.line = el('p', { class: 'note', id: `${key}-note` }, this.note);
    this.elements = [el('label', { for: key }, label), el('div', {}, this.list.element, this.line)];
  }

  update({ choices, value, note, details, button: action }: TrainingField, locked: boolean): void {
    this.list.show(choices, value, locked);
    setText(this.note, note);
    this.note.title = details ?? '';
    this.line.hidden = note === '' && !action;
    const key = JSON.stringify(action);
    if (key === this.shown) return;
    this.shown = key;
    const hadFocus = this.line.contains(document.activeElement);
    const made = action && link(action, this.send);
    this.line.replaceChildren(this.note, ...(made ? [' ', made] : []));
    if (hadFocus) (made ?? this.list.element).focus();
  }
}

/** A button that looks like the links of the editor's own views. */
export const link = ({ action, label }: TrainingButton, send: Send): HTMLElement =>
  el('button', { class: 'link', type: 'button', click: () => send({ type: 'act', action }) }, label);

/**
 * Model, data, vector, protection and settings of a recipe. Each choice is written into the file and comes back from
 * there.
 */
export class Form {
  readonly element: HTMLElement;
  private readonly fields: Record<TrainingKey, Field>;
  private readonly protect: CheckBox;
  private readonly settings = el('span', { class: 'settings' });
  private readonly gear: Button;
  private readonly start: Button;
  private readonly expected = el('span', { class: 'expected muted' });
  private keys = '';
  private gearKey = '';

  constructor(
    private readonly strings: TrainingStrings,
    private readonly send: Send,
  ) {
    const s = strings;
    const field = (key: TrainingKey): Field => new Field(key, s[key], send);
    this.fields = { model: field('model'), data: field('data'), vector: field('vector') };
    const hint = el('span', { title: s.protectHint }, s.protect);
    this.protect = checkBox(hint, false, (on) => send({ type: 'protect', on }));
    this.gear = button('⚙', 'icon', { label: s.openSettings, title: s.openSettings }, () =>
      send({ type: 'openKey', key: this.gearKey }),
    );
    this.start = button(s.start, 'primary', { title: s.startHint }, () => {
      setDisabled(this.start, true);
      send({ type: 'start' });
    });
    this.settings.setAttribute('role', 'group');
    this.settings.setAttribute('aria-label', s.settings);
    this.element = el(
      'div',
      { class: 'form' },
      el('div', { class: 'fields' }, ...KEYS.flatMap((key) => this.fields[key].elements)),
      el('div', { class: 'protect' }, this.protect.element, this.settings, this.gear),
      el('div', { class: 'actions' }, this.start, this.expected),
    );
  }

  update(form: TrainingForm, locked: boolean): void {
    for (const key of KEYS) this.fields[key].update(form.fields[key], locked);
    this.protect.show({ checked: form.isProtected, disabled: locked || !form.canProtect });
    setDisabled(this.start, locked || !form.canStart);
    const { text = '', details = '', fits = true } = form.expected ?? {};
    setText(this.expected, text);
    this.expected.title = details;
    this.expected.classList.toggle('bad', !fits);
    this.gearKey = form.settings[0]?.key ?? '';
    const keys = JSON.stringify(form.settings);
    if (keys === this.keys) return;
    this.keys = keys;
    this.settings.replaceChildren(
      ...form.settings.flatMap(({ text, key }, i) => [
        ...(i > 0 ? [' · '] : []),
        el(
          'button',
          {
            class: 'link',
            type: 'button',
            title: fill(this.strings.openKey, key),
            click: () => this.send({ type: 'openKey', key }),
          },
          text,
        ),
      ]),
    );
  }
}
