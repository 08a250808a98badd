/**
 * The pages in a real browser with a host that is a few lines of this file: as `node build.mjs` has made them in dist/,
 * under the content security policy of the extension, in the variables of the editor's own themes (`themes.json`).
 */
import { build } from 'esbuild';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { pageHtml } from '../../extension/panels/html.js';
import type * as InPage from './inPage.js';
import { launchBrowser } from '../vscode/host/browser.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const playwright = path.join(root, 'test/vscode/host/node_modules/playwright-core/index.mjs');
/** Pictures for people to look at, where the environment asks for them: no test does. */
const pictures = process.env['PICTURES'] === '1' ? path.join(root, 'out/pages') : undefined;

/** Why these tests cannot run here; undefined when they can. */
export const missing = existsSync(playwright)
  ? undefined
  : 'no browser: run `node test/vscode/host/setup.mjs` to install one from npm';

/** The part of playwright that is used. */
export interface Locator {
  click(): Promise<void>;
  fill(text: string): Promise<void>;
  press(key: string): Promise<void>;
  waitFor(): Promise<void>;
  count(): Promise<number>;
  nth(index: number): Locator;
  first(): Locator;
  textContent(): Promise<string | null>;
  allTextContents(): Promise<string[]>;
  getAttribute(name: string): Promise<string | null>;
  isVisible(): Promise<boolean>;
  locator(selector: string): Locator;
}
export interface Page {
  setContent(html: string): Promise<void>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  pdf(options: { path: string; preferCSSPageSize: boolean }): Promise<unknown>;
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>;
  evaluate<Argument, Result>(run: (argument: Argument) => Result, argument: Argument): Promise<Result>;
  addInitScript(script: { content: string }): Promise<void>;
  emulateMedia(media: { media: 'print' } | { reducedMotion?: 'reduce'; forcedColors?: 'active' }): Promise<void>;
  exposeFunction(name: string, call: (message: { id: number; request: { type: string } }) => void): Promise<void>;
  locator(selector: string): Locator;
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  on(
    event: 'pageerror' | 'console',
    call: (message: { text?(): string; type?(): string; message?: string }) => void,
  ): void;
  goto(url: string): Promise<unknown>;
  route(
    url: string,
    answer: (route: {
      request(): { url(): string };
      fulfill(reply: { contentType: string; body: string }): Promise<void>;
    }) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}
export interface Browser {
  newPage(options: { viewport: { width: number; height: number } }): Promise<Page>;
  close(): Promise<void>;
}

export async function startBrowser(): Promise<Browser> {
  const { chromium } = (await import(pathToFileURL(playwright).href)) as {
    chromium: { launch(options: object): Promise<Browser> };
  };
  return launchBrowser(chromium);
}

const kept = new Map<string, Promise<string>>();

/** What is made of a file, made once. */
function once(name: string, make: (name: string) => Promise<string>): Promise<string> {
  const made = kept.get(name) ?? make(name);
  kept.set(name, made);
  return made;
}

/** A file of dist/webview. @throws when it is not there, or older than what of ours it is made of */
async function built(name: string): Promise<string> {
  const file = path.join(root, 'dist/webview', name);
  const again = (why: string): Error => new Error(`dist/webview/${name} ${why}: run \`node build.mjs\``);
  if (!existsSync(`${file}.map`)) throw again('is not there, or without its map');
  const { sources } = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { sources: string[] };
  const { mtimeMs } = await stat(file);
  for (const source of sources.filter((one) => !one.includes('/node_modules/'))) {
    const now = await stat(path.resolve(path.dirname(file), source)).catch(() => undefined);
    if (!now || now.mtimeMs > mtimeMs) throw again(`is older than ${source}`);
  }
  return readFile(file, 'utf8');
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0].text;
}

const themes = JSON.parse(await readFile(path.join(import.meta.dirname, 'themes.json'), 'utf8')) as Record<
  Theme,
  { bodyClass: string; kind: string; variables: Record<string, string> }
>;
export type Theme = 'dark' | 'light' | 'hc-dark' | 'hc-light';
export const THEMES: Theme[] = ['dark', 'light', 'hc-dark', 'hc-light'];

export type PageName = 'run' | 'chat' | 'training' | 'triage' | 'compare';
type Request = { type: string } & Record<string, unknown>;
type Answer = { kind: 'result' } | { kind: 'error'; error: object } | { kind: 'cancelled' };

/** A page of ours, open in the browser. */
export class OpenPage {
  readonly requests: Request[] = [];
  /** Messages of the browser that should not be: errors, refused resources, uncaught exceptions. */
  readonly complaints: string[] = [];
  /** What the host has sent. */
  readonly sent: object[] = [];

  private closed = false;

  private constructor(readonly page: Page) {}

  /** `answer` gives the outcome of each request; the default is a result. */
  static async open(
    browser: Browser,
    name: PageName,
    theme: Theme,
    size: { width: number; height: number },
    answer: (request: Request, page: OpenPage) => Promise<Answer | undefined> | Answer | undefined,
  ): Promise<OpenPage> {
    const page = await browser.newPage({ viewport: size });
    const opened = new OpenPage(page);
    page.on('pageerror', (error) => opened.complaints.push(error.message ?? ''));
    page.on('console', (message) => {
      const text = message.text?.() ?? '';
      if (message.type?.() === 'error') opened.complaints.push(text);
    });
    await page.exposeFunction('toHost', ({ id, request }) => {
      const asked = request as Request;
      opened.requests.push(asked);
      void opened.reply(id, answer(asked, opened));
    });
    const files: Record<string, string> = {
      '/': html(theme, name),
      '/default.css': DEFAULT_STYLE,
      '/style.css': await once('style.css', built),
      '/page.js': await once(`${name}.js`, built),
    };
    await page.route(`${ORIGIN}/**`, async (route) => {
      const file = new URL(route.request().url()).pathname;
      await route.fulfill({ contentType: TYPES[path.extname(file)] ?? 'text/html', body: files[file] ?? '' });
    });
    await page.addInitScript({ content: await once('test/webview/inPage.ts', bundle) });
    await page.goto(`${ORIGIN}/`);
    return opened;
  }

  private async reply(id: number, answer: Promise<Answer | undefined> | Answer | undefined): Promise<void> {
    try {
      const outcome = (await answer) ?? { kind: 'result' };
      await this.post({ reply: id, outcome });
    } catch (error) {
      // A page that is gone waits for nothing, neither for what its answer sends it.
      if (!this.closed) throw error;
    }
  }

  /** Its tab was hidden and is shown again: only what the page has kept is left of it. */
  async showAgain(): Promise<void> {
    await this.page.goto(`${ORIGIN}/`);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.page.close();
  }

  /** A message of the host to the page, as JSON. */
  async post(message: object): Promise<void> {
    await this.page.evaluate((data) => window.postMessage(data, '*'), JSON.parse(JSON.stringify(message)));
  }

  event(event: object): Promise<void> {
    this.sent.push(event);
    return this.post({ event });
  }

  /** Runs one of the checks of `inPage.ts`. */
  check<Name extends keyof typeof InPage>(name: Name, ...values: Parameters<(typeof InPage)[Name]>) {
    type Result = ReturnType<(typeof InPage)[Name]>;
    return this.page.evaluate(
      ([name, values]) =>
        (globalThis as unknown as { inPage: Record<string, (...v: unknown[]) => Result> }).inPage[name](...values),
      [name, values] as [string, unknown[]],
    );
  }

  async theme(theme: Theme): Promise<void> {
    const { bodyClass, variables } = themes[theme];
    await this.page.evaluate(
      ({ bodyClass, style }) => {
        document.documentElement.style.cssText = style;
        document.body.className = bodyClass;
      },
      { bodyClass, style: cssText(variables) },
    );
  }

  /** Waits until a page that was resized is drawn: charts follow a frame later. */
  async drawn(): Promise<void> {
    await this.page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(undefined)))),
      undefined,
    );
  }

  /** Texts with a contrast of less than 4.5 : 1 in a theme, which the page has from now on. */
  async lowContrast(theme: Theme): Promise<string[]> {
    await this.theme(theme);
    // parts of the toolkit take a theme a little later
    let low = await this.check('lowContrast', 4.5);
    for (let attempt = 1; attempt < 20 && low.length > 0; attempt++) {
      await sleep(60);
      low = await this.check('lowContrast', 4.5);
    }
    return low;
  }

  async picture(name: string): Promise<void> {
    if (pictures === undefined) return;
    await mkdir(pictures, { recursive: true });
    await this.page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  }
}

const cssText = (variables: Record<string, string>) =>
  Object.entries(variables)
    .map(([name, value]) => `${name}: ${value}`)
    .join('; ');

const ORIGIN = 'http://pages.test';
const TYPES: Record<string, string> = { '.css': 'text/css', '.js': 'text/javascript' };

/** What the editor gives every page before the page's own style. */
const DEFAULT_STYLE = `@layer vscode-default {
  html { background-color: var(--vscode-sideBar-background); }
  body { background-color: transparent; color: var(--vscode-editor-foreground); font-family: var(--vscode-font-family);
    font-size: var(--vscode-font-size); margin: 0; padding: 0 20px; }
  code { color: var(--vscode-textPreformat-foreground); background-color: var(--vscode-textPreformat-background); padding: 1px 3px; }
}`;

/** The extension's own document with what the editor's frame adds: default style, theme, the API. */
function html(theme: Theme, title: string): string {
  const nonce = 'nonce-of-the-test';
  const page = { script: `${ORIGIN}/page.js`, style: `${ORIGIN}/style.css`, source: ORIGIN, title };
  const { bodyClass, kind, variables } = themes[theme];
  const frame = `<link rel="stylesheet" href="${ORIGIN}/default.css"><script nonce="${nonce}">
    document.documentElement.style.cssText = ${JSON.stringify(cssText(variables))};
    document.addEventListener('DOMContentLoaded', () => {
      document.body.className = ${JSON.stringify(bodyClass)};
      document.body.dataset.vscodeThemeKind = ${JSON.stringify(kind)};
    });
    window.acquireVsCodeApi = () => ({
      postMessage: (message) => window.toHost(message),
      getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') ?? undefined,
      setState: (next) => sessionStorage.setItem('state', JSON.stringify(next)),
    });
  </script>`;
  return pageHtml(page, nonce).replace('</title>', `</title>${frame}`);
}
