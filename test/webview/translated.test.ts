/** Pages say nothing in English that a translator did not get: what is no data of the host comes from its strings. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing, startBrowser, type Browser } from './browser.js';
import { MOMENTS, openMoment, type Wording } from './moments.js';

/** What a translator gives, marked so that it is known again: «…», with its places for values. */
const marked: Wording = {
  language: 'de',
  words: (strings) => Object.fromEntries(Object.entries(strings).map(([key, text]) => [key, `«${text}»`])),
};
/** Signs and units that are the same everywhere. */
const UNIVERSAL = /^(x|f|u|CPU|GPU)$/;

describe('pages in another language', { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  for (const name of Object.keys(MOMENTS))
    test(`${name}: every word is translated, or the reader's own`, async () => {
      const page = await openMoment(browser, name, marked);
      const own = JSON.stringify(page.sent, (key, value: unknown) => (key === 'strings' ? undefined : value));
      const all = await page.check('said');
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
      await page.close();
    });
});
