/** Checks that run inside the page; bundled and put there by `browser.ts` as `inPage`. */

type Rgba = [number, number, number, number];

const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;

function rgba(css: string): Rgba {
  brush.clearRect(0, 0, 1, 1);
  brush.fillStyle = css;
  brush.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}

const over = ([r, g, b, a]: Rgba, [R, G, B]: Rgba): Rgba => [
  r * a + R * (1 - a),
  g * a + G * (1 - a),
  b * a + B * (1 - a),
  1,
];

/** Relative luminance and contrast of WCAG 2.2. */
function luminance([r, g, b]: Rgba): number {
  const [R, G, B] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * R + 0.7152 * G + 0.0722 * B;
}
function contrast(one: Rgba, other: Rgba): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function parentOf(element: Element): Element | null {
  if (element.assignedSlot) return element.assignedSlot;
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

function backgroundOf(element: Element): Rgba {
  const layers: Rgba[] = [];
  for (let at: Element | null = element; at; at = parentOf(at)) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255, 1] as Rgba);
}

function* elements(root: ParentNode): Generator<Element> {
  for (const element of root.querySelectorAll('*')) {
    yield element;
    if (element.shadowRoot) yield* elements(element.shadowRoot);
  }
}

/** Texts with less contrast to what is behind them than `least`, as "text: ratio"; disabled controls are exempt. */
export function lowContrast(least: number): string[] {
  const found = new Set<string>();
  for (const element of elements(document.body)) {
    const text = [...element.childNodes]
      .filter((node) => node.nodeType === Node.TEXT_NODE)
      .map((node) => node.textContent?.trim())
      .join(' ')
      .trim();
    if (text === '' || element.tagName === 'STYLE' || element.tagName === 'SCRIPT' || !element.checkVisibility())
      continue;
    if (element.closest('[disabled], .disabled')) continue;
    const background = backgroundOf(element);
    const ratio = contrast(over(rgba(getComputedStyle(element).color), background), background);
    if (ratio < least) found.add(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [...found];
}

/** Pixels that the page is wider than its window. */
export const overflow = (): number => document.documentElement.scrollWidth - window.innerWidth;

/** The pictures of all canvases. */
export const pictures = (): string[] => [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL());

/** The runs that stand out while the mouse goes down through the first chart. */
export function outUnderMouse(): string[] {
  const canvas = document.querySelector('canvas')!;
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const out = new Set<string>();
  for (let y = 0; y < height; y++) {
    const at = { clientX: left + width * 0.75, clientY: top + y };
    canvas.dispatchEvent(new MouseEvent('mousemove', { ...at, bubbles: true }));
    for (const item of document.querySelectorAll('.runs li.highlighted vscode-checkbox'))
      out.add(item.textContent!.trim());
  }
  return [...out];
}

/** Names of the elements that Tab walks through, from the top; each must show that it has the focus. */
export function focused(): { name: string; outlined: boolean } | undefined {
  let element = document.activeElement;
  if (!element || element === document.body) return undefined;
  const host = element;
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const name = (host.getAttribute('aria-label') ?? host.textContent ?? '').trim();
  const style = getComputedStyle(element);
  const hostStyle = getComputedStyle(host);
  const visible = ({ outlineStyle, outlineWidth }: CSSStyleDeclaration) =>
    outlineStyle !== 'none' && outlineWidth !== '0px';
  return { name, outlined: visible(style) || visible(hostStyle) };
}

const CONTROLS = 'button, a[href], select, input, textarea, summary, vscode-button, vscode-checkbox, vscode-dropdown, vscode-text-area, [tabindex="0"]'; // oxfmt-ignore

/** What a person can use now: shown and not disabled. */
function controls(): HTMLElement[] {
  const all = [...document.querySelectorAll<HTMLElement & { disabled?: boolean }>(CONTROLS)];
  return all.filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled);
}

const nameOf = (element: Element): string =>
  `${element.tagName.toLowerCase()} ${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim()}`;

const visited = new WeakSet<Element>();

/** Notes what has the focus; undefined outside of the page. */
export function visit(): { isFirst: boolean; name: string; outlined: boolean } | undefined {
  const at = focused();
  if (!at) return undefined;
  const isFirst = !visited.has(document.activeElement!);
  visited.add(document.activeElement!);
  return { isFirst, ...at };
}

/** Whether the keys of a grid's cell do the same, and Tab comes to one of its cells: arrows lead to the others. */
function hasKeys(control: HTMLElement): boolean {
  const cell = control.tabIndex < 0 && control.closest('[aria-keyshortcuts]');
  const cells = [...document.querySelectorAll('[aria-keyshortcuts]')];
  return cell !== false && cell !== null && cells.some((one) => visited.has(one));
}

/** Controls that Tab did not come to. */
export const unvisited = (): string[] =>
  controls()
    .filter((control) => !visited.has(control) && !hasKeys(control))
    .map(nameOf);

/** Controls that cannot be brought into sight by scrolling, or that something else covers there. */
export function unreachable(): string[] {
  return controls()
    .filter((control) => {
      control.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      const { left, right, top, bottom } = control.getBoundingClientRect();
      const [x, y] = [(Math.max(0, left) + Math.min(innerWidth, right)) / 2, (Math.max(0, top) + Math.min(innerHeight, bottom)) / 2]; // oxfmt-ignore
      const there = document.elementFromPoint(x, y);
      return !there || !(control.contains(there) || there.contains(control));
    })
    .map(nameOf);
}

/** Elements that move by themselves or on their way to another look, inside of components too. */
export const moving = (): string[] =>
  [...elements(document.body)]
    .filter((element) => {
      const { animationName, animationDuration, transitionDuration } = getComputedStyle(element);
      const lasts = (duration: string) => duration.split(',').some((part) => Number.parseFloat(part) > 0);
      return (animationName !== 'none' && lasts(animationDuration)) || lasts(transitionDuration);
    })
    .map(nameOf);

/** Where the first heading and the accent of the first notice or verdict stand: from 0, the left, to 1, the right. */
export function sides(): { heading?: number; accent?: number } {
  const heading = [...document.querySelectorAll('h1:not(.for-readers), h2')].find((one) => one.checkVisibility());
  const accent = [...document.querySelectorAll('.verdict-line, .notice')].find((one) => one.checkVisibility());
  const middle = (element: Element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const { left, right } = range.getBoundingClientRect();
    return (left + right) / 2 / innerWidth;
  };
  const width = (side: 'Left' | 'Right') => Number.parseFloat(getComputedStyle(accent!)[`border${side}Width`]);
  return {
    heading: heading && middle(heading),
    accent: accent && (width('Left') > width('Right') ? 0 : 1),
  };
}

/** Everything that a page says: its texts, and what is read out or shown over its elements. */
export function said(): string[] {
  const texts = new Set<string>();
  for (const element of elements(document.body)) {
    if (['STYLE', 'SCRIPT'].includes(element.tagName)) continue;
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) texts.add(node.textContent ?? '');
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) texts.add(element.getAttribute(name) ?? '');
  }
  return [...texts].map((text) => text.trim()).filter((text) => text !== '');
}

let taken: number[] = [];
/** The clipboard of a page is the system's, and only secure pages have one: what is copied is kept here instead. */
export function takeCopies(): void {
  const given = class {
    constructor(readonly kinds: Record<string, Promise<Blob> | Blob>) {}
  };
  const write = async ([item]: InstanceType<typeof given>[]): Promise<void> => {
    taken = [...new Uint8Array(await (await item.kinds['image/png']).arrayBuffer())];
  };
  Object.assign(globalThis, { ClipboardItem: given });
  Object.defineProperty(navigator, 'clipboard', { value: { write } });
}
/** The first bytes of the picture that was copied. */
export const copied = (): number[] => taken.slice(0, 24);

Object.assign(globalThis, {
  inPage: {
    said,
    lowContrast,
    overflow,
    pictures,
    outUnderMouse,
    focused,
    visit,
    unvisited,
    unreachable,
    moving,
    sides,
    takeCopies,
    copied,
  },
});
