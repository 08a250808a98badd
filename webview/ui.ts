/** The component kit: the only file that knows where buttons and boxes come from. */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextArea,
} from '@vscode/webview-ui-toolkit';
import { el, setText } from './dom.js';

provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodeTextArea(),
);

export type ButtonLook = 'primary' | 'secondary' | 'icon';
type Labelled = { label?: string; title?: string };

export interface Button extends HTMLElement {
  disabled: boolean;
}

/** `label` is read out instead of the face. */
export function button(face: string | SVGElement, look: ButtonLook, options: Labelled, press: () => void): Button {
  const { label = typeof face === 'string' ? face : undefined, title } = options;
  const click = (): void => void (isIdle(made) || press());
  const made = el('vscode-button', { appearance: look, 'aria-label': label, title, click }, face) as Button;
  return made;
}

const isIdle = (of: Button): boolean => of.ariaDisabled === 'true';

/** Greyed out, and nothing happens. Who has the focus on it keeps it: a browser would take it from what is disabled. */
export function setDisabled(of: Button, disabled: boolean): void {
  const keepsFocus = disabled && of === document.activeElement;
  of.disabled = disabled && !keepsFocus;
  of.ariaDisabled = keepsFocus ? 'true' : null;
}

/** A button keeps its place and the focus, and does something else. */
export function relabel(of: Button, face: string): void {
  setText(of, face);
  of.setAttribute('aria-label', face);
}

export interface CheckBox {
  element: HTMLElement;
  /** Shows a state without calling back. `mixed`: neither, until it is pressed. */
  show(state: { checked: boolean; disabled?: boolean; mixed?: boolean }): void;
}

/** `changed` is called when the person changes the box. */
export function checkBox(label: string | Node, checked: boolean, changed: (checked: boolean) => void): CheckBox {
  const element = el('vscode-checkbox', {}, label) as HTMLElement &
    Record<'checked' | 'disabled' | 'indeterminate', boolean>;
  // The component fires `change` also when its property is set; only a change from what was shown is the person's.
  let shown = checked;
  element.checked = checked;
  element.addEventListener('change', () => {
    if (element.checked === shown) return;
    shown = element.checked;
    changed(shown);
  });
  return {
    element,
    show(state) {
      shown = state.checked;
      element.checked = state.checked;
      element.disabled = state.disabled ?? false;
      element.indeterminate = state.mixed ?? false;
    },
  };
}

/** A list to choose one entry from; values and labels are the same. */
export function dropdown(
  label: string,
  values: string[],
  selected: string,
  changed: (value: string) => void,
): HTMLElement {
  const list = el('vscode-dropdown', { 'aria-label': label }) as HTMLElement & { value: string };
  for (const value of values) list.append(el('vscode-option', { value, selected: value === selected }, value));
  // The component also fires `change` for what it starts with.
  let known = selected;
  list.addEventListener('change', () => {
    if (list.value === known) return;
    known = list.value;
    changed(known);
  });
  return list;
}

export interface Select {
  element: HTMLSelectElement;
  /** Shows a choice without calling back. */
  show(choices: readonly { value: string; label: string }[], value: string, disabled: boolean): void;
}

/** Arrow keys on a closed list pass its entries; the one where they rest is chosen. */
const SETTLED_MS = 600;

/**
 * A list whose labels are not its values. The browser's own: it may be longer than the page, which the component is
 * not.
 */
export function select(id: string, changed: (value: string) => void): Select {
  let isByKey = false;
  let settling: number | undefined;
  const tell = (): void => {
    window.clearTimeout(settling);
    settling = undefined;
    changed(element.value);
  };
  const element = el('select', {
    id,
    pointerdown: () => void (isByKey = false),
    // An open list is closed by these two, with what is chosen.
    keydown: (event) => void (isByKey = !['Enter', ' '].includes((event as KeyboardEvent).key)),
    keyup: () => void (isByKey = false),
    change: () => {
      if (!isByKey) return tell();
      window.clearTimeout(settling);
      settling = window.setTimeout(tell, SETTLED_MS);
    },
    blur: () => void (settling !== undefined && tell()),
  });
  let shown = '';
  return {
    element,
    show(choices, value, disabled) {
      const key = JSON.stringify(choices);
      if (key !== shown) {
        window.clearTimeout(settling);
        settling = undefined;
        element.replaceChildren(...choices.map((one) => el('option', { value: one.value }, one.label)));
      }
      shown = key;
      // Where a person is on the way through the list, that stays.
      if (settling === undefined) element.value = value;
      element.title = element.selectedOptions[0]?.label ?? '';
      element.disabled = disabled;
    },
  };
}

/**
 * A line of text to look for; `typed` is called on each change by the person. The browser's own: it shows its focus.
 */
export const searchField = ({ label, title }: Labelled, typed: () => void): HTMLInputElement =>
  el('input', { type: 'search', 'aria-label': label, title, input: typed });

export interface TextArea extends HTMLElement {
  value: string;
  disabled: boolean;
}

/** The label is for readers; the component takes it from its content. */
export function textArea(label: string, placeholder: string): TextArea {
  return el('vscode-text-area', { placeholder, rows: 3, resize: 'none' }, label) as TextArea;
}
