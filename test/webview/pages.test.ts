/** The run page and the chat page in a browser, in every theme and at every width. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missing, THEMES, type OpenPage } from './browser.js';
import { allAttached, chatState, laterColumns } from './chatStates.js';
import { usePages } from './openPages.js';
import { emptyRun, protectedRun, troubledRun, twoJudges, vectorRun } from './runSnapshots.js';

describe('pages in a browser', { skip: missing }, () => {
  const { openRun, openChat } = usePages();

  const moments: Record<string, () => Promise<OpenPage>> = {
    'run-done': async () => {
      const page = await openRun(protectedRun(108));
      await page.page.locator('.actions vscode-button').first().click();
      await page.page.locator('.side-by-side').waitFor();
      return page;
    },
    'run-trouble': () => openRun(troubledRun()),
    'run-empty': () => openRun(emptyRun()),
    'run-vector': () => openRun(vectorRun()),
    'chat-danger': () => openChat(chatState({ adapters: allAttached })),
    'chat-states': () => openChat(laterColumns()),
    'chat-error': () => openChat(chatState({ error: { kind: 'input', message: 'no tokenizer.' }, rounds: [] })),
  };
  for (const [name, open] of Object.entries(moments))
    test(`${name}: every text has a contrast of 4.5 : 1 in each theme`, async () => {
      const page = await open();
      assert.notDeepEqual(await page.check('lowContrast', 21), [], 'the check finds nothing at all');
      for (const theme of THEMES) {
        await page.theme(theme);
        await sleep(60);
        await page.picture(`${name}-${theme}`);
        assert.deepEqual(await page.check('lowContrast', 4.5), [], theme);
      }
      await page.close();
    });

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
