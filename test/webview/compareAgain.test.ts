/** A page that compares runs, shown again after its tab was behind another one. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { missing, startBrowser, type Browser, type OpenPage } from './browser.js';
import { openCompared, wide } from './comparedPages.js';
import { sweep } from './comparedRuns.js';
import { until } from './openPages.js';

describe('a page that compares runs', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  const open = (runs: ComparedRun[]): Promise<OpenPage> => openCompared(browser, runs);
  const label = async (page: OpenPage) => (await page.page.locator('canvas').first().getAttribute('aria-label')) ?? '';
  const texts = (page: OpenPage, selector: string) => page.page.locator(selector).allTextContents();
  const press = (page: OpenPage, label: string) => page.page.locator(`vscode-button[aria-label="${label}"]`).click();

  test('a page that is shown again shows the same runs, on the same axis, as smooth, beside the same row', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    const axis = 'vscode-dropdown[aria-label="Horizontal axis"]';
    const reference = 'vscode-dropdown[aria-label="Differences to"]';
    const chosen = async (list: string) => (await texts(page, `${list} .selected-value`)).join('').trim();
    await page.page.locator('.runs li:nth-child(2) vscode-checkbox').click();
    await page.page.locator(axis).press('ArrowDown');
    await page.page.locator('input[type=range]').press('End');
    await page.page.locator('.curves vscode-checkbox').click();
    await page.page.locator('canvas').first().press('+');
    const last = (await texts(page, `${reference} vscode-option`)).at(-1)!.trim();
    await page.page.locator(reference).press('End');
    await until(async () => (await texts(page, '.compared tbody tr:last-child .delta')).length === 0, 'its own row');
    // elements say what is chosen in a turn of their own
    const is = (list: string, entry: string) => until(async () => (await chosen(list)) === entry, `${list}: ${entry}`);
    await is(axis, 'supervised tokens');
    await is(reference, last);
    await page.showAgain();
    await until(async () => (await label(page)).includes('run 2:'), 'charts');
    assert.doesNotMatch(await label(page), /run 1:/);
    await is(axis, 'supervised tokens');
    assert.equal(await page.page.locator('.curves output').textContent(), '0.98');
    const box = page.page.locator('.curves vscode-checkbox');
    await until(async () => (await box.getAttribute('aria-checked')) === 'true', 'the box of the curves');
    assert.equal(await page.page.locator('vscode-button[aria-label="Whole range"]').isVisible(), true);
    await is(reference, last);
    assert.equal((await texts(page, '.compared tbody tr:last-child .delta')).length, 0);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a box that is neither on nor off is neither to the eye where colours are forced, too', async () => {
    const page = await open([sweep(0), sweep(1)]);
    await page.page.emulateMedia({ forcedColors: 'active' });
    const mark = () =>
      page.page.evaluate((selector) => {
        const box = document.querySelector(selector)!;
        const control = box.shadowRoot!.querySelector('[part=control]')!;
        return [box.classList.contains('indeterminate'), getComputedStyle(control).backgroundImage] as const;
      }, '.curves vscode-checkbox');
    await until(async () => (await mark())[0], 'some axes are logarithmic');
    assert.match((await mark())[1], /^linear-gradient/);
    await page.page.locator('.curves vscode-checkbox').click();
    await until(async () => !(await mark())[0], 'all are');
    assert.equal((await mark())[1], 'none');
    await page.close();
  });

  test('a long name has its line beside it, and room in the table', async () => {
    const title = 'orders of all shops, protected by forbidden-topic and by another one';
    const page = await open([sweep(0, { title }), sweep(1)]);
    const boxes = await page.page.evaluate(() => {
      const box = (selector: string): DOMRect => document.querySelector(selector)!.getBoundingClientRect();
      return { line: box('.runs li svg'), name: box('.runs li vscode-checkbox'), row: box('.compared tbody th') };
    }, undefined);
    assert.ok(boxes.line.bottom > boxes.name.top && boxes.line.right <= boxes.name.left, 'beside it');
    assert.ok(boxes.row.width >= 150, `${boxes.row.width} pixels for its name`);
    await page.close();
  });

  test('a page that is saved says in what language it is, and from which side it is read', async () => {
    for (const [language, start] of [
      ['de', '<html lang="de" dir="ltr">'],
      ['ar', '<html lang="ar" dir="rtl">'],
    ] as const) {
      const page = await openCompared(browser, [sweep(0), sweep(1)], 'dark', wide, language);
      await press(page, 'Save as HTML');
      const saved = () => page.requests.find(({ type }) => type === 'save') as { content: string } | undefined;
      await until(() => saved() !== undefined, 'the page');
      assert.ok(saved()!.content.includes(start), saved()!.content.slice(0, 100));
      await page.close();
    }
  });

  test('the smoothing is written and read out in the language of the page', async () => {
    const page = await openCompared(browser, [sweep(0), sweep(1)], 'dark', wide, 'de');
    const slider = page.page.locator('input[type=range]');
    await slider.press('End');
    assert.equal(await page.page.locator('.curves output').textContent(), '0,98');
    assert.equal(await slider.getAttribute('aria-valuetext'), '0,98');
    await page.close();
  });

  test('a page that is shown again has its tables sorted as they were, and its answers, without going to these', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    const focused = () => page.page.evaluate(() => document.activeElement?.className, undefined);
    const sorted = () => texts(page, 'th[aria-sort="descending"]');
    const rows = () => page.page.locator('.side-by-side tbody tr').count();
    for (const table of ['recipes', 'compared'])
      for (let i = 0; i < 2; i++) await page.page.locator(`.${table} thead button`).nth(2).click();
    const before = await sorted();
    assert.equal(before.length, 2);
    await press(page, 'Answers side by side');
    await until(async () => (await focused()) === 'answers', 'the answers');
    const all = await rows();
    const box = page.page.locator('.answers .controls vscode-checkbox');
    await box.click();
    await page.showAgain();
    await until(async () => (await rows()) === all, 'the same answers');
    assert.equal(await box.getAttribute('aria-checked'), 'true');
    await until(async () => (await sorted()).join() === before.join(), 'the same orders');
    assert.equal(await focused(), 'vscode-dark');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
