import type { ErrorData } from '../runtime/contract/errors.js';
import { RequestError } from './channel.js';
import { el } from './dom.js';

/** What is wrong, where, and what to do; the stack of a bug folded away. */
export function errorNotice(
  title: string,
  { message, place, remedy, stack }: ErrorData,
  stackTitle: string,
  ...actions: HTMLElement[]
): HTMLElement {
  return el(
    'div',
    { class: 'notice error', role: 'alert' },
    el('strong', {}, title),
    place ? el('code', { class: 'place' }, place) : null,
    el('p', {}, message),
    remedy ? el('p', { class: 'remedy' }, remedy) : null,
    actions.length > 0 ? el('div', { class: 'actions' }, ...actions) : null,
    stack ? el('details', {}, el('summary', {}, stackTitle), el('pre', {}, stack)) : null,
  );
}

/** Anything thrown by a request, as data. */
export function thrown(error: unknown): ErrorData {
  if (error instanceof RequestError) return error.data;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'internal', message: `internal: ${message}`, stack };
}

/** What failed before the page had its strings, which come with its first state. */
export function showFailure(error: unknown): void {
  document.body.append(errorNotice('Security Vectors', thrown(error), 'Stack'));
}
