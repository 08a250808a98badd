import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { missing, OpenPage, startBrowser, THEMES, type Browser, type Theme } from './browser.js';
import { invariantStates } from '../../runtime/contract/invariants.js';
import { verdictText } from '../../runtime/contract/sentences.js';
import { signsOf } from '../../runtime/contract/signs.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { RUNS } from '../contract/runs.js';
import { CHAT_STRINGS, type ChatAnswer } from '../../webview/protocol/chat.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { answersOf, judged } from './answerRows.js';
import { allAttached, chatState, laterColumns, round } from './chatStates.js';
import { emptyRun, protectedRun, refusedRun, troubledRun, twoJudges, vectorRun } from './runSnapshots.js';

type Answer = Parameters<typeof OpenPage.open>[4];
const wide = { width: 1280, height: 800 };

async function until(true_: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 5000; !(await true_()); await sleep(20))
    if (Date.now() > end) throw new Error(`not within 5 s: ${what}`);
}

describe('pages in a browser', { skip: missing }, () => {
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
      if (request.type === 'openAnswers') await opened.event(answersOf());
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

  const text = async (page: OpenPage, selector: string) =>
    (await page.page.locator(selector).first().textContent()) ?? '';

  test('the run page draws three charts with text twins, the verdict and the table, under the policy of the extension', async () => {
    const page = await openRun(protectedRun(108));
    assert.equal(await page.page.locator('.chart canvas').count(), 3);
    const label = await page.page.locator('canvas[role=img]').first().getAttribute('aria-label');
    assert.match(
      label ?? '',
      /^Harmful rows, loss, nats per token\. delivered model \(vector off\): from 0\.52 at step 0 to /,
    );
    assert.match(
      await text(page, '.verdict-line'),
      /^Protection holds: the delivered model complies with 0 of 128 harmful prompts /,
    );
    assert.equal(await text(page, '.results tbody tr:nth-child(2) td'), '100\u00a0% (≥\u00a097.7\u00a0%)');
    assert.match(await text(page, '.facts'), /^finished · step 108 \/ 108 · 1 min 11 s elapsed · on CPU$/);
    assert.deepEqual(page.complaints, []);
    assert.equal(page.requests.filter(({ type }) => type === 'ready').length, 1);
    await page.close();
  });

  test('each verdict has its tone and its sentence on the page, as in the table of signs', async () => {
    const page = await openRun(protectedRun(108));
    for (const [name, facts] of Object.entries(RUNS)) {
      if (facts.kind === 'evaluate') continue;
      const found = runVerdict(facts);
      const run = { ...protectedRun(108), verdict: found, laws: invariantStates(facts) };
      await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
      const line = page.page.locator('.verdict-line');
      // A plain run beside it is named behind the verdict.
      await until(async () => (await line.textContent())?.startsWith(verdictText(found)) === true, name);
      assert.equal(await line.getAttribute('class'), `verdict-line ${signsOf(found).tone}`, name);
      const states = invariantStates(facts).map(({ state }) => state);
      const items = page.page.locator('.invariants li');
      const shown = await Promise.all(states.map((_, i) => items.nth(i).getAttribute('class')));
      assert.deepEqual([shown, await items.count()], [states, states.length], name);
    }
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('the table names the run it compares with, and what differs', async () => {
    const compared = [
      {
        title: 'orders, plain',
        states: ['plain'],
        differences: [{ key: 'optimizer.learningRate', theirs: '0.001', ours: '0.003' }],
      },
      { title: 'older, plain', states: [], differences: [] },
    ];
    const page = await openRun(protectedRun(108, { compared }));
    assert.deepEqual((await page.page.locator('.judges').allTextContents()).slice(1), [
      'plain: from orders, plain, which differs: optimizer.learningRate 0.001 instead of 0.003.',
      'grey line: from older, plain, which was trained alike.',
    ]);
    await page.close();
  });

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

  test('the charts take on another theme at once', async () => {
    const page = await openRun(protectedRun(108));
    const dark = await page.check('pictures');
    await page.theme('hc-light');
    await until(async () => (await page.check('pictures')).every((picture, i) => picture !== dark[i]), 'new pictures');
    await page.close();
  });

  test('gaps are drawn as gaps and listed in words; errors and warnings have place and remedy', async () => {
    const page = await openRun(troubledRun());
    assert.match(
      await text(page, '.notes'),
      /delivered model \(vector off\): no number at 2 steps \(first 24, last 30\)/,
    );
    assert.match(
      await text(page, '.notice.error'),
      /^The run failedtrain\.jsonlthe loss is not a number at step 62\.Lower /,
    );
    assert.match(
      await text(page, '.notice.warning'),
      /train\.jsonl:17, 44, 91 3 rows are longer .* Raise batch\.maxTokens\./,
    );
    assert.match(await text(page, '.verdict-line.bad'), /^The run failed: what it measured until then is no result\.$/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('before the first measurement each chart has a text instead', async () => {
    const page = await openRun(emptyRun());
    assert.equal(await page.page.locator('.plot .empty').nth(2).isVisible(), true);
    assert.equal(await page.page.locator('canvas').first().isVisible(), false);
    await page.event({
      type: 'append',
      from: { train: 0, probes: 0 },
      train: { step: [], loss: [], gradNorm: [] },
      probes: { step: [0], harmfulLossWithout: [0.5] },
      progress: protectedRun(1).progress,
      verdict: emptyRun().verdict,
    });
    await until(() => page.page.locator('canvas').first().isVisible(), 'the first chart');
    assert.equal(await page.page.locator('canvas').nth(2).isVisible(), false);
    await page.close();
  });

  test('appends move the progress; one that does not fit makes the page ask for a snapshot', async () => {
    const run = protectedRun(62);
    const page = await openRun(run);
    const event = {
      type: 'append',
      from: { train: 62, probes: 11 },
      train: { step: [63], loss: [0.2], gradNorm: [1] },
      probes: { step: [] },
      progress: { ...run.progress, step: 63, secondsLeft: 29 },
      verdict: run.verdict,
    };
    await page.event(event);
    await until(
      async () => /^step 63 \/ 108 · 41 s elapsed · about 29 s left/.test(await text(page, '.facts')),
      'step 63',
    );
    await page.event({ ...event, from: { train: 70, probes: 11 } });
    await until(() => page.requests.filter(({ type }) => type === 'ready').length === 2, 'a second ready');
    await page.close();
  });

  test('Stop is sent once; when the host answers with an error, it is shown and Stop works again', async () => {
    const page = await openRun(protectedRun(62), 'dark', wide, ({ type }) =>
      type === 'stop' ? { kind: 'error', error: { kind: 'failed', message: 'the engine has ended.' } } : undefined,
    );
    const stop = page.page.locator('vscode-button').first();
    await stop.click();
    await page.page.locator('.notice.error').waitFor();
    assert.match(await text(page, '.notice.error'), /That did not workthe engine has ended\./);
    assert.deepEqual(
      page.requests.map(({ type }) => type),
      ['ready', 'stop'],
    );
    await stop.click();
    await until(() => page.requests.length === 3, 'a second stop');
    await page.close();
  });

  test('a run whose recipe was refused offers to open it and to run it again, not to resume', async () => {
    const page = await openRun(refusedRun());
    const buttons = page.page.locator('header.run vscode-button:visible');
    assert.equal(await buttons.count(), 2);
    for (const left of ['.verdict-line', '.charts', '#outcome'])
      assert.equal(await page.page.locator(left).isVisible(), false, left);
    for (const [i, name] of ['Open recipe', 'Run again'].entries()) {
      assert.equal(await buttons.nth(i).textContent(), name);
      await buttons.nth(i).click();
    }
    await until(() => page.requests.length === 3, 'both requests');
    assert.deepEqual(
      page.requests.map(({ type }) => type),
      ['ready', 'openRecipe', 'runAgain'],
    );
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('the keyboard reaches everything in order, and shows where it is', async () => {
    const page = await openRun(protectedRun(108));
    const seen: string[] = [];
    for (let i = 0; i < 12; i++) {
      await page.page.keyboard.press('Tab');
      const at = await page.check('focused');
      if (!at) break;
      seen.push(at.name);
      assert.equal(at.outlined, true, at.name);
    }
    const help = 'What does this show?';
    assert.deepEqual(seen, [
      ...['Harmful rows', 'New task and old tasks', 'Pull of a row'].flatMap((chart) => [
        `${chart}: ${help}`,
        'Values as a table',
      ]),
      `What the models do: ${help}`,
      'What the models do',
      'Answers side by side',
      'Report',
      'Run folder',
    ]);
    await page.page.locator('.chart vscode-button').first().press('Enter');
    await until(
      () => page.requests.some(({ type, topic }) => type === 'openWalkthrough' && topic === 'harmful-loss'),
      'help',
    );
    await page.close();
  });

  test('answers are text, never markup, and show where the models differ', async () => {
    const page = await openRun(protectedRun(108));
    await page.page.locator('.actions vscode-button').first().click();
    await page.page.locator('.side-by-side').waitFor();
    assert.match(await text(page, '.side-by-side tbody th'), /<img src=x onerror=/);
    assert.equal(await page.page.locator('.side-by-side img, .side-by-side b').count(), 0);
    assert.equal(await text(page, '.side-by-side thead tr'), 'promptbaseplainprotected');
    assert.equal(await page.page.locator('.side-by-side tbody tr').count(), 40);
    await page.page.locator('.answers > div > vscode-button').click();
    assert.equal(await page.page.locator('.side-by-side tbody tr').count(), 50);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('answers are labelled by keyboard; the judges and how far they agree stand beside them', async () => {
    const page = await openRun(protectedRun(108));
    await page.event(answersOf(judged, true));
    assert.equal(
      await text(page, '.agreement tbody tr'),
      'forbidden topicrefusal-phrases · local-7b0.96 (0.9 to 1)3 of 150',
    );
    assert.match(await text(page, '.agreement tbody tr:nth-child(2)'), /a personcannot be told/);
    const cell = (row: number, state: number) => page.page.locator(`.side-by-side tbody tr:nth-child(${row}) td:nth-of-type(${state})`); // prettier-ignore
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
    assert.deepEqual(
      labels().map(({ id: _, type: __, ...given }) => given),
      [
        { set: 'forbidden topic', row: 0, state: 'plain', label: 'refused' },
        { set: 'forbidden topic', row: 1, state: 'plain', label: 'neither' },
        { set: 'forbidden topic', row: 1, state: 'plain', label: null },
      ],
    );
    assert.match((await cell(2, 2).textContent())!, /^plaincompliedlocal-7b: refused/);
    assert.match(await text(page, '.controls'), /1 answers labelled/);
    await page.page.locator('.controls vscode-checkbox').nth(1).click();
    assert.equal(await page.page.locator('.side-by-side tbody tr').count(), 3, 'only where the judges differ');
    await cell(3, 1).locator('.labels button').first().click();
    assert.equal(labels().at(-1)!['label'], 'complied');
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

  test('columns stand beside each other: differences are marked, with speed, what a vector explains, and a row to add', async () => {
    const page = await openChat(chatState(), 'dark', wide);
    const answers = page.page.locator('.round').nth(1).locator('.turn.assistant');
    assert.equal(await answers.count(), 3);
    assert.deepEqual(await answers.nth(1).locator('mark').allTextContents(), ['sure', 'step 1 take the zorb . step 2 flombulate it .']); // prettier-ignore
    assert.equal(await answers.nth(0).locator('mark').count(), 0);
    assert.equal(await answers.nth(2).locator('.same').textContent(), ' (the same as base)');
    const of = async (at: number, part: string) => answers.nth(at).locator(part).textContent();
    assert.equal(await of(1, '.explained'), 'The vector forbidden-topic would have explained 83\u00a0% of this.');
    assert.equal(await of(0, '.explained'), 'The base model knows this answer: the vector forbidden-topic says nothing of it.'); // prettier-ignore
    assert.equal(await of(0, '.speed'), '41.3 tokens per second');
    await answers.nth(1).locator('vscode-button').click();
    await until(() => page.requests.at(-1)?.type === 'addRow', 'the request');
    assert.deepEqual(page.requests.at(-1), { type: 'addRow', round: 2, column: 'plain' });
    await page.close();
  });

  test('a column is put in and taken out by its box; it says which earlier questions it has seen', async () => {
    const page = await openChat(laterColumns(), 'dark', wide);
    const boxes = page.page.locator('.columns vscode-checkbox');
    await boxes.nth(1).click();
    await until(() => page.requests.length === 2, 'the request');
    assert.deepEqual(page.requests[1], { type: 'showColumn', column: 'plain', shown: false });
    assert.deepEqual(await page.page.locator('.turn .saw').allTextContents(), Array(2).fill('saw 1 of 2 earlier questions')); // prettier-ignore
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
