/** Pages that compare runs, with charts. */
import type { ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { COMPARE_STRINGS } from '../../webview/protocol/compare.js';
import type { THEMES } from './browser.js';
import { OpenPage, type Browser } from './browser.js';
import { answers } from './answerRows.js';
import { until } from './openPages.js';

export const wide = { width: 1280, height: 900 };

export async function openCompared(
  browser: Browser,
  runs: ComparedRun[],
  theme: (typeof THEMES)[number] = 'dark',
  size = wide,
  language = 'en',
): Promise<OpenPage> {
  const of = runs.map(({ id }) => id);
  const page = await OpenPage.open(browser, 'compare', theme, size, async ({ type }, opened) => {
    if (type === 'ready')
      for (const run of runs) await opened.event({ type: 'run', language, strings: COMPARE_STRINGS, of, run });
    if (type === 'openAnswers') {
      const titled = answers.map((row) => ({
        ...row,
        answers: row.answers.map((answer, i) => ({ ...answer, state: `run ${i}` })),
      }));
      await opened.event({ type: 'answers', rows: titled, total: 5000 });
    }
    return undefined;
  });
  await page.page.locator('.compared tbody tr').first().waitFor();
  await until(async () => (await page.page.locator('.chart canvas').count()) > 0, 'charts');
  return page;
}
