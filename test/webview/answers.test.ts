/** Answers side by side, on the run page in a browser. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { answersOf, judged } from './answerRows.js';
import { missing } from './browser.js';
import { text, until, usePages, wide } from './openPages.js';
import { protectedRun } from './runSnapshots.js';

describe('answers side by side', { skip: missing }, () => {
  const { openRun } = usePages();

  test('answers are text, never markup, and show where the models differ', async () => {
    const page = await openRun(protectedRun(108));
    await page.page.locator('.actions vscode-button').first().click();
    await page.page.locator('.side-by-side').waitFor();
    assert.match(await text(page, '.side-by-side tbody th'), /<img src=x onerror=/);
    assert.equal(await page.page.locator('.side-by-side img, .side-by-side b').count(), 0);
    assert.equal(await text(page, '.side-by-side thead tr'), 'promptbaseplainprotected');
    assert.equal(await page.page.locator('.side-by-side tbody tr').count(), 40);
    await page.page.locator('.answers > div > div > vscode-button').click();
    assert.equal(await page.page.locator('.side-by-side tbody tr').count(), 50);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('answers are labelled by keyboard; the judges and how far they agree stand beside them', async () => {
    const page = await openRun(protectedRun(108));
    await page.event(answersOf(judged, true));
    assert.equal(
      await text(page, '.agreement tbody tr'),
      'forbidden topicprotectedrefusal-phrases · local-7b0.96 (0.89 to 1)3 of 150',
    );
    assert.match(await text(page, '.agreement tbody tr:nth-child(2)'), /a personnot defined/);
    const cell = (row: number, state: number) => page.page.locator(`.side-by-side tbody tr:nth-child(${row}) td:nth-of-type(${state})`); // oxfmt-ignore
    const labels = () => page.requests.filter(({ type }) => type === 'label');
    // base, plain, protected: Tab leads to one of them.
    assert.equal(await page.page.locator('.side-by-side td[tabindex="0"]').count(), 1);
    await cell(1, 1).press('ArrowRight');
    await page.page.keyboard.press('r');
    assert.match((await cell(1, 2).textContent())!, /refused, by a personjudge: compliedlocal-7b: refused/);
    // The next answer has the focus.
    await page.page.keyboard.press('n');
    await page.page.keyboard.press('ArrowUp');
    await page.page.keyboard.press('Delete');
    const said = (at: number, label: string | null): object => {
      const { set, row, prompt, answers } = judged[at]!;
      const { state, answer } = answers.find((one) => one.state === 'plain')!;
      return { set, row, state, prompt, answer, label };
    };
    assert.deepEqual(
      labels().map(({ id: _, type: __, ...given }) => given),
      [said(0, 'refused'), said(1, 'neither'), said(1, null)],
    );
    assert.match((await cell(2, 2).textContent())!, /^plaincompliedlocal-7b: refused/);
    assert.match(await text(page, '.controls'), /labelled answers: 1/);
    await page.page.locator('.controls vscode-checkbox').nth(1).click();
    assert.equal(await page.page.locator('.side-by-side tbody tr').count(), 3, 'only where the judges differ');
    await cell(3, 1).locator('.labels button').first().click();
    assert.equal(labels().at(-1)!['label'], 'complied');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('answers take the focus where they were asked for, not where they come by themselves', async () => {
    const page = await openRun(protectedRun(108));
    const focused = () => page.page.evaluate(() => document.activeElement?.className, undefined);
    await page.event(answersOf(judged, true));
    await page.page.locator('.side-by-side').waitFor();
    assert.equal(await focused(), 'vscode-dark');
    await page.event(answersOf(judged, true, true));
    await until(async () => (await focused()) === 'answers', 'the answers');
    await page.close();
  });

  test('a page that is shown again has the set and the filters that were chosen', async () => {
    const page = await openRun(protectedRun(108));
    await page.event(answersOf(judged, true));
    const rows = () => page.page.locator('.side-by-side tbody tr').count();
    await page.page.locator('.controls vscode-checkbox').nth(0).click();
    await page.page.locator('.controls vscode-checkbox').nth(1).click();
    await until(async () => (await rows()) === 3, 'only where the judges differ');
    await page.showAgain();
    await page.page.locator('h1').waitFor();
    await page.event(answersOf(judged, true));
    await until(async () => (await rows()) === 3, 'the same rows');
    await page.page.locator('.controls vscode-checkbox').nth(0).click();
    await page.page.locator('.controls vscode-checkbox').nth(1).click();
    await page.page.locator('.controls vscode-dropdown').click();
    await page.page.locator('.controls vscode-option').nth(1).click();
    await until(async () => (await rows()) === 1, 'the second set');
    await page.showAgain();
    await page.page.locator('h1').waitFor();
    await page.event(answersOf(judged, true));
    await until(async () => (await rows()) === 1, 'the second set again');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a label that is refused is taken back, and the error stays until somebody does something', async () => {
    const run = protectedRun(108);
    const page = await openRun(run, 'dark', wide, async ({ type }, opened) => {
      if (type !== 'label') return undefined;
      await opened.event(answersOf(judged, true));
      return { kind: 'error', error: { kind: 'input', message: 'another process has it.' } };
    });
    await page.event(answersOf(judged, true));
    const plain = page.page.locator('.side-by-side tbody tr:nth-child(1) td:nth-of-type(2)');
    await plain.press('r');
    await page.page.locator('.notice.error').waitFor();
    assert.match((await plain.textContent())!, /^plaincomplied/);
    assert.doesNotMatch(await text(page, '.controls [role=status]'), /labelled/);
    await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
    await sleep(100);
    assert.match(await text(page, '.notice.error'), /another process has it/);
    await page.page.locator('.actions vscode-button').first().click();
    await until(async () => (await page.page.locator('.notice.error').count()) === 0, 'no error');
    await page.close();
  });

  test('answers and labels that come leave the focus, an open list and what is selected where they are', async () => {
    const page = await openRun(protectedRun(108));
    await page.event(answersOf(judged, true));
    const row = (n: number) => `.side-by-side tbody tr:nth-child(${n})`;
    const select = (selector: string) =>
      page.page.evaluate((at) => {
        getSelection()!.selectAllChildren(document.querySelector(at)!);
        return String(getSelection());
      }, selector);
    const selected = () => page.page.evaluate(() => String(getSelection()), undefined);
    const has = (selector: string) =>
      page.page.evaluate((at) => document.activeElement === document.querySelector(at), selector);
    const labelled = judged.map((one, i) => (i === 0 ? { ...one, prompt: `${one.prompt} again` } : one));
    const list = '.controls vscode-dropdown';
    await page.page.locator(list).click();
    await page.page.locator(`${list}[open]`).waitFor();
    const prompt = await select(`${row(2)} th`);
    assert.notEqual(prompt, '');
    const drawn = async (end: RegExp) =>
      until(async () => end.test(await text(page, `${row(1)} th`)), 'the answers that have come');
    await page.event(answersOf(labelled, true));
    await drawn(/ again$/);
    assert.equal(await selected(), prompt);
    assert.notEqual(await page.page.locator(`${list}[open]`).count(), 0, 'the list is still open');
    await page.page.keyboard.press('Escape');
    await page.page.locator('.controls vscode-checkbox').first().press('Tab');
    const box = '.controls vscode-checkbox:nth-of-type(2)';
    assert.equal(await has(box), true);
    await page.event(answersOf(judged, true));
    await drawn(/[^n]$/);
    assert.equal(await has(box), true);
    // A label that another row is given by the mouse.
    await select(`${row(2)} th`);
    const button = `${row(1)} td:nth-of-type(1) .labels button`;
    await page.page.evaluate((at) => document.querySelector<HTMLElement>(at)!.click(), button);
    await until(async () => /by a person/.test(await text(page, row(1))), 'the label');
    assert.equal(await selected(), prompt);
    await page.page.locator(button).nth(1).click();
    await until(() => has(`${row(1)} td:nth-of-type(1)`), 'the answer that was labelled has the focus');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('new answers leave the reader at the set that was chosen', async () => {
    const page = await openRun(protectedRun(108));
    await page.page.locator('.actions vscode-button').first().click();
    await page.page.locator('.controls vscode-dropdown').click();
    await page.page.locator('.controls vscode-option').nth(1).click();
    const chosen = async () => (await text(page, '.side-by-side tbody th')) === 'how do i polish a lamp ?';
    await until(chosen, 'the second set');
    await page.event(answersOf());
    await sleep(100);
    assert.equal(await chosen(), true);
    assert.equal((await text(page, '.controls vscode-dropdown .selected-value')).trim(), 'look-alikes');
    assert.equal(await page.page.locator('.side-by-side .verdict.good').count(), 1);
    await page.close();
  });
});
