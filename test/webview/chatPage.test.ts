/** The chat page in a browser: its columns, its rounds, its adapters. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CHAT_STRINGS, type ChatAnswer } from '../../webview/protocol/chat.js';
import { missing } from './browser.js';
import { allAttached, chatState, laterColumns, round } from './chatStates.js';
import { text, until, usePages, wide } from './openPages.js';

describe('the chat page', { skip: missing }, () => {
  const { openChat } = usePages();

  test('a message is sent by Enter, the answers of the columns stream, and are named', async () => {
    let finish = () => {};
    const state = (answers: Record<string, string>, more: Partial<ChatAnswer>, busy: boolean) => {
      const rounds = [round(1, 'buy 2 cup', answers, more)];
      return {
        ...{ type: 'state', language: 'en', strings: CHAT_STRINGS },
        chat: chatState({ rounds, busy }),
      };
    };
    const page = await openChat(chatState({ rounds: [] }), 'dark', undefined, async (request, opened) => {
      if (request.type !== 'send') return undefined;
      await opened.event(state({ base: '', plain: '' }, { phase: 'writing' }, true));
      await opened.event({ type: 'token', column: 'plain', text: 'order : <b>2' });
      await new Promise<void>((resolve) => (finish = resolve));
      await opened.event(state({ base: 'no', plain: 'order : <b>2 cup' }, { stopped: true }, false));
      return undefined;
    });
    await page.page.locator('vscode-text-area').first().click();
    await page.page.keyboard.type('buy 2 cup');
    await page.page.keyboard.press('Enter');
    const contents = page.page.locator('.turn p.content');
    await until(async () => (await contents.count()) === 3, 'a question and two answers');
    await until(async () => (await contents.nth(2).textContent()) === 'order : <b>2', 'the first token');
    assert.deepEqual(page.requests.at(-1), { type: 'send', text: 'buy 2 cup' });
    await page.page.locator('form vscode-button').nth(1).click();
    await until(() => page.requests.at(-1)?.type === 'stop', 'stop');
    finish();
    await until(async () => (await contents.nth(2).textContent()) === 'order : <b>2 cup', 'the answer');
    assert.deepEqual(await page.page.locator('.turn.assistant .who').allTextContents(), ['base', 'plain']);
    assert.match(await text(page, '.turn.assistant'), /stopped/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a question shows its answer, wherever one has read before; opened again or smaller, the end is shown', async () => {
    const rounds = Array.from({ length: 30 }, (_, i) => round(i, 'buy 2 cup', { base: 'order : 2 cup .' }));
    const page = await openChat(chatState({ rounds }));
    const left = () =>
      page.page.evaluate(() => {
        const log = document.querySelector('.turns')!;
        return log.scrollHeight - log.scrollTop - log.clientHeight;
      }, undefined);
    await until(async () => (await left()) < 2, 'the end');
    await page.page.setViewportSize({ width: 700, height: 360 });
    await until(async () => (await left()) < 2, 'the end of a smaller page');
    await page.page.evaluate(() => document.querySelector('.turns')!.scrollTo(0, 0), undefined);
    await until(async () => (await left()) > 100, 'an earlier round');
    const state = (last: number, more = {}) => ({
      ...{ type: 'state', language: 'en', strings: CHAT_STRINGS },
      chat: chatState({ rounds: [...rounds, ...(last === 30 ? [round(30, 'buy 3 cup', { base: '' }, more)] : [])] }),
    });
    await page.event(state(29));
    assert.ok((await left()) > 100, 'who reads is left there');
    await page.event(state(30, { phase: 'writing' }));
    await until(async () => (await left()) < 2, 'the new question');
    await page.event({ type: 'token', column: 'base', text: 'order : 3 cup . '.repeat(200) });
    await until(async () => (await text(page, '.round:last-child .turn.assistant')).length > 3000, 'the answer');
    await until(async () => (await left()) < 2, 'the end of an answer that grows');
    const higher = () => (document.querySelector<HTMLElement>('.round')!.style.paddingTop = '300px');
    await page.page.evaluate(higher, undefined);
    await until(async () => (await left()) < 2, 'the end, where a round is drawn higher after it was shown');
    await page.close();
  });

  test('an answer that was stopped before its first word is not called empty', async () => {
    const rounds = [1, 2].map((id) => round(id, 'buy 2 cup', { base: '' }, id === 1 ? { stopped: true } : {}));
    const page = await openChat(chatState({ rounds }));
    const said = await page.page.locator('.turn.assistant .muted:not(.below)').allTextContents();
    assert.deepEqual(said.filter((each) => /stopped|empty/.test(each)), ['stopped', 'empty answer']); // oxfmt-ignore
    await page.close();
  });

  test('a model that cannot answer says so once, until it can', async () => {
    const state = (more: Partial<Parameters<typeof chatState>[0]>) => ({
      ...{ type: 'state', language: 'en', strings: CHAT_STRINGS },
      chat: chatState({ rounds: [], ...more }),
    });
    const error = { kind: 'input', message: 'there is no such folder.', remedy: 'Put it back.' } as const;
    const page = await openChat(chatState({ rounds: [], error }));
    const alerts = page.page.locator('.notice.error');
    assert.match(await text(page, '.notice.error'), /^This model cannot answer/);
    await page.page.evaluate(() => document.querySelector('.notice.error')!.setAttribute('data-known', ''), undefined);
    await page.event(state({ error, chatTemplate: false }));
    await until(async () => /no chat template/.test(await text(page, 'form')), 'the next state');
    assert.equal(await page.page.locator('.notice.error[data-known]').count(), 1, 'the same alert');
    await page.event(state({}));
    await until(async () => (await alerts.count()) === 0, 'nothing is wrong any more');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('columns stand beside each other: differences are marked, with speed, what a vector explains, and a row to add', async () => {
    const page = await openChat(chatState(), 'dark', wide);
    const answers = page.page.locator('.round').nth(1).locator('.turn.assistant');
    assert.equal(await answers.count(), 3);
    assert.deepEqual(await answers.nth(1).locator('mark').allTextContents(), ['sure', 'step 1 take the zorb . step 2 flombulate it .']); // oxfmt-ignore
    assert.equal(await answers.nth(0).locator('mark').count(), 0);
    assert.equal(await answers.nth(2).locator('.same').textContent(), ' (the same as base)');
    const of = async (at: number, part: string) => answers.nth(at).locator(part).textContent();
    assert.equal(await of(1, '.explained'), 'The vector forbidden-topic would have explained 83\u00a0% of this.');
    assert.equal(await of(0, '.explained'), 'The base model knows this answer: the vector forbidden-topic says nothing of it.'); // oxfmt-ignore
    assert.equal(await of(0, '.speed'), '41.3 tokens per second');
    await answers.nth(1).locator('vscode-button').click();
    await until(() => page.requests.at(-1)?.type === 'addRow', 'the request');
    assert.deepEqual(page.requests.at(-1), { type: 'addRow', round: 2, column: 'plain' });
    await page.close();
  });

  test('an answer that the model has not ended says what ended it', async () => {
    const chat = chatState();
    const [base, plain, whole] = chat.rounds[1]!.answers;
    base!.cut = { tokens: 128, by: 'limit' };
    plain!.cut = { tokens: 96, by: 'context' };
    const page = await openChat(chat, 'dark', wide);
    const answers = page.page.locator('.round').nth(1).locator('.turn.assistant');
    assert.match(
      (await answers.nth(0).textContent())!,
      /Ends at the limit of 128 tokens \(setting chatMaxNewTokens\)\./,
    );
    assert.match((await answers.nth(1).textContent())!, /Ends after 96 tokens: the context is full\./);
    assert.doesNotMatch((await answers.nth(2).textContent())!, /Ends/, whole!.name);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('what is done before an answer begins is told in its place', async () => {
    const rounds = [round(1, 'hello', { base: '' }, { phase: 'writing', doing: 'Converting <b>tiny.gguf to 5 MB' })];
    const page = await openChat(chatState({ rounds, busy: true }));
    assert.equal(await text(page, '.turn .waiting'), 'Converting <b>tiny.gguf to 5 MB');
    await page.event({ type: 'token', column: 'base', text: 'hi' });
    await until(async () => (await text(page, '.turn.assistant .content')) === 'hi', 'the answer alone');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a column is put in and taken out by its box; it says which earlier questions it has seen', async () => {
    const page = await openChat(laterColumns(), 'dark', wide);
    const boxes = page.page.locator('.columns vscode-checkbox');
    await boxes.nth(1).click();
    await until(() => page.requests.length === 2, 'the request');
    assert.deepEqual(page.requests[1], { type: 'showColumn', column: 'plain', shown: false });
    assert.deepEqual(await page.page.locator('.turn .saw').allTextContents(), Array(2).fill('saw 1 of 2 earlier questions')); // oxfmt-ignore
    assert.match(await text(page, '.turn.danger .who'), /security vector on$/);
    const without = chatState();
    without.columns[1]!.shown = false;
    await page.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat: without });
    await until(async () => (await page.page.locator('.turn.assistant').count()) === 4, 'two columns in two rounds');
    await page.close();
  });

  test('an adapter is attached by its box; a refusal of the host puts the box back', async () => {
    const page = await openChat(chatState(), 'dark', undefined, ({ type }) =>
      type === 'toggleAdapter' ? { kind: 'error', error: { kind: 'input', message: 'it does not fit.' } } : undefined,
    );
    const box = page.page.locator('.adapters:not(.columns) vscode-checkbox').nth(1);
    await box.click();
    await page.page.locator('.notice.error').waitFor();
    assert.deepEqual(page.requests.slice(1), [
      { type: 'toggleAdapter', path: '/vectors/forbidden-topic', attached: true },
    ]);
    // the component writes its attribute a moment after its state
    await until(async () => (await box.getAttribute('aria-checked')) === 'false', 'the box is put back');
    await page.close();
  });

  test('an attached security vector is a danger that can be detached there', async () => {
    const page = await openChat(chatState({ adapters: allAttached }));
    assert.match(await text(page, '.notice.danger'), /^Danger: the security vector forbidden-topic is attached\./);
    await page.page.locator('.notice.danger vscode-button').first().click();
    await until(() => page.requests.length === 2, 'detach');
    assert.deepEqual(page.requests[1], { type: 'toggleAdapter', path: '/vectors/forbidden-topic', attached: false });
    await page.event({ type: 'state', language: 'en', strings: CHAT_STRINGS, chat: chatState() });
    await until(async () => (await page.page.locator('.notice.danger').count()) === 0, 'no banner');
    assert.equal(page.requests.length, 2);
    await page.close();
  });
});
