/** Above a chart stand what it shows and in which unit; in no language does one leave the other a column of words. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing, startBrowser, type Browser } from './browser.js';
import { openMoment } from './moments.js';

describe('the heads of charts', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  test('de: in the narrowest side bar the words below them, as long as they are, are within it', async () => {
    const bundle = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../l10n/bundle.l10n.de.json'), 'utf8'),
    ) as Record<string, string>;
    const page = await openMoment(browser, 'training-going', {
      size: { width: 167, height: 800 },
      language: 'de',
      words: (strings) => Object.fromEntries(Object.entries(strings).map(([key, text]) => [key, bundle[text] ?? text])),
    });
    await page.drawn();
    assert.equal(await page.check('overflow'), 0);
    await page.close();
  });

  for (const language of ['de', 'fr'])
    test(`${language}: no unit has more lines than the title beside it, or two`, async () => {
      const file = join(import.meta.dirname, `../../l10n/bundle.l10n.${language}.json`);
      const bundle = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
      const words = (strings: Record<string, string>): Record<string, string> =>
        Object.fromEntries(Object.entries(strings).map(([name, text]) => [name, bundle[text] ?? text]));
      for (const moment of ['run-vector', 'run-done'] as const) {
        const page = await openMoment(browser, moment, { language, words });
        for (const width of [1280, 1000, 620]) {
          await page.page.setViewportSize({ width, height: 800 });
          const narrow = await page.page.evaluate(() => {
            const linesOf = (one: Element): number =>
              Math.round(one.getBoundingClientRect().height / parseFloat(getComputedStyle(one).lineHeight));
            return [...document.querySelectorAll('.chart > header')].flatMap((head) => {
              const [title, unit] = [head.querySelector('h2')!, head.querySelector('.unit')!];
              const lines = [linesOf(title), linesOf(unit)] as const;
              return lines[1] > Math.max(2, lines[0]) ? [`${title.textContent}, ${unit.textContent}: ${lines.join()}`] : []; // oxfmt-ignore
            });
          }, undefined);
          assert.deepEqual(narrow, [], `${moment}, ${width}`);
        }
        await page.close();
      }
    });
});
