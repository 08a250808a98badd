/** The form of the training panel, in a browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TRAINING_STRINGS } from '../../webview/protocol/training.js';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';
import { trainingState } from './moments.js';
import { until } from './openPages.js';
import { troubledRun } from './runSnapshots.js';

describe('the form', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  /** The form in the dark theme, once it is drawn. */
  async function opened(width: number, training = trainingState(), words: object = {}): Promise<OpenPage> {
    const strings = { ...TRAINING_STRINGS, ...words };
    const form = await OpenPage.open(browser, 'training', 'dark', { width, height: 800 }, async ({ type }, page) => {
      if (type === 'ready') await page.event({ type: 'state', language: 'en', strings, training });
      return undefined;
    });
    await until(async () => (await form.page.locator('#model').count()) > 0, 'the form');
    return form;
  }

  for (const width of [200, 400])
    test(`${width} px: Start ends where the lists above it end, while nothing is known of the run`, async () => {
      const page = await opened(width);
      const end = (selector: string): Promise<number> =>
        page.page.evaluate((found) => document.querySelector(found)!.getBoundingClientRect().right, selector);
      assert.equal(await end('.form > .actions > vscode-button'), await end('#model'));
      await page.close();
    });

  for (const width of [200, 220, 240, 260])
    test(`${width} px: Start keeps its word on one line, whatever stands beside it`, async () => {
      const training = trainingState();
      training.form!.expected = { text: 'environ 43 min · 0,27 Go', details: '', fits: true };
      const page = await opened(width, training, { start: 'Démarrer' });
      const lines = await page.page.evaluate((selector) => {
        const range = document.createRange();
        range.selectNodeContents(document.querySelector(selector)!);
        return range.getClientRects().length;
      }, '.form > .actions > vscode-button');
      assert.equal(lines, 1);
      await page.close();
    });

  test('the error of a run is read out once, however often the run is shown', async () => {
    const training = trainingState();
    const page = await OpenPage.open(
      browser,
      'training',
      'dark',
      { width: 400, height: 800 },
      async ({ type }, opened) => {
        if (type !== 'ready') return undefined;
        await opened.event({ type: 'state', language: 'en', strings: TRAINING_STRINGS, training });
        await opened.event({ type: 'run', run: troubledRun() });
        return undefined;
      },
    );
    const alerts = page.page.locator('.current .notice.error');
    await until(async () => (await alerts.count()) === 1, 'the error');
    await page.page.evaluate(() => document.querySelector('.current .notice.error')!.setAttribute('data-known', ''), undefined); // oxfmt-ignore
    const again = { ...troubledRun(), title: 'shown again' };
    await page.event({ type: 'run', run: again });
    await until(async () => (await page.page.locator('.current h1').textContent()) === again.title, 'another state');
    assert.equal(await page.page.locator('.current .notice.error[data-known]').count(), 1, 'the same alert');
    await page.close();
  });

  test('of a list that arrow keys pass only the entry where they rest is chosen', async () => {
    const asked: { type: string; key?: string; value?: string }[] = [];
    const training = trainingState();
    const choices = ['a', 'b', 'c'].map((value) => ({ value, label: value }));
    Object.assign(training.form!.fields.data, { choices, value: 'a' });
    const page = await OpenPage.open(
      browser,
      'training',
      'dark',
      { width: 400, height: 800 },
      async (request, opened) => {
        asked.push(request);
        if (request.type === 'ready')
          await opened.event({ type: 'state', language: 'en', strings: TRAINING_STRINGS, training });
        return undefined;
      },
    );
    await until(async () => (await page.page.locator('#data').count()) > 0, 'the form');
    await page.page.evaluate((id) => document.querySelector<HTMLElement>(id)!.focus(), '#data');
    for (let i = 0; i < 2; i++) await page.page.keyboard.press('ArrowDown');
    const chosen = () => asked.filter(({ type }) => type === 'choose');
    await until(async () => chosen().length > 0, 'a choice');
    assert.deepEqual(
      chosen().map(({ key, value }) => [key, value]),
      [['data', 'c']],
    );
    await page.close();
  });
});
