/** The run page in a browser: what it draws, and what it asks of its host. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { invariantStates } from '../../runtime/contract/invariants.js';
import { verdictText } from '../../runtime/contract/sentences.js';
import { signsOf } from '../../runtime/contract/signs.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { RUNS } from '../contract/runs.js';
import { missing } from './browser.js';
import { text, until, usePages, wide } from './openPages.js';
import { emptyRun, protectedRun, refusedRun, troubledRun, vectorRun } from './runSnapshots.js';

describe('the run page', { skip: missing }, () => {
  const { openRun } = usePages();

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
    assert.equal(await text(page, '.results tbody tr:nth-child(2) td'), '100\u00a0% (≥\u00a097.6\u00a0%)');
    assert.match(await text(page, '.facts'), /^finished · step 108 \/ 108 · 1 min 11 s elapsed · on CPU$/);
    assert.deepEqual(page.complaints, []);
    assert.equal(page.requests.filter(({ type }) => type === 'ready').length, 1);
    await page.close();
  });

  test('each verdict has its tone and its sentence on the page, as in the table of signs', async () => {
    const page = await openRun(protectedRun(108));
    // charts take longer to draw than all that is looked at
    const { train, probes } = emptyRun();
    const without = { train, probes };
    for (const [name, facts] of Object.entries(RUNS)) {
      if (facts.kind === 'evaluate') continue;
      const [found, laws] = [runVerdict(facts), invariantStates(facts)];
      const run = { ...protectedRun(108), ...without, verdict: found, laws };
      await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
      const line = page.page.locator('.verdict-line');
      // A plain run beside it is named behind the verdict.
      await until(async () => (await line.textContent())?.startsWith(verdictText(found)) === true, name);
      const shown = await page.page.evaluate(
        (selector) => [...document.querySelectorAll(selector)].map((element) => element.className),
        '.verdict-line, .invariants li',
      );
      assert.deepEqual(shown, [`verdict-line ${signsOf(found).tone}`, ...laws.map(({ state }) => state)], name);
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

  test('a run that trains says that it is to stop, and the button then says what it does next', async () => {
    const run = { ...protectedRun(62), canStop: true };
    const progress = { ...run.progress, message: 'Stopping after this step…', isStopping: true };
    const from = { train: run.train.step.length, probes: run.probes.step.length };
    const none = { train: { step: [], loss: [], gradNorm: [] }, probes: { step: [] } };
    const page = await openRun(run, 'dark', wide, async ({ type }, opened) => {
      if (type === 'stop') await opened.event({ type: 'append', from, ...none, progress, verdict: run.verdict });
      return undefined;
    });
    assert.match(await text(page, '.facts'), /^step 62 \/ 108 · /);
    const stop = page.page.locator('header.run vscode-button').first();
    await stop.click();
    await until(async () => /^Stopping after this step… · step 62 /.test(await text(page, '.facts')), 'stopping');
    assert.deepEqual([await stop.textContent(), await stop.getAttribute('aria-label')], ['End now…', 'End now…']);
    await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
    await until(async () => (await stop.textContent()) === 'Stop', 'another run');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('where the pressed button goes, the focus is on what can be done next, or on the title', async () => {
    const run = { ...protectedRun(62), canStop: true };
    const page = await openRun(run);
    const snapshot = (more: object) =>
      page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run: { ...run, ...more } });
    const focused = (): Promise<string | null | undefined> =>
      page.page.evaluate(() => document.activeElement?.textContent, undefined);
    await page.page.evaluate((of) => document.querySelector<HTMLElement>(of)!.focus(), 'header.run vscode-button');
    assert.equal(await focused(), 'Stop');
    await snapshot({ canStop: false, canResume: true });
    await until(async () => (await focused()) === 'Resume', 'stopped');
    await snapshot({ canStop: false, canResume: false });
    await until(async () => (await focused()) === run.title, 'no button is left');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('what changes while a run goes on changes in its place, and is read out by nobody; its verdict is', async () => {
    const run = protectedRun(60);
    const page = await openRun(run);
    const at = '.legend li, .twin tbody tr, .notes';
    const mark = (): Promise<number> =>
      page.page.evaluate((selector) => {
        const all = document.querySelectorAll<HTMLElement>(selector);
        for (const one of all) one.dataset['kept'] = 'yes';
        return all.length;
      }, at);
    const marked = () => page.page.locator('[data-kept]').count();
    const count = await mark();
    assert.ok(count > 10);
    assert.equal(await page.page.locator('.chart :is(output, [role=status])').count(), 0);
    const told = await text(page, '.legend');
    const { from, train, probes } = { from: { train: 60, probes: run.probes.step.length }, train: { step: [61], loss: [9], gradNorm: [8] }, probes: { step: [66], harmfulLossWithout: [7], harmfulLossWith: [6] } }; // oxfmt-ignore
    const { progress, verdict } = run;
    await page.event({ type: 'append', from, train, probes, progress: { ...progress, step: 66 }, verdict });
    await until(async () => (await text(page, '.legend')) !== told, 'another value');
    assert.match(await text(page, '.legend'), /7/);
    assert.match(await text(page, '.twin tbody'), /0\.52766in/);
    assert.equal(await marked(), count);
    const readOut = () => page.page.locator('.verdict-line[role=status]').getAttribute('aria-live');
    assert.match(await text(page, '.verdict-line'), /^So far/);
    assert.equal(await readOut(), 'off');
    await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run: protectedRun(108) });
    await until(async () => /^Protection holds/.test(await text(page, '.verdict-line')), 'the verdict');
    assert.equal(await readOut(), 'polite');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('what the reader has opened and where the focus is stay when the run goes on', async () => {
    const points = [0.001, 0.01].map((rate) => ({
      ...{
        values: { 'optimizer.learningRate': rate, 'adapter.rank': 8 },
        folder: `/w/sweep/points/${rate}`,
        verdict: 'held',
        headline: '',
        seconds: 12,
      },
      measurements: protectedRun(108).measurements,
    }));
    const run = {
      ...troubledRun(),
      error: { kind: 'internal', message: 'internal: no', stack: 'at x' },
      warnings: Array.from({ length: 5 }, (_, i) => ({ message: `warning ${i}` })),
      sweep: {
        over: { 'optimizer.learningRate': [0.001, 0.01], 'adapter.rank': [8, 16] },
        points: points.slice(0, 1),
        canJudge: false,
      },
    };
    const page = await openRun(run);
    const at = (selector: string) => page.page.locator(selector).first();
    const isOpen = async (selector: string) => (await at(selector).getAttribute('open')) !== null;
    const focused = () =>
      page.page.evaluate(() => document.activeElement?.getAttribute('data-run') ?? document.activeElement?.tagName, undefined); // oxfmt-ignore
    const made = (selector: string) => page.page.evaluate((of) => {
      const there = document.querySelector<HTMLElement>(of)!;
      const before = there.dataset['seen'];
      there.dataset['seen'] = 'yes';
      return before !== 'yes';
    }, selector); // oxfmt-ignore
    const again = async (more: object, what: string) => {
      await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run: { ...run, ...more, title: what } }); // oxfmt-ignore
      await until(async () => (await at('h1').textContent()) === what, what);
    };
    await at('.notice.warning summary').click();
    await at('.notice.error summary').click();
    assert.deepEqual([await isOpen('.notice.warning'), await isOpen('.notice.error details')], [true, true]);
    const parts = ['.notice.error', '.notice.warning', '.sweep', '.outcome .scroll'];
    for (const part of parts) assert.ok(await made(part));
    await page.page.evaluate(() => document.querySelector<HTMLElement>('.sweep .scroll')!.focus(), undefined);
    await again({}, 'the same');
    for (const part of parts) assert.equal(await made(part), false, `${part} is made anew`);
    assert.equal(await focused(), 'DIV');
    const button = `.sweep [data-run="${points[0]!.folder}"]`;
    assert.equal(await at(button).getAttribute('aria-label'), 'Open the run 1: learningRate 0.001, rank 8');
    await page.page.evaluate((of) => document.querySelector<HTMLElement>(of)!.focus(), button);
    const before = await focused();
    const more = { warnings: [...run.warnings, { message: 'one more' }], sweep: { ...run.sweep, points } };
    await again(more, 'more');
    assert.equal(await page.page.locator('.notice.warning li').count(), 6);
    assert.equal(await isOpen('.notice.warning'), true);
    assert.equal(await made('.notice.error'), false, 'it would be said once more');
    assert.equal(await made('.sweep'), true);
    assert.deepEqual([before, await focused()], [points[0]!.folder, points[0]!.folder]);
    await again({ ...more, id: '/w/another' }, 'another');
    assert.equal(await isOpen('.notice.warning'), false);
    assert.deepEqual(page.complaints, []);
    await page.close();
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
    assert.match(
      await text(page, '.verdict-line.bad'),
      /^The run failed: what it measured until then is not a result\.$/,
    );
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

  test('a vector that needed fewer steps than it was given says so', async () => {
    const run = vectorRun();
    const progress = { ...run.progress, steps: 120 };
    const page = await openRun({ ...run, progress, reachedGoal: true });
    assert.match(
      await text(page, '.facts'),
      /^finished early because the vector needed no more steps · step 100 \/ 120 · /,
    );
    await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run: { ...run, progress } });
    await until(async () => /^finished · step 100/.test(await text(page, '.facts')), 'not known why it ended');
    await page.close();
  });

  test('a run that waits says for what, without a time that goes by or a bar', async () => {
    const message = 'Place 2 of 3 in the queue, which is paused.';
    const waiting = emptyRun();
    const progress = { ...waiting.progress, message, fraction: null, secondsElapsed: 0 };
    const expected = { text: 'about 40 s', details: '' };
    const page = await openRun({ ...waiting, progress, expected, waits: true, canStop: true });
    assert.equal(await text(page, '.facts'), `${message} · expected: about 40 s`);
    assert.equal(await page.page.locator('progress').isVisible(), false);
    const left = { ...progress, state: 'stopped' as const, message: 'Removed from the queue.' };
    const run = { ...waiting, device: undefined, progress: left };
    await page.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
    await until(async () => (await text(page, '.facts')) === 'stopped: Removed from the queue.', 'no time');
    await page.event({
      type: 'snapshot',
      language: 'en',
      strings: RUN_STRINGS,
      run: { ...waiting, waits: true, canStop: true },
    });
    assert.equal(await page.page.locator('vscode-button[aria-label="Stop"]').isVisible(), true);
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
      async () => /^step 63 \/ 108 · 41 s elapsed · about 29 s left to train/.test(await text(page, '.facts')),
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

  test('a run that does not stop is stopped once more', async () => {
    const page = await openRun(protectedRun(62));
    const stop = page.page.locator('vscode-button[aria-label="Stop"]');
    for (const times of [1, 2]) {
      await stop.click();
      await until(() => page.requests.filter(({ type }) => type === 'stop').length === times, `${times} stops`);
    }
    await page.close();
  });

  test('a run whose recipe was refused offers to open it, also at the fault, and to run it again, not to resume', async () => {
    const page = await openRun(refusedRun());
    const buttons = page.page.locator('header.run vscode-button:visible');
    assert.equal(await buttons.count(), 2);
    for (const left of ['.verdict-line', '.charts', '#outcome'])
      assert.equal(await page.page.locator(left).isVisible(), false, left);
    for (const [i, name] of ['Open recipe', 'Run again'].entries()) {
      assert.equal(await buttons.nth(i).textContent(), name);
      await buttons.nth(i).click();
    }
    await page.page.locator('.notice.error vscode-button[aria-label="Open vector.json, line 7"]').click();
    await until(() => page.requests.length === 4, 'all requests');
    assert.deepEqual(
      page.requests.map(({ type }) => type),
      ['ready', 'openRecipe', 'runAgain', 'openPlace'],
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
      ...['Harmful rows', 'Harmless rows', 'Pull of a row'].flatMap((chart) => [
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
});
