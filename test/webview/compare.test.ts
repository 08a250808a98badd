/**
 * The page that compares runs, in a browser: what it draws, what it lets out, and that everything works by keyboard.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ComparedRun } from '../../runtime/contract/comparedRuns.js';
import type { THEMES } from './browser.js';
import { missing, startBrowser, type Browser, type OpenPage } from './browser.js';
import { sweep } from './comparedRuns.js';
import { openCompared, type wide } from './comparedPages.js';
import { until } from './openPages.js';

describe('the page that compares runs', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  const open = (runs: ComparedRun[], theme?: (typeof THEMES)[number], size?: typeof wide): Promise<OpenPage> =>
    openCompared(browser, runs, theme, size);

  const label = async (page: OpenPage) => (await page.page.locator('canvas').first().getAttribute('aria-label')) ?? '';
  const texts = (page: OpenPage, selector: string) => page.page.locator(selector).allTextContents();
  const saved = (page: OpenPage) =>
    page.requests.find(({ type }) => type === 'save') as { content: string } | undefined;
  const press = (page: OpenPage, label: string) => page.page.locator(`vscode-button[aria-label="${label}"]`).click();

  test('every curve is one chart of all runs; tables have only what differs, with intervals and differences', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    assert.equal(await page.page.locator('h1').first().textContent(), '3 runs compared');
    const captions = await texts(page, '.chart .caption');
    for (const rows of ['8 harmful rows of the recipe', '8 harmless rows of the recipe'])
      assert.ok(captions.includes(`delivered model (vector off) · measured on ${rows}`), captions.join('\n'));
    assert.ok(captions.includes('training rows, each step'));
    assert.deepEqual(
      (await texts(page, '.recipes thead th')).map((text) => text.trim()),
      ['run', 'optimizer.learningRate', 'adapter.rank', 'seed'],
    );
    const cells = await texts(page, '.compared tbody tr:nth-child(2) td .delta');
    assert.match(cells.join('|'), /^\+10.2 percentage points \(\+5.1 to \+16.7\)/);
    assert.equal((await texts(page, '.compared .delta.sure.bad')).length, 2);
    assert.match((await page.page.locator('canvas').first().getAttribute('aria-label')) ?? '', /run 0: .*run 2: /);
    assert.equal(await page.page.locator('.parallel path').count(), 3);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('of runs with several judges a table says how far these agree; without any there is none', async () => {
    const between = {
      set: 'topic',
      state: 'protected',
      judges: ['refusal-phrases', 'local'] as [string, string],
      count: 48,
    };
    const page = await open([
      sweep(0, { agreements: [{ ...between, differ: 3, kappa: 0.84, interval: [0.66, 1] }] }),
      sweep(1),
      sweep(2, { agreements: [{ ...between, differ: 0, kappa: 1, interval: [0.9, 1] }] }),
    ]);
    const cells = async (row: number) =>
      (await texts(page, `.agreements tbody tr:nth-child(${row}) :is(th, td)`)).map((text) => text.trim());
    assert.deepEqual(await cells(1), [
      'run 0',
      'topic',
      'protected',
      'refusal-phrases · local',
      '0.84 (0.66 to 1)',
      '3 of 48',
    ]);
    assert.deepEqual(await cells(2), [
      'run 2',
      'topic',
      'protected',
      'refusal-phrases · local',
      '1 (0.9 to 1)',
      '0 of 48',
    ]);
    assert.deepEqual(page.complaints, []);
    await page.close();
    const alone = await open([sweep(0), sweep(1)]);
    assert.equal(await alone.page.locator('[aria-labelledby="agreements-title"]').isVisible(), false);
    await alone.close();
  });

  test('what a vector finds at an extrapolated rate is about so much, and from so many rows', async () => {
    const vector = (ordinary: number) => ({
      quality: { harmful: 20, ordinary, auroc: 0.99, recall: 0.9, basis: { how: '' } },
    });
    const page = await open([sweep(0, vector(40)), sweep(1, vector(400))]);
    const cells = await texts(page, '.compared tbody td:last-child');
    assert.match(cells[0]!, /^about 18 of 20 · 90\s%.* to .*extrapolated from 40 ordinary rows/);
    assert.match(cells[1]!, /^18 of 20 · 90\s%/);
    assert.doesNotMatch(cells[1]!, /extrapolated/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('an evaluation of several states has a line of each through its own numbers', async () => {
    const measured = (state: string, value: number) => ({
      ...{ state, name: 'forbidden', measure: 'harm' as const, value, count: 100, judge: 'refusal-phrases' },
    });
    const judged = (i: number, value: number) => {
      const { reading } = sweep(i);
      const measurements = [measured('base', 0), measured('tuned', value)];
      return sweep(i, { states: ['base', 'tuned'], reading: { ...reading, measurements } });
    };
    const page = await open([judged(0, 0.1), judged(1, 0.5), judged(2, 1)]);
    assert.deepEqual(
      await texts(page, '.parallel path title'),
      [0, 1, 2].flatMap((i) => ['base', 'tuned'].map((state) => `run ${i} · ${state}`)),
    );
    const paths = await page.page.evaluate(
      () => Array.from(document.querySelectorAll('.parallel path'), (path) => path.getAttribute('d')!),
      undefined,
    );
    // Behind three keys of the recipe: how far below the top of the axis of harm.
    const heights = paths.map((path) => Number(path.slice(1).split('L')[3]!.split(' ')[1]));
    assert.equal(new Set([heights[0], heights[2], heights[4]]).size, 1, 'no harm of the base');
    assert.ok(heights[0]! > heights[1]! && heights[1]! > heights[3]! && heights[3]! > heights[5]!, heights.join());
    await page.close();
  });

  test('a run that is hidden is in no chart, and a header sorts its table', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    await page.page.locator('.runs li:nth-child(2) vscode-checkbox').click();
    const label = () => page.page.locator('canvas').first().getAttribute('aria-label');
    await until(async () => !(await label())?.includes('run 1:'), 'a chart without it');
    assert.equal(await page.page.locator('.parallel path').count(), 2);
    const column = page.page.locator('.recipes thead button').nth(3);
    await column.click();
    await column.click();
    assert.deepEqual(
      (await texts(page, '.recipes tbody th')).map((text) => text.trim()),
      ['run 2', 'run 1', 'run 0'],
    );
    assert.equal(await page.page.locator('.recipes th[aria-sort="descending"]').count(), 1);
    await page.close();
  });

  test('a sorted table stays sorted by its column when others come and go, and draws without it', async () => {
    const alike = (i: number) => ({ recipe: { seed: String(i), 'adapter.rank': '8' } });
    const runs = [sweep(2, alike(2)), sweep(1, alike(1)), sweep(3, { recipe: { seed: '2', 'adapter.rank': '4' } })];
    const page = await open(runs);
    const titles = async () => (await texts(page, '.recipes tbody th')).map((text) => text.trim()).join(', ');
    const sorted = async () => (await texts(page, '.recipes th[aria-sort]')).join();
    const only = (...shown: ComparedRun[]) => page.event({ type: 'runs', of: shown.map(({ id }) => id) });
    const [two, one, three] = runs as [ComparedRun, ComparedRun, ComparedRun];
    assert.equal((await texts(page, '.recipes thead th')).join(' ').trim(), 'run seed adapter.rank');
    await page.page.locator('.recipes thead button').nth(2).click();
    await until(async () => (await titles()) === 'run 3, run 2, run 1', 'by rank');
    await only(two, one);
    await until(async () => (await titles()) === 'run 2, run 1', 'only the seed differs: as the runs come');
    assert.equal(await sorted(), '');
    await only(two, three);
    await until(async () => (await titles()) === 'run 3, run 2', 'by rank, the only one that differs');
    assert.match(await sorted(), /^adapter\.rank/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('the keyboard moves one cursor through all charts, zooms them alike, and shows the whole again', async () => {
    const page = await open([sweep(0), sweep(1)]);
    const whole = page.page.locator('vscode-button[aria-label="Whole range"]');
    assert.equal(await whole.isVisible(), false);
    await page.page.locator('canvas').first().press('ArrowRight');
    const before = await page.check('pictures');
    await page.page.locator('canvas').first().press('ArrowRight');
    await until(
      async () => /^optimizer step: \d+ · run 0: /.test((await texts(page, '.readout'))[0] ?? ''),
      'the values',
    );
    const moved = await page.check('pictures');
    assert.ok(
      moved.every((picture, i) => picture !== before[i]),
      'the cursor of each chart moves',
    );
    await page.page.locator('canvas').first().press('+');
    await until(() => whole.isVisible(), 'a range');
    await page.page.locator('canvas').first().press('0');
    await until(async () => !(await whole.isVisible()), 'the whole');
    await page.close();
  });

  test('by the keyboard a chart with short lines zooms and moves the range that all share, not that of its own lines', async () => {
    const { reading } = sweep(1);
    const few = <T>(column?: readonly T[]) => column?.slice(0, 2);
    const probes = Object.fromEntries(
      Object.entries(reading.probes).map(([key, column]) => [key, Array.isArray(column) ? few(column) : column]),
    ) as typeof reading.probes;
    const short = { ...reading, kind: 'vector' as const, train: { step: [], loss: [], gradNorm: [] }, probes };
    const page = await open([sweep(0), sweep(1, { reading: short })]);
    const range = async () => {
      const state = await page.page.evaluate(() => sessionStorage.getItem('state')!, undefined);
      return (JSON.parse(state) as { view: { range?: [number, number] } }).view.range;
    };
    const canvas = page.page.locator('canvas').nth((await page.page.locator('canvas').count()) - 1);
    for (let i = 0; i < 45; i++) await canvas.press('ArrowRight');
    await canvas.press('+');
    await until(async () => (await range()) !== undefined, 'a range');
    const [from, to] = (await range())!;
    assert.ok(from > 0 && from < 97 && to > 97 && to < 108, `${from} to ${to}`);
    await canvas.press('Shift+ArrowRight');
    await until(async () => (await range())![0] !== from, 'another range');
    const [later, end] = (await range())!;
    assert.ok(later > from && end > to && end <= 108, `${later} to ${end}`);
    await page.close();
  });

  test('of many runs the one whose line is nearest stands out, and what is not said is counted', async () => {
    const page = await open(Array.from({ length: 14 }, (_, i) => sweep(i)));
    const canvas = page.page.locator('canvas').first();
    await canvas.press('ArrowRight');
    const reading = async () => (await texts(page, '.readout'))[0] ?? '';
    await until(async () => (await reading()).endsWith(' · run 9: 0.754 · and 4 more'), 'ten values and a count');
    await page.page.evaluate((li) => {
      const items = document.querySelectorAll(li);
      items[items.length - 1]!.dispatchEvent(new MouseEvent('mouseenter'));
    }, '.runs li');
    assert.match(
      await reading(),
      / · run 8: [\d.]+ · run 13: [\d.]+ · and 4 more$/,
      'what stands out is among the ten',
    );
    const out = await page.check('outUnderMouse');
    assert.deepEqual(out.sort(), Array.from({ length: 14 }, (_, i) => `run ${i}`).sort());
    await page.close();
  });

  test("keys with Ctrl, Alt or Meta are the window's, not the chart's", async () => {
    const page = await open([sweep(0), sweep(1)]);
    const whole = page.page.locator('vscode-button[aria-label="Whole range"]');
    const canvas = page.page.locator('canvas').first();
    for (const keys of ['Control+=', 'Meta+=', 'Alt+=']) await canvas.press(keys);
    await page.drawn();
    assert.equal(await whole.isVisible(), false);
    await page.close();
  });

  test('a chart is copied as a picture', async () => {
    const page = await open([sweep(0), sweep(1)]);
    await page.check('takeCopies');
    await page.page.locator('vscode-button[aria-label$="Copy as picture"]').first().click();
    await until(async () => (await page.check('copied')).length > 0, 'a picture');
    const png = Buffer.from(await page.check('copied'));
    assert.equal(png.subarray(1, 4).toString('latin1'), 'PNG');
    assert.ok(png.readUInt32BE(16) > 300 && png.readUInt32BE(20) > 100, 'width and height');
    await until(async () => /copied/i.test((await texts(page, '[role=status]')).join()), 'it says so');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('the axis, the smoothing and the scale change every chart', async () => {
    const page = await open([sweep(0), sweep(1)]);
    let before = await page.check('pictures');
    const changed = async (what: string): Promise<void> => {
      await until(async () => (await page.check('pictures')).every((picture, i) => picture !== before[i]), what);
      before = await page.check('pictures');
    };
    await page.page.locator('vscode-dropdown[aria-label="Horizontal axis"]').press('ArrowDown');
    await changed('another axis');
    await page.page.locator('input[type=range]').press('End');
    await changed('smooth lines');
    assert.equal(await page.page.locator('.curves output').textContent(), '0.98');
    assert.ok((await texts(page, '.chart header + .caption')).every((text) => / · smoothed by 0.98$/.test(text)));
    assert.match(await label(page), /smoothed by 0.98, loss, nats per token. .*as they were measured, not smoothed$/);
    assert.equal(await page.page.locator('.twin .caption').first().isVisible(), false, 'the table is closed');
    await page.page.locator('.twin summary').first().click();
    assert.equal(await page.page.locator('.twin .caption').first().isVisible(), true);
    await press(page, 'Save as SVG');
    await until(() => saved(page) !== undefined, 'a picture');
    assert.match(saved(page)!.content, />smoothed by 0.98</);
    await page.close();
  });

  test('an axis is called logarithmic where it is, and the box begins as the charts are', async () => {
    const page = await open([sweep(0), sweep(1)]);
    const box = page.page.locator('.curves vscode-checkbox');
    const logarithmic = async () => (await texts(page, '.chart .unit')).map((unit) => unit.endsWith(' (log scale)'));
    const own = await logarithmic();
    assert.deepEqual([...new Set(own)].sort(), [false, true], 'some are, some are not');
    assert.match((await box.getAttribute('class')) ?? '', /indeterminate/);
    await box.click();
    await until(async () => (await logarithmic()).every(Boolean), 'all are');
    assert.match(await label(page), /loss, nats per token \(log scale\)/);
    await box.click();
    await until(async () => !(await logarithmic()).some(Boolean), 'none is');
    assert.doesNotMatch((await texts(page, '.unit')).join() + (await label(page)), /log scale/);
    await press(page, 'Save as SVG');
    await until(() => saved(page) !== undefined, 'a picture');
    assert.doesNotMatch(saved(page)!.content, /log scale|smoothed/);
    await page.close();
  });

  test('it is saved as a table, as pictures, and as a page that needs nothing else', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    const content = async (format: string): Promise<string> => {
      page.requests.length = 0;
      await press(page, `Save as ${format}`);
      await until(() => saved(page) !== undefined, format);
      return saved(page)!.content;
    };
    assert.match(await content('CSV'), /^run,folder,verdict,optimizer\.learningRate,adapter\.rank,seed,/);
    const svg = await content('SVG');
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.match(svg, /delivered model \(vector off\), loss, nats per token/);
    assert.match(svg, />measured on 8 harmful rows of the recipe</);
    const png = Buffer.from(await content('PNG'), 'base64');
    assert.deepEqual([...png.subarray(1, 4)].map((c) => String.fromCharCode(c)).join(''), 'PNG');
    // Twice the size of the picture in SVG.
    assert.equal(png.readUInt32BE(16), 2 * Number(/width="(\d+)"/.exec(svg)![1]));
    const html = await content('HTML');
    assert.match(html, /<h1>3 runs compared<\/h1>/);
    assert.match(html, /0 of 128/);
    assert.doesNotMatch(html, /<button|<script|<vscode/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('what runs are called is text, on the page and in what is saved', async () => {
    const title = '<img src=x onerror="document.title=\'broken\'">';
    const page = await open([sweep(0, { title }), sweep(1)]);
    for (const format of ['SVG', 'HTML']) {
      page.requests.length = 0;
      await press(page, `Save as ${format}`);
      await until(() => saved(page) !== undefined, format);
      assert.doesNotMatch(saved(page)!.content, /<img/);
    }
    assert.equal(await page.page.locator('img').count(), 0);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('answers are side by side, and it is said when there are more', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    await press(page, 'Answers side by side');
    await page.page.locator('.side-by-side tbody tr').first().waitFor();
    assert.deepEqual(await texts(page, '.side-by-side thead th'), ['prompt', 'run 0', 'run 1', 'run 2']);
    assert.ok(
      (await texts(page, '.compared-body > p')).includes(
        'The first 51 of 5,000 prompts, those with disagreements first.',
      ),
    );
    await page.close();
  });

  test('a run that is gone leaves the page', async () => {
    const page = await open([sweep(0), sweep(1), sweep(2)]);
    await page.event({ type: 'runs', of: ['/runs/0', '/runs/2'] });
    await until(async () => (await page.page.locator('.runs li').count()) === 2, 'two runs');
    assert.equal(await page.page.locator('h1').first().textContent(), '2 runs compared');
    await page.close();
  });
});
