/**
 * Every page, at every moment that looks different, for those who do not see it, use no mouse, magnify it, want it
 * still, or read another language: it says nothing in English that a translator did not get.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import type { AxeResults, RunOptions } from 'axe-core';
import { missing, startBrowser, THEMES, type Browser, type OpenPage } from './browser.js';
import { MOMENTS, openMoment, type Wording } from './moments.js';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const names = Object.keys(MOMENTS);
/**
 * A language that is written from the right, in what a translator gives, marked so that it is known again: «…», with
 * its places for values. Its numbers and dates have no letters of their own.
 */
const marked: Wording = {
  language: 'he',
  words: (strings) => Object.fromEntries(Object.entries(strings).map(([key, text]) => [key, `«${text}»`])),
};
/** Signs and units that are the same everywhere. */
const UNIVERSAL = /^(x|f|u|CPU|GPU)$/;
/** What a page has of a sidebar that is as narrow as it can be: 170 px with its border. */
const LEAST_WIDTH = 167;
/** A sidebar is narrow; other pages are tabs. */
const sizeOf = (name: string) => ({ width: name.startsWith('training') ? 300 : 1280, height: 800 });

/** What axe finds, as "rule: element"; every rule it has, best practices too. */
async function violations({ page }: OpenPage): Promise<string[]> {
  await page.evaluate((code) => void (0, eval)(code), axe);
  const results = await page.evaluate(
    (options) => (globalThis as unknown as { axe: { run(o: RunOptions): Promise<AxeResults> } }).axe.run(options),
    { resultTypes: ['violations'] } as RunOptions,
  );
  assert.ok(results.passes.length > 5, `axe has looked at ${results.passes.length} rules only`);
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

describe('pages for everyone', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  test('the checks find a page that is wrong', async () => {
    const page = await openMoment(browser, 'run-done');
    await page.page.evaluate(() => {
      const button = document.createElement('button');
      button.style.cssText = 'transition: color 1s; position: fixed; left: -90px; width: 50px';
      document.body.append(button);
    }, undefined);
    assert.ok((await violations(page)).some((found) => found.startsWith('button-name: ')));
    assert.deepEqual(await page.check('moving'), ['button ']);
    assert.deepEqual(await page.check('unreachable'), ['button ']);
    assert.notDeepEqual(await page.check('lowContrast', 21), []);
    await page.page.emulateMedia({ reducedMotion: 'reduce' });
    assert.deepEqual(await page.check('moving'), []);
    await page.close();
  });

  for (const name of names)
    describe(name, () => {
      const size = sizeOf(name);
      // To open a page takes longer than most checks: those that leave it as it was come first, and share it.
      let page: OpenPage;
      let translated: OpenPage;
      before(async () => {
        page = await openMoment(browser, name, { size });
        translated = await openMoment(browser, name, { size, ...marked });
      });
      after(async () => {
        await page.close();
        await translated.close();
      });

      test(`${name}: axe finds nothing, and every text has a contrast of 4.5 : 1 in each theme`, async () => {
        assert.deepEqual(await violations(page), []);
        for (const theme of THEMES) assert.deepEqual(await page.lowContrast(theme), [], theme);
        assert.deepEqual(page.complaints, []);
        await page.theme('dark');
      });

      test(`${name}: in a language that is written from the right, the page starts there`, async () => {
        const [before, mirrored] = [await page.check('sides'), await translated.check('sides')];
        assert.equal(await translated.check('overflow'), 0);
        if (before.heading !== undefined) assert.ok(mirrored.heading! > 0.5 && before.heading < 0.5, 'the heading');
        if (before.accent !== undefined) assert.deepEqual([before.accent, mirrored.accent], [0, 1]);
        await translated.picture(`from-the-right-${name}`);
        assert.deepEqual(translated.complaints, []);
      });

      test(`${name}: every word is translated, or the reader's own`, async () => {
        const own = JSON.stringify(translated.sent, (key, value: unknown) => (key === 'strings' ? undefined : value));
        const all = await translated.check('said');
        assert.ok(
          all.some((text) => text.includes('«')),
          'nothing is translated',
        );
        // What is left of a text without what is translated in it.
        const rest = (text: string): string => {
          let [last, now] = [text, text.replace(/«[^«»]*»/g, '\0')];
          while (now !== last) [last, now] = [now, now.replace(/«[^«»]*»/g, '\0')];
          return now;
        };
        const left = all.flatMap((text) =>
          rest(text)
            .split(/[\0:·,()+.?]/)
            .map((part) => part.trim())
            .filter((part) => /\p{L}{2}/u.test(part) && !own.includes(JSON.stringify(part).slice(1, -1)))
            .filter((part) => !UNIVERSAL.test(part)),
        );
        assert.deepEqual(left, []);
      });

      test(`${name}: at 200 % nothing is cut off and every control can be used`, async () => {
        const { width, height } = size;
        // A page at 200 % has half as many pixels each way; a sidebar is made wider, but for its least width.
        await page.page.setViewportSize({ width: Math.max(LEAST_WIDTH, width / 2), height: height / 2 });
        await page.drawn();
        assert.equal(await page.check('overflow'), 0);
        assert.deepEqual(await page.check('unreachable'), []);
        await page.picture(`zoomed-${name}`);
        await page.page.setViewportSize(size);
      });

      test(`${name}: Tab comes to every control, shows where it is, and gets out again`, async () => {
        // A page may begin in its midst: then on, past its end, from its top.
        for (let [stops, outside] = [0, 0]; outside < 2; stops++) {
          await page.page.keyboard.press('Tab');
          const at = await page.check('visit');
          if (at?.isFirst === false) break;
          assert.ok(stops < 200, 'Tab never ends');
          if (!at) outside++;
          else assert.equal(at.outlined, true, `nothing shows that "${at.name}" has the focus`);
        }
        assert.deepEqual(await page.check('unvisited'), []);
      });

      test(`${name}: nothing moves for those who want less of it`, async () => {
        await page.page.emulateMedia({ reducedMotion: 'reduce' });
        assert.deepEqual(await page.check('moving'), []);
      });
    });
});
