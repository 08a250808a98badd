import { el } from '../dom.js';

/** Behind a name, what it is: a word of its own to a screen reader, too. */
export const roleMark = (text: string, kind = ''): HTMLElement =>
  el('span', {}, ' ', el('span', { class: `role ${kind}`.trimEnd() }, text));
