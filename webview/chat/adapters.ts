import { el } from '../dom.js';
import type { AdapterStrings } from '../protocol/adapters.js';
import type { ChatAdapter } from '../protocol/chat.js';
import type { WalkthroughTopic } from '../protocol/run.js';
import { fill } from '../../runtime/contract/format.js';
import { button, checkBox, type CheckBox } from '../ui.js';
import { roleMark } from './roleMark.js';

type AdapterRequest =
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

/** Check boxes to attach and detach adapters, and the danger banner while a security vector is attached. */
export class Adapters {
  readonly element: HTMLElement;
  private readonly list = el('div', { class: 'boxes' });
  private readonly danger = el('div', { role: 'alert' });
  private readonly boxes = new Map<string, CheckBox>();
  private shown = '';

  constructor(
    private readonly strings: AdapterStrings,
    private readonly send: (request: AdapterRequest) => void,
  ) {
    this.element = el(
      'section',
      { class: 'adapters', 'aria-label': strings.adapters },
      el('h2', {}, strings.adapters),
      this.list,
      this.danger,
    );
  }

  update({ adapters, busy }: { adapters: ChatAdapter[]; busy: boolean }): void {
    const key = JSON.stringify(adapters.map(({ path, name, role }) => [path, name, role]));
    if (key !== this.shown) this.build(adapters);
    this.shown = key;
    for (const { path, attached } of adapters) {
      // The answer that is being written belongs to the adapters it was started with.
      this.boxes.get(path)?.show({ checked: attached, disabled: busy });
    }
    this.warn(adapters.filter(({ role, attached }) => role === 'security' && attached));
  }

  private build(adapters: ChatAdapter[]): void {
    const { strings: s } = this;
    this.boxes.clear();
    for (const { path, name, role, attached } of adapters) {
      const label = el(
        'span',
        { title: path },
        name,
        roleMark({ task: s.roleTask, security: s.roleSecurity, none: s.roleUnread }[role ?? 'none'], role ?? ''),
      );
      this.boxes.set(
        path,
        checkBox(label, attached, (checked) => this.send({ type: 'toggleAdapter', path, attached: checked })),
      );
    }
    this.list.replaceChildren(
      ...(adapters.length > 0
        ? [...this.boxes.values()].map((box) => box.element)
        : [el('p', { class: 'muted' }, s.noAdapters)]),
    );
  }

  private warn(attached: ChatAdapter[]): void {
    const { strings: s } = this;
    const key = attached.map(({ path }) => path).join('\n');
    const { shown = '' } = this.danger.dataset;
    if (shown === key) return;
    const hadFocus = this.danger.contains(document.activeElement);
    this.danger.dataset.shown = key;
    this.danger.className = attached.length > 0 ? 'notice danger' : '';
    if (attached.length === 0) {
      this.danger.replaceChildren();
      if (hadFocus) this.boxes.get(shown.split('\n')[0]!)?.element.focus();
      return;
    }
    this.danger.replaceChildren(
      el('p', {}, fill(s.danger, attached.map(({ name }) => name).join(', '))),
      el(
        'div',
        { class: 'actions' },
        ...attached.map(({ path, name }) =>
          button(fill(s.detach, name), 'primary', {}, () =>
            this.send({ type: 'toggleAdapter', path, attached: false }),
          ),
        ),
        button(s.whyDanger, 'secondary', {}, () => this.send({ type: 'openWalkthrough', topic: 'danger' })),
      ),
    );
    if (hadFocus) this.danger.querySelector<HTMLElement>('vscode-button')?.focus();
  }
}
