/** The run page and the chat page in a browser, at every width. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missing } from './browser.js';
import { chatState } from './chatStates.js';
import { usePages } from './openPages.js';
import { protectedRun, twoJudges } from './runSnapshots.js';

describe('pages in a browser', { skip: missing }, () => {
  const { openRun, openChat } = usePages();

  for (const width of [300, 620, 1000, 1400])
    test(`at ${width} pixels nothing sticks out sideways`, async () => {
      const size = { width, height: 800 };
      const page = await openRun(protectedRun(108, { measurements: twoJudges }), 'light', size);
      await page.page.locator('.actions vscode-button').first().click();
      await page.page.locator('.side-by-side').waitFor();
      assert.equal(await page.check('overflow'), 0);
      await page.picture(`run-done-light-${width}`);
      await page.close();
      const chat = await openChat(chatState(), 'light', size);
      assert.equal(await chat.check('overflow'), 0);
      await chat.close();
    });
});
