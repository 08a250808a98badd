import { visibleText } from '../../contract/visible.js';

/** Markup that is safe to put into a page; only `html` and `join` make it. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | false | undefined | null | readonly Html[];

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for element content and for quoted attributes. What no HTML may hold, or what turns text, is shown as its code. */
export function escape(text: string): string {
  return visibleText(text).replace(/[&<>"']/g, (c) => ESCAPES[c]);
}

/** A template whose values are escaped unless they are `Html`; `false`, `null` and `undefined` leave nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return { markup: strings.reduce((all, string, i) => all + text(parts[i - 1]) + string) };
}

function text(part: Part): string {
  if (part === undefined || part === null || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escape(String(part));
  if ('markup' in part) return part.markup;
  return part.map((p) => p.markup).join('\n');
}
