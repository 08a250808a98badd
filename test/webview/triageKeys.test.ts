/** The triage page in a browser: keys decide about rows also after a button has. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRIAGE_STRINGS, type TriageState } from '../../webview/protocol/triage.js';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';

const words = (word: string): string => Array(4).fill(word).join(' ');
const triage: TriageState = {
  id: '/w/train.jsonl',
  name: 'train.jsonl',
  vector: 'forbidden-topic',
  summary: '4 of 4 look harmful.',
  changed: false,
  compared: { ordinary: 40, harmful: 20 },
  tellsRelated: false,
  table: {
    ...{ rows: '0 1 2 3', lines: '1 2 3 4', hashes: 'h0 h1 h2 h3', flags: words('f'), ps: words('0.001') },
    ...{ harmfulPs: words('0.4'), shares: words('0.9'), without: words('2.1'), with: words('0.1') },
  },
  decisions: { exclude: '', fine: '', unsure: '' },
};

describe('keys of the triage page', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  test('a key after a click on Exclude decides about the next row', async () => {
    const page = await OpenPage.open(browser, 'triage', 'dark', { width: 1280, height: 800 }, async (asked, opened) => {
      const hashes = (asked['hashes'] ?? []) as string[];
      const rows = hashes.map((hash, row) => ({ hash, row, line: row + 1, prompt: hash, answer: 'Sure.' }));
      if (asked.type === 'ready')
        await opened.event({ type: 'table', language: 'en', strings: TRIAGE_STRINGS, triage });
      if (asked.type === 'texts') await opened.event({ type: 'texts', asked: hashes, rows });
      return undefined;
    });
    await page.page.locator('.space .row .answer').first().waitFor();
    await page.page.locator('vscode-button:has-text("exclude")').first().click();
    await page.page.keyboard.press('f');
    const decided = () => page.requests.filter(({ type }) => type === 'decide');
    for (let i = 0; i < 1500 && decided().length < 2; i++) await sleep(20);
    assert.deepEqual(
      decided().map(({ hashes, decision }) => [hashes, decision]),
      [[['h0'], 'exclude'], [['h1'], 'fine']], // oxfmt-ignore
    );
    await page.close();
  });
});
