/** What a pressed button takes away, or is taken away with, leaves the focus where one goes on: in a browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fill } from '../../runtime/contract/format.js';
import { CHAT_STRINGS } from '../../webview/protocol/chat.js';
import { COMPARE_STRINGS } from '../../webview/protocol/compare.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { TRAINING_STRINGS, type TrainingNotice } from '../../webview/protocol/training.js';
import { answers } from './answerRows.js';
import { missing, OpenPage, startBrowser, type Browser, type Page, type PageName } from './browser.js';
import { openCompared } from './comparedPages.js';
import { sweep } from './comparedRuns.js';
import { trainingState } from './moments.js';
import { until } from './openPages.js';
import { chatState } from './chatStates.js';
import { protectedRun } from './runSnapshots.js';

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const at = document.activeElement;
    return (at?.getAttribute('aria-label') ?? at?.textContent ?? '').trim();
  }, undefined);

describe('the focus', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());
  const opening = (name: PageName, answer: Parameters<typeof OpenPage.open>[4]): Promise<OpenPage> =>
    OpenPage.open(browser, name, 'dark', { width: name === 'training' ? 400 : 1280, height: 800 }, answer);

  test('a row that results are compared with is looked for by keyboard, one after the other', async () => {
    const page = await openCompared(browser, [sweep(0), sweep(1), sweep(2)]);
    const list = page.page.locator('vscode-dropdown[aria-label="Differences to"]');
    const chosen = async () => (await list.locator('.selected-value').allTextContents()).join('').trim();
    const first = await chosen();
    await list.press('ArrowDown');
    await until(async () => (await chosen()) !== first, 'the next row');
    const second = await chosen();
    await until(async () => (await page.page.locator('.compared .delta').count()) > 0, 'drawn');
    assert.equal(await focused(page.page), 'Differences to');
    await page.page.keyboard.press('ArrowDown');
    await until(async () => (await chosen()) !== second, 'the row after that');
    await page.close();
  });

  test('a vector that is detached in its warning leaves the focus on its box', async () => {
    const { adapters } = chatState();
    const attached = (on: boolean) => adapters.map((one) => (one.role === 'security' ? { ...one, attached: on } : one));
    const show = (opened: OpenPage, on: boolean): Promise<void> =>
      opened.event({
        type: 'state',
        language: 'en',
        strings: CHAT_STRINGS,
        chat: chatState({ adapters: attached(on) }),
      });
    const page = await opening('chat', async ({ type }, opened) => {
      if (type === 'ready') await show(opened, true);
      if (type === 'toggleAdapter') await show(opened, false);
      return undefined;
    });
    const detach = page.page.locator('.notice.danger vscode-button').first();
    await until(async () => (await detach.count()) === 1, 'the warning');
    await detach.press('Enter');
    await until(async () => (await page.page.locator('.notice.danger').count()) === 0, 'detached');
    assert.match(await focused(page.page), /^forbidden-topic/);
    await page.close();
  });

  test('a notice that is dealt with leaves the focus on what is offered next, else on the list of recipes', async () => {
    const offer = (action: 'useReview' | 'leaveReview', label: string): TrainingNotice => ({
      text: 'A review.',
      buttons: [{ action, label }],
    });
    const notices = [[offer('useReview', 'Use the review')], [offer('leaveReview', 'Leave it')], []];
    const show = (opened: OpenPage): Promise<void> => {
      const training = trainingState({ notices: notices.shift() });
      return opened.event({ type: 'state', language: 'en', strings: TRAINING_STRINGS, training });
    };
    const page = await opening('training', async ({ type }, opened) => {
      if (type === 'ready' || type === 'act') await show(opened);
      return undefined;
    });
    const named = (label: string) => page.page.locator(`vscode-button[aria-label="${label}"]`);
    await until(async () => (await named('Use the review').count()) === 1, 'the notice');
    await named('Use the review').press('Enter');
    await until(async () => (await named('Leave it').count()) === 1, 'the next notice');
    assert.equal(await focused(page.page), 'Leave it');
    await page.page.keyboard.press('Enter');
    await until(async () => (await page.page.locator('.notice[role=status]').count()) === 0, 'no notice');
    assert.equal(await page.page.evaluate(() => document.activeElement?.id, undefined), 'recipe');
    await page.close();
  });

  test('Stop, pressed by keyboard, keeps the focus until the run has stopped, and Resume has it then', async () => {
    const run = { ...protectedRun(62), canStop: true };
    const show = (opened: OpenPage, more: object): Promise<void> =>
      opened.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run: { ...run, ...more } });
    const page = await opening('run', async ({ type }, opened) => {
      if (type === 'ready') await show(opened, {});
      if (type === 'stop') await show(opened, { progress: { ...run.progress, isStopping: true } });
      return undefined;
    });
    const stop = page.page.locator('header.run vscode-button').first();
    await until(async () => (await stop.count()) === 1, 'the run');
    await stop.press('Enter');
    await until(async () => (await stop.textContent()) === RUN_STRINGS.endNow, 'stopping');
    await page.drawn();
    assert.equal(await focused(page.page), RUN_STRINGS.endNow);
    await show(page, { canStop: false, canResume: true });
    await until(async () => (await focused(page.page)) === 'Resume', 'stopped');
    await page.close();
  });

  test('Start, pressed by keyboard, keeps the focus and has no further effect while the run goes on', async () => {
    const show = (opened: OpenPage, canStart: boolean): Promise<void> => {
      const training = trainingState();
      training.form!.canStart = canStart;
      return opened.event({ type: 'state', language: 'en', strings: TRAINING_STRINGS, training });
    };
    const page = await opening('training', async ({ type }, opened) => {
      if (type === 'ready') await show(opened, true);
      if (type === 'start') {
        await show(opened, false);
        await opened.event({ type: 'run', run: { ...protectedRun(1), canStop: true } });
      }
      return undefined;
    });
    const start = page.page.locator('.form > .actions > vscode-button');
    await until(async () => (await start.count()) === 1, 'the form');
    await start.press('Enter');
    await until(() => page.page.locator('.current h1').isVisible(), 'the run');
    await page.drawn();
    assert.equal(await focused(page.page), 'Start');
    await until(async () => (await start.locator('button').getAttribute('aria-disabled')) === 'true', 'greyed out');
    await page.page.keyboard.press('Enter');
    await page.drawn();
    assert.equal(page.requests.filter(({ type }) => type === 'start').length, 1);
    await show(page, true);
    await until(async () => (await start.getAttribute('aria-disabled')) === null, 'it is over');
    assert.equal(await focused(page.page), 'Start');
    await page.close();
  });

  test('what a vector says of an answer leaves the focus on the button below the answer', async () => {
    const [, last] = chatState().rounds;
    const show = (opened: OpenPage, share?: number): Promise<void> => {
      const [first, ...others] = last!.answers;
      const explained = share === undefined ? undefined : { vector: 'forbidden-topic', share, unjudged: null };
      const rounds = [{ ...last!, answers: [{ ...first!, explained }, ...others] }];
      return opened.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat: chatState({ rounds }) });
    };
    const page = await opening('chat', async ({ type }, opened) => void (type === 'ready' && (await show(opened))));
    const add = page.page.locator('.below vscode-button').nth(1);
    await until(async () => (await add.count()) === 1, 'the answers');
    await add.press('Enter');
    const before = await focused(page.page);
    assert.match(before, /plain/);
    await show(page, 0.25);
    await until(async () => (await page.page.locator('.explained').allTextContents()).join().includes('25'), 'said');
    assert.equal(await focused(page.page), before);
    await page.close();
  });

  test('New chat, pressed by keyboard, keeps the focus', async () => {
    const show = (opened: OpenPage, more: object = {}): Promise<void> =>
      opened.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat: chatState(more) });
    const page = await opening('chat', async ({ type }, opened) => {
      if (type === 'ready') await show(opened);
      if (type === 'clear') await show(opened, { rounds: [] });
      return undefined;
    });
    const clear = page.page.locator('header vscode-button');
    await until(async () => (await clear.count()) === 1, 'the chat');
    await clear.press('Enter');
    await until(async () => (await page.page.locator('.round').count()) === 0, 'a new one');
    await page.drawn();
    assert.equal(await focused(page.page), CHAT_STRINGS.clear);
    await page.close();
  });

  test('further answers are shown by keyboard, one page after the other, to the last', async () => {
    const rows = Array.from({ length: 100 }, (_, row) => ({ ...answers[0]!, row }));
    const page = await opening('run', async ({ type }, opened) => {
      if (type !== 'ready') return undefined;
      await opened.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run: protectedRun(108) });
      await opened.event({ type: 'answers', rows, agreements: [], canLabel: false, reveal: false });
      return undefined;
    });
    const shown = () => page.page.locator('.side-by-side tbody tr').count();
    await until(async () => (await shown()) === 40, 'the first');
    await page.page.locator('.answers vscode-button[aria-label*="40"]').press('Enter');
    await until(async () => (await shown()) === 80, 'the next');
    assert.equal(await focused(page.page), fill(RUN_STRINGS.answersMore, '20'));
    await page.page.keyboard.press('Enter');
    await until(async () => (await shown()) === 100, 'all');
    assert.equal(await page.page.evaluate(() => document.activeElement?.className, undefined), 'answers');
    await page.close();
  });

  test('the button for the whole range, which goes when it is pressed, leaves the focus beside it', async () => {
    const page = await openCompared(browser, [sweep(0), sweep(1)]);
    await page.page.locator('canvas').first().press('+');
    const whole = page.page.locator('vscode-button[aria-label="Whole range"]');
    await until(() => whole.isVisible(), 'a part of the range');
    await whole.press('Enter');
    await until(async () => !(await whole.isVisible()), 'the whole range');
    assert.equal(await focused(page.page), 'Log scale');
    await page.close();
  });

  test('a table that is drawn anew, as a run has another name or result, leaves the focus on the head of its column', async () => {
    const runs = [sweep(0), sweep(1)];
    const page = await openCompared(browser, runs);
    const head = page.page.locator('.compared thead button').nth(2);
    await head.press('Enter');
    const before = await focused(page.page);
    const of = runs.map(({ id }) => id);
    const run = { ...runs[1]!, title: 'renamed' };
    await page.event({ type: 'run', language: 'en', strings: COMPARE_STRINGS, of, run });
    const rows = page.page.locator('.compared tbody th');
    await until(async () => (await rows.allTextContents()).includes('renamed'), 'another name');
    assert.equal(await focused(page.page), before);
    await page.close();
  });
});
