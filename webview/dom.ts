import { visibleText } from '../runtime/contract/visible.js';

/** Attributes that people read. */
const READ: ReadonlySet<string> = new Set(['title', 'aria-label']);

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/**
 * Makes an element. Strings become text nodes, never HTML, and characters that hide or turn text become their codes, so
 * file contents and model answers are safe here. `false`
 * and `undefined` attributes are left out, `true` is an empty one, functions are listeners for the event of that name.
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes?: Attributes,
  ...children: Child[]
): HTMLElementTagNameMap[K];
export function el(tag: string, attributes?: Attributes, ...children: Child[]): HTMLElement;
export function el(tag: string, attributes: Attributes = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : READ.has(name) ? visibleText(String(value)) : String(value));
  }
  for (const child of children) if (child) element.append(typeof child === 'string' ? visibleText(child) : child);
  return element;
}

/** Replaces the text only when it differs, so that selections and screen readers are left in peace. */
export function setText(element: Element, text: string): void {
  const shown = visibleText(text);
  if (element.textContent !== shown) element.textContent = shown;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An SVG element with attributes. */
export function svg(tag: string, attributes: Record<string, string | number>, ...children: SVGElement[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A function that has `draw` called in the next frame: once, however often it is called before. */
export function oncePerFrame(draw: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
