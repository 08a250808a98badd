/** A report on paper, printed by a real browser. */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { renderReport } from '../../runtime/evaluation/report/report.js';
import { plainRun, protectedRun } from '../evaluation/reportRuns.js';
import { missing, startBrowser, type Browser } from './browser.js';

const folder = join(import.meta.dirname, '../../out/pages');

describe('a printed report', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
    await mkdir(folder, { recursive: true });
  });
  after(() => browser.close());

  for (const [name, runs] of Object.entries({ one: [protectedRun()], two: [plainRun(), protectedRun()] }))
    test(`of ${name}: two pages of A4, the verdict first, how it was made in small type`, async () => {
      const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
      await page.setContent(renderReport({ runs }));
      const path = join(folder, `report-${name}.pdf`);
      await page.pdf({ path, preferCSSPageSize: true });
      const pdf = await readFile(path, 'latin1');
      assert.equal(pdf.match(/\/Type\s*\/Page\b/g)?.length, 2);
      for (const [, width, height] of pdf.matchAll(/\/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]/g))
        assert.deepEqual([Math.round(Number(width)), Math.round(Number(height))], [595, 842]);
      await page.emulateMedia({ media: 'print' });
      const seen = await page.evaluate(
        (selectors) => ({
          order: selectors.map((selector) => document.querySelector(selector)!.getBoundingClientRect().top),
          sizes: selectors.map((selector) => parseFloat(getComputedStyle(document.querySelector(selector)!).fontSize)),
          folded: [...document.querySelectorAll('details')].filter((one) => one.checkVisibility()).length,
          ground: getComputedStyle(document.body).backgroundColor,
        }),
        ['.verdict', '.results', '.charts', '.answers', '.methods'],
      );
      assert.deepEqual(
        seen.order,
        seen.order.toSorted((a, b) => a - b),
      );
      assert.ok(seen.sizes[4]! < 0.8 * seen.sizes[0]!);
      assert.equal(seen.folded, 0);
      assert.equal(seen.ground, 'rgb(255, 255, 255)');
      await page.close();
    });
});
