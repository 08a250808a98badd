/** The form of the training panel, in a browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TRAINING_STRINGS } from '../../webview/protocol/training.js';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';
import { trainingState } from './moments.js';
import { until } from './openPages.js';

describe('the form', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  for (const width of [200, 400])
    test(`${width} px: Start ends where the lists above it end, while nothing is known of the run`, async () => {
      const page = await OpenPage.open(
        browser,
        'training',
        'dark',
        { width, height: 800 },
        async ({ type }, opened) => {
          const training = trainingState();
          if (type === 'ready')
            await opened.event({ type: 'state', language: 'en', strings: TRAINING_STRINGS, training });
          return undefined;
        },
      );
      const end = (selector: string): Promise<number> =>
        page.page.evaluate((found) => document.querySelector(found)!.getBoundingClientRect().right, selector);
      await until(async () => (await page.page.locator('#model').count()) > 0, 'the form');
      assert.equal(await end('.form > .actions > vscode-button'), await end('#model'));
      await page.close();
    });
});
