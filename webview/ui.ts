/** The component kit: the only file that knows where buttons and boxes come from. */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextArea,
} from '@vscode/webview-ui-toolkit';
import { el } from './dom.js';

provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodeProgressRing(),
  vsCodeTextArea(),
);

export type ButtonLook = 'primary' | 'secondary' | 'icon';
type Labelled = { label: string; title?: string };

export interface Button extends HTMLElement {
  disabled: boolean;
}

/** `label` is read out where the face is not a word. */
export function button(face: string | SVGElement, look: ButtonLook, options: Labelled, press: () => void): Button {
  const { label, title } = options;
  return el('vscode-button', { appearance: look, 'aria-label': label, title, click: press }, face) as Button;
}

export interface CheckBox extends HTMLElement {
  checked: boolean;
  disabled: boolean;
}

export function checkBox(label: string | Node, checked: boolean, changed: (checked: boolean) => void): CheckBox {
  const box = el('vscode-checkbox', {}, label) as CheckBox;
  box.checked = checked;
  // The component also fires `change` when its property is set.
  let known = checked;
  box.addEventListener('change', () => {
    if (box.checked === known) return;
    known = box.checked;
    changed(known);
  });
  return box;
}

/** A list to choose one entry from; values and labels are the same. */
export function dropdown(label: string, values: string[], changed: (value: string) => void): HTMLElement {
  const list = el('vscode-dropdown', { 'aria-label': label }) as HTMLElement & { value: string };
  for (const value of values) list.append(el('vscode-option', { value }, value));
  list.addEventListener('change', () => changed(list.value));
  return list;
}

export function progressRing(label: string): HTMLElement {
  return el('vscode-progress-ring', { 'aria-label': label });
}

export interface TextArea extends HTMLElement {
  value: string;
  disabled: boolean;
}

export function textArea(label: string, placeholder: string): TextArea {
  return el('vscode-text-area', { 'aria-label': label, placeholder, rows: 3, resize: 'none' }) as TextArea;
}
