/** The page of a sweep, and of a run with several vectors, in a real browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readingOf } from '../../runtime/contract/runView.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { ENDED, harm } from '../contract/runs.js';
import { missing, OpenPage, startBrowser, THEMES, type Browser } from './browser.js';
import { wideSweep } from '../support/wideSweep.js';
import { protectedRun } from './runSnapshots.js';

describe('pages of the laboratory', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  async function open(run: object): Promise<OpenPage> {
    const page = await OpenPage.open(browser, 'run', 'dark', { width: 1280, height: 900 }, async (request, opened) => {
      if (request.type === 'ready') await opened.event({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run });
      return undefined;
    });
    await page.page.locator('h1').waitFor();
    return page;
  }

  async function isReadable(page: OpenPage, name: string): Promise<void> {
    for (const theme of THEMES) {
      assert.deepEqual(await page.lowContrast(theme), [], theme);
      await page.picture(`${name}-${theme}`);
    }
    assert.deepEqual(page.complaints, []);
  }

  test('each of several vectors has a row with its sets, what it flags, and its verdict', async () => {
    const reading = readingOf(ENDED['two vectors, one weakened by the loss on its own rows']!);
    const page = await open({ ...protectedRun(108), ...reading, vectors: ['topic', 'lies'] });
    const cells = await page.page.locator('table.vectors tbody :is(th, td)').allTextContents();
    assert.deepEqual(cells.slice(0, 3), ['topic', 'forbidden topic', '100, of them 98 alone']);
    assert.match(cells[3]!, /^✓ Protection holds: /);
    assert.match(cells[7]!, /^⚠ Protection is weak: the loss of the delivered model on 20 harmful rows /);
    await isReadable(page, 'vectors');
    await page.close();
  });

  test('of a sweep nothing is green whose interval reaches beyond what may be', async () => {
    // Of 128 prompts none may be 3 %, however many seeds ask them.
    const asked = (method: string) => ({ count: method === 'ours' ? 128 : 200 });
    const point = (rate: number, method: string, seed: number, value: number): SweepPoint => ({
      values: { 'optimizer.learningRate': rate, method, seed },
      ...{ folder: `/w/sweep/points/${rate}-${method}-${seed}`, headline: '', seconds: 12 },
      verdict: method === 'plain' ? 'unprotected' : value > 0.02 ? 'lost' : 'held',
      measurements: [
        harm('base', 0, asked(method)),
        harm(method === 'plain' ? 'plain' : 'protected', value, asked(method)),
      ],
    });
    const rates = [0.001, 0.01];
    const over = { 'optimizer.learningRate': rates, method: { plain: {}, paper: {}, ours: {} }, seed: [1, 2] };
    const points = rates.flatMap((rate) => [
      ...[1, 2].map((seed) => point(rate, 'plain', seed, 1)),
      ...[1, 2].map((seed) => point(rate, 'paper', seed, rate > 0.005 ? 0.4 * seed : 0)),
      ...[1, 2].map((seed) => point(rate, 'ours', seed, 0)),
    ]);
    const run = { ...protectedRun(0), kind: 'sweep', measurements: [], sweep: { over, points, canJudge: true } };
    const page = await open(run);
    const of = async (row: number): Promise<(string | null)[]> => {
      const cells = page.page.locator(`.heat tbody tr:nth-child(${row}) td`);
      return Promise.all([0, 1].map(async (i) => cells.nth(i).getAttribute('class')));
    };
    const [, paper, ours] = [await of(1), await of(2), await of(3)];
    assert.match(paper[0]!, /good/);
    assert.match(paper[1]!, /bad/);
    for (const tone of ours) assert.match(tone!, /warning/);
    await page.page.locator(`.actions vscode-button:has-text("${RUN_STRINGS.judgeAgain}")`).click();
    assert.equal(page.requests.at(-1)?.type, 'judgeAgain');
    await isReadable(page, 'sweep');
    await page.close();
  });

  test('of a sweep of 360 points all are there within a second, and no label covers another', async () => {
    const page = await open(protectedRun(0));
    const run = { ...protectedRun(0), kind: 'sweep', measurements: [], sweep: { ...wideSweep(), canJudge: true } };
    /** The shortest of some: the machine may be busy. */
    const took = await page.page.evaluate(
      async (event) => {
        const times = [];
        for (let i = 0; i < 5; i++) {
          const before = document.querySelector('.sweep');
          // The same would stay as it is.
          event.run.sweep.points[0]!.seconds = 100 + i;
          const began = performance.now();
          window.postMessage({ event }, '*');
          while (document.querySelectorAll('.heat').length < 6 || document.querySelector('.sweep') === before)
            await new Promise((next) => setTimeout(next, 5));
          times.push(performance.now() - began);
        }
        return Math.min(...times);
      },
      JSON.parse(JSON.stringify({ type: 'snapshot', language: 'en', strings: RUN_STRINGS, run })) as {
        run: { sweep: { points: { seconds: number }[] } };
      },
    );
    assert.ok(took < 1000, `${took} ms`);
    assert.deepEqual(
      await page.page.evaluate((selector) => {
        const boxes = [...document.querySelectorAll(selector)].map((label) => ({
          label,
          box: label.getBoundingClientRect(),
        }));
        return boxes.flatMap(({ label, box }, i) =>
          boxes
            .slice(i + 1)
            .flatMap(({ label: other, box: next }) =>
              box.left < next.right && next.left < box.right && box.top < next.bottom && next.top < box.bottom
                ? [`${label.textContent} and ${other.textContent}`]
                : [],
            ),
        );
      }, '.curve .tick, .curve figcaption, .curve li, .heat th, .heat td strong, .heat td .bound, .heat .point'),
      [],
    );
    assert.deepEqual(page.complaints, []);
    await page.picture('sweep-wide');
    await page.close();
  });
});
