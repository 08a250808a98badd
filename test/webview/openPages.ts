/** The run page and the chat page, opened by a host of a few lines. */
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHAT_STRINGS } from '../../webview/protocol/chat.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { answersOf } from './answerRows.js';
import { OpenPage, startBrowser, type Browser, type Theme } from './browser.js';

type Answer = Parameters<typeof OpenPage.open>[4];
export const wide = { width: 1280, height: 800 };

/** On a loaded machine, too. */
const PATIENCE_SECONDS = 20;

export async function until(true_: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 1000 * PATIENCE_SECONDS; !(await true_()); await sleep(20))
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_SECONDS} s: ${what}`);
}

export const text = async (page: OpenPage, selector: string) =>
  (await page.page.locator(selector).first().textContent()) ?? '';

/** Starts a browser for the tests of a suite. */
export function usePages() {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  async function openRun(
    run: object,
    theme: Theme = 'dark',
    size = wide,
    answer: Answer = () => undefined,
  ): Promise<OpenPage> {
    const page = await OpenPage.open(browser, 'run', theme, size, async (request, opened) => {
      if (request.type === 'ready') await opened.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
      if (request.type === 'openAnswers') await opened.event(answersOf(undefined, false, true));
      return answer(request, opened);
    });
    await page.page.locator('h1').waitFor();
    return page;
  }

  async function openChat(
    chat: object,
    theme: Theme = 'dark',
    size = { width: 700, height: 640 },
    answer: Answer = () => undefined,
  ) {
    const page = await OpenPage.open(browser, 'chat', theme, size, async (request, opened) => {
      if (request.type === 'ready') await opened.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat });
      return answer(request, opened);
    });
    await page.page.locator('h1').waitFor();
    return page;
  }

  return { openRun, openChat };
}
