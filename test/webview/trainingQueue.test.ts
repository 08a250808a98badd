/** The queue in the training panel, in a browser: by mouse and by keyboard, and a row that moves keeps the focus. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TRAINING_STRINGS, type TrainingQueue } from '../../webview/protocol/training.js';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';
import { until } from './openPages.js';

describe('the queue', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  async function opened(queue: TrainingQueue) {
    const show = (opened: OpenPage): Promise<void> => {
      const training = { recipes: [], notices: [], adapters: [], queue, locked: false };
      return opened.event({ type: 'state', language: 'en', strings: TRAINING_STRINGS, training });
    };
    const page = await OpenPage.open(
      browser,
      'training',
      'dark',
      { width: 300, height: 800 },
      async (request, page) => {
        if (request.type === 'move') {
          const at = queue.runs.findIndex(({ id }) => id === request['id']);
          const [run] = queue.runs.splice(at, 1);
          queue.runs.splice(request['to'] === 'up' ? at - 1 : at + 1, 0, run!);
        }
        if (request.type === 'stopOther') queue.runs = queue.runs.filter(({ id }) => id !== request['id']);
        if (request.type === 'resumeAwaited') delete queue.runs.find(({ id }) => id === request['id'])!.awaits;
        if (request.type === 'pauseQueue') queue.paused = request['paused'] === true;
        queue.runs.filter(({ place }) => place !== undefined).forEach((run, i) => (run.place = i + 1));
        await show(page);
        return undefined;
      },
    );
    const rows = (): Promise<string[]> => page.page.locator('.queue li > span:first-child').allTextContents();
    await until(async () => (await page.page.locator('.queue').count()) === 1, 'the queue');
    const focused = (): Promise<string | null> =>
      page.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? null, undefined);
    return { page, rows, focused };
  }
  const run = (name: string, place?: number) => ({ id: `/w/${name}`, title: name, place });

  test('runs stand in their order, and are moved and taken out by keyboard', async () => {
    const { page, rows, focused } = await opened({
      runs: [run('a'), run('b', 1), run('c', 2), run('d', 3)],
      paused: false,
    });
    assert.deepEqual(await rows(), ['a', '1. b', '2. c', '3. d']);
    const named = (name: string) => page.page.locator(`vscode-button[aria-label="${name}"]`);
    assert.equal(await named('Move up: b').getAttribute('disabled'), '');
    assert.equal(await named('Move down: d').getAttribute('disabled'), '');
    await named('Move up: d').press('Enter');
    await until(async () => (await rows())[2] === '2. d', 'd before c');
    assert.equal(await focused(), 'Move up: d');
    await page.page.keyboard.press('Enter');
    await until(async () => (await rows())[1] === '1. d', 'd first');
    assert.equal(await focused(), 'Move down: d', 'it cannot go up any more');
    await named('Leave the queue: d').press('Enter');
    await until(async () => (await rows()).length === 3, 'd is gone');
    assert.equal(await focused(), 'Pause the queue');
    await named('Stop a').click();
    await until(async () => (await rows()).length === 2, 'a is gone');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a run that waits for what another one is to make says so, with the button that makes it', async () => {
    const awaits = { text: 'Waits for "x", whose run was cut off. Resume it first.', button: 'Resume x' };
    const { page, focused } = await opened({ runs: [{ ...run('b', 1), awaits }, run('c', 2)], paused: false });
    assert.deepEqual(await page.page.locator('.queue li p').allTextContents(), [awaits.text]);
    await page.page.locator('.queue li vscode-button[aria-label="Resume x"]').press('Enter');
    await until(async () => (await page.page.locator('.queue li p').count()) === 0, 'it waits like any other');
    assert.equal(await focused(), 'Pause the queue');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('it is paused and goes on; empty it is hidden, unless it is paused', async () => {
    const { page, rows } = await opened({ runs: [run('b', 1)], paused: false });
    const said = page.page.locator('.queue [role="status"]');
    assert.equal(await said.count(), 0);
    await page.page.locator('vscode-button[aria-label="Pause the queue"]').click();
    await until(async () => (await said.count()) === 1, 'what the pause means');
    await page.page.locator('vscode-button[aria-label="Leave the queue: b"]').click();
    await until(async () => (await rows()).length === 0, 'nothing waits');
    assert.equal(await page.page.locator('.queue').isVisible(), true);
    await page.page.locator('vscode-button[aria-label="Continue the queue"]').click();
    await until(async () => !(await page.page.locator('.queue').isVisible()), 'no queue');
    await page.close();
  });
});
