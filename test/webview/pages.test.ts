/** The run page and the chat page in a browser, at every width. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missing } from './browser.js';
import { chatState } from './chatStates.js';
import { usePages } from './openPages.js';
import { protectedRun, twoJudges } from './runSnapshots.js';

describe('pages in a browser', { skip: missing }, () => {
  const { openRun, openChat } = usePages();

  test('at no width anything sticks out sideways', async () => {
    const size = { width: 300, height: 800 };
    const page = await openRun(protectedRun(108, { measurements: twoJudges }), 'light', size);
    await page.page.locator('.actions vscode-button').first().click();
    await page.page.locator('.side-by-side').waitFor();
    const chat = await openChat(chatState(), 'light', size);
    // as they open, and made wider and narrower
    for (const width of [300, 1400, 1000, 620])
      for (const [name, opened] of Object.entries({ run: page, chat })) {
        await opened.page.setViewportSize({ ...size, width });
        await opened.drawn();
        assert.equal(await opened.check('overflow'), 0, `${name} at ${width} pixels`);
        await opened.picture(`${name}-light-${width}`);
      }
    await page.close();
    await chat.close();
  });
});
