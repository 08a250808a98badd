/** The chat page in a browser: a box shows what the host holds true, also where the person is asked and says no. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';
import { CHAT_STRINGS, type ChatState } from '../../webview/protocol/chat.js';

const column = { details: '', attached: false, danger: false, unread: false };
const chat: ChatState = {
  id: '/w/tiny',
  model: { name: 'tiny', path: '/w/tiny' },
  adapters: [
    { path: '/w/colours', name: 'colours', role: 'task', attached: true },
    { path: '/w/zorb', name: 'zorb', role: 'security', attached: false },
    { path: '/w/lost', name: 'lost', role: null, attached: true },
  ],
  columns: [
    { ...column, id: 'base', name: 'base', attached: true, shown: true },
    { ...column, id: 'vector', name: 'vector on', danger: true, shown: false },
    { ...column, id: 'gone', name: 'lost', unread: true, shown: false },
  ],
  rounds: [],
  busy: false,
  chatTemplate: true,
};

describe('boxes of the chat', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  test('what stands behind a name is a word of its own, also for those who hear it', async () => {
    const page = await OpenPage.open(
      browser,
      'chat',
      'dark',
      { width: 1280, height: 800 },
      async ({ type }, opened) => {
        if (type === 'ready') await opened.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat });
        return undefined;
      },
    );
    await page.page.locator('h1').waitFor();
    assert.deepEqual(await page.page.locator('.adapters vscode-checkbox').allTextContents(), [
      ...['base attached', 'vector on security vector on', 'lost cannot be read'],
      ...['colours task', 'zorb security vector', 'lost cannot be read'],
    ]);
    await page.close();
  });

  test('however many boxes there are, the answers and the field for a question are in the window', async () => {
    const many = Array.from({ length: 30 }, (_, i) => ({
      path: `/w/${i}`,
      name: `an-adapter-with-a-long-name-and-the-seed-${i}`,
      role: 'task' as const,
      attached: false,
    }));
    const columns = many.map(({ path, name }) => ({ ...column, id: path, name, shown: false }));
    const page = await OpenPage.open(browser, 'chat', 'dark', { width: 560, height: 640 }, async ({ type }, opened) => {
      const full = { ...chat, adapters: many, columns };
      if (type === 'ready') await opened.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat: full });
      return undefined;
    });
    await page.page.locator('h1').waitFor();
    const bottom = await page.page.evaluate(
      (form) => document.querySelector(form)!.getBoundingClientRect().bottom,
      'form',
    );
    assert.ok(bottom <= 640, `it ends at ${bottom} px`);
    await page.close();
  });

  test('a box whose question was cancelled is not ticked', async () => {
    const page = await OpenPage.open(
      browser,
      'chat',
      'dark',
      { width: 1280, height: 800 },
      async ({ type }, opened) => {
        if (type !== 'ready') return { kind: 'cancelled' };
        await opened.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat });
        return undefined;
      },
    );
    await page.page.locator('h1').waitFor();
    for (const [boxes, type] of [
      ['.adapters:not(.columns) vscode-checkbox', 'toggleAdapter'],
      ['.columns vscode-checkbox', 'showColumn'],
    ] as const) {
      const all = page.page.locator(boxes);
      // not its attributes, which follow in a turn of their own
      const checked = (): Promise<boolean[]> =>
        page.page.evaluate(
          (boxes) => [...document.querySelectorAll<HTMLInputElement>(boxes)].map((box) => box.checked),
          boxes,
        );
      const before = await checked();
      await all.nth(before.indexOf(false)).click();
      for (let i = 0; i < 1500 && page.requests.at(-1)?.type !== type; i++) await sleep(20);
      assert.equal(page.requests.at(-1)?.type, type);
      for (let i = 0; i < 1500 && String(await checked()) !== String(before); i++) await sleep(20);
      assert.deepEqual(await checked(), before, type);
    }
    assert.equal(await page.page.locator('.notice.error').count(), 0);
    await page.close();
  });
});
