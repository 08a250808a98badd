/** The page that compares runs, in a browser: how wide things are, with many keys, long names and many runs. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { missing, startBrowser, type Browser, type OpenPage } from './browser.js';
import { sweep } from './comparedRuns.js';
import { openCompared } from './comparedPages.js';
import { until } from './openPages.js';

describe('the page that compares runs has room', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  const open = (runs: ComparedRun[]): Promise<OpenPage> => openCompared(browser, runs);
  const texts = (page: OpenPage, selector: string) => page.page.locator(selector).allTextContents();

  test('of recipes that differ in many keys each part of a key is whole, on one line', async () => {
    const keys = Array.from({ length: 24 }, (_, i) => `probes.harmful.number${i}`);
    const differing = (value: string) => ({ recipe: Object.fromEntries(keys.map((key) => [key, value])) });
    const page = await open([sweep(0, differing('1')), sweep(1, differing('2'))]);
    const lines = await page.page.evaluate(
      (heads) =>
        Array.from(document.querySelectorAll(heads)).flatMap((head) =>
          Array.from(head.childNodes).flatMap((part) => {
            const range = document.createRange();
            range.selectNodeContents(part);
            const rows = new Set(Array.from(range.getClientRects(), ({ y }) => y));
            return part.nodeType === Node.TEXT_NODE ? [rows.size] : [];
          }),
        ),
      '.recipes thead button',
    );
    assert.deepEqual([...new Set(lines)], [1]);
    assert.equal((await texts(page, '.recipes thead th'))[1]?.trim(), keys[0]);
    await page.close();
  });

  test('beside many keys the name of a run is not a word for each line; what is left of a long value begins with …', async () => {
    const keys = Array.from({ length: 24 }, (_, i) => `probes.harmful.number${i}`);
    const recipe = (file: string) => ({
      recipe: { 'probes.file': `data/questions/${file}.jsonl`, ...Object.fromEntries(keys.map((key) => [key, file])) },
    });
    const title = 'a-run-with-a-rather-long-name-and-the-seed';
    const page = await open(['one', 'two', 'three'].map((file, i) => ({ ...sweep(i, recipe(file)), title })));
    const widths = await page.page.evaluate(
      (heads) => Array.from(document.querySelectorAll(heads), (head) => head.getBoundingClientRect().width),
      '.recipes tbody th',
    );
    assert.ok(Math.min(...widths) > 150, widths.join());
    assert.ok((await texts(page, '.parallel text')).includes('…estions/one.jsonl'));
    await page.close();
  });

  test('the boxes of runs with long names and verdicts are as large as those of others', async () => {
    const long = { title: 'a run with many words in its name, protected by a vector with a long name' };
    const page = await open([sweep(0), sweep(1, long), sweep(2, { title: 'run-997, protected by v' })]);
    const sizes = await page.page.evaluate(
      (selector) =>
        [...document.querySelectorAll(selector)].map((box) => box.shadowRoot!.querySelector('.control')!.clientWidth),
      '.runs vscode-checkbox',
    );
    assert.equal(new Set(sizes).size, 1, sizes.join());
    await page.close();
  });

  for (const count of [3, 40])
    test(`${count} runs: nothing sticks out`, async () => {
      const page = await open(Array.from({ length: count }, (_, i) => sweep(i)));
      for (const width of [420, 700, 1280]) {
        await page.page.setViewportSize({ width, height: 900 });
        await until(async () => (await page.check('overflow')) <= 0, `nothing sticks out at ${width} pixels`);
      }
      assert.deepEqual(page.complaints, []);
      await page.close();
    });
});
