/** The table of the review page in each language: no column cuts what it says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TRIAGE_STRINGS } from '../../webview/protocol/triage.js';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';
import { until, wide } from './openPages.js';
import { triageState } from './triageStates.js';

/** The strings of the page as the host sends them. */
function stringsIn(language: string): Record<string, string> {
  if (language === 'en') return TRIAGE_STRINGS;
  const file = path.join(import.meta.dirname, `../../l10n/bundle.l10n.${language}.json`);
  const bundle = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  return Object.fromEntries(Object.entries(TRIAGE_STRINGS).map(([name, text]) => [name, bundle[text] ?? text]));
}

describe('the table of the review page', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  /** Every third row is flagged; their chances, decisions and losses are as long as they come. */
  async function open(language: string, size = wide): Promise<OpenPage> {
    const state = triageState(12, { exclude: 'h0', fine: 'h3', unsure: 'h6' });
    state.table.ps = state.table.ps.replaceAll('0.5', '0.0123');
    state.table.lines = state.table.lines.replace(/\d+/g, '59861');
    const page = await OpenPage.open(browser, 'triage', 'dark', size, async ({ type, hashes = [] }, opened) => {
      const triage = { ...state, table: { ...state.table, without: state.table.without.replaceAll('2.1', '12.345') } };
      const rows = (hashes as string[]).map((hash) => ({ hash, row: 0, line: 59_861, prompt: 'p', answer: 'a' }));
      if (type === 'ready') await opened.event({ type: 'table', language, strings: stringsIn(language), triage });
      if (type === 'texts') await opened.event({ type: 'texts', asked: hashes, rows });
      return undefined;
    });
    await until(async () => (await page.page.locator('.space .row .line').allTextContents()).some((one) => /861/.test(one)), 'rows'); // oxfmt-ignore
    return page;
  }

  const cut = (page: OpenPage) =>
    page.page.evaluate(() => {
      const cells = [
        ...document.querySelectorAll<HTMLElement>('.grid .row, .head :is(button, span), .space .row > div'),
      ];
      const found = cells.filter((one) => one.offsetParent !== null && one.scrollWidth > one.clientWidth);
      return found.map((one) => ({ text: one.textContent ?? '', wants: one.scrollWidth, has: one.clientWidth, title: one.closest<HTMLElement>('[title]')?.title ?? '' })); // oxfmt-ignore
    }, undefined);

  const sortable = (page: OpenPage) =>
    page.page.evaluate(() => {
      const heads = [...document.querySelectorAll<HTMLElement>('.head > div:has(button)')];
      return heads.filter((one) => one.offsetParent !== null).map((one) => one.className);
    }, undefined);

  for (const language of ['en', 'de', 'fr'])
    test(`${language}: all of it is there in a page of an editor's width, and by its title in a narrow one`, async () => {
      const page = await open(language);
      for (const width of [1280, 700, 510]) {
        await page.page.setViewportSize({ width, height: 700 });
        // The column that the rows are sorted by has a sign beside its name.
        for (const head of await sortable(page)) {
          await page.page.locator(`.head .${head} button`).first().click();
          assert.deepEqual(await cut(page), [], `${width}, by ${head}`);
        }
      }
      await page.page.setViewportSize({ width: 320, height: 700 });
      await page.drawn();
      for (const { text, title } of await cut(page)) assert.ok(title.startsWith(text), `${text}: ${title}`);
      await page.close();
    });
});
