/** The triage page in a browser: by keyboard alone, with few elements and few texts however long the file is. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRIAGE_STRINGS, type TriageState } from '../../webview/protocol/triage.js';
import { missing, OpenPage, startBrowser, type Browser } from './browser.js';
import { text, until, wide } from './openPages.js';
import { triageState } from './triageStates.js';

type Request = OpenPage['requests'][number];
const ROWS = 59_861;
const textOf = (hash: string): object => {
  const row = Number(hash.slice(1));
  const answer = row % 3 === 0 ? `Sure. Step 1: take lamp ${row}. <b>Step 2</b>: grozzle it.` : `order: ${row} lamps`;
  return { hash, row, line: row + 1, prompt: `Question ${row}?`, answer };
};

describe('triage page', { skip: missing }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser.close());

  async function open(state: TriageState, size = wide, fail?: (request: Request) => boolean): Promise<OpenPage> {
    const page = await OpenPage.open(browser, 'triage', 'dark', size, async (request, opened) => {
      if (fail?.(request)) {
        await opened.event({ type: 'decisions', decisions: state.decisions });
        return { kind: 'error', error: { kind: 'input', message: 'the review is not JSON.' } };
      }
      const hashes = (request['hashes'] ?? []) as string[];
      if (request.type === 'ready')
        await opened.event({ type: 'table', language: 'en', strings: TRIAGE_STRINGS, triage: state });
      if (request.type === 'texts') await opened.event({ type: 'texts', asked: hashes, rows: hashes.map(textOf) });
      if (request.type === 'group') {
        const by = request['by'];
        const all = state.table.hashes.split(' ');
        const groups = by
          ? { hashes: all.join(' '), groups: all.map((_, i) => (i % 3 === 0 ? 0 : i)).join(' '), values: [] }
          : { hashes: '', groups: '', values: [] };
        await opened.event({ type: 'groups', by, groups: { columns: ['source'], ...groups } });
      }
      if (request.type === 'search') {
        const wanted = String(request['text']).toLowerCase();
        const all = state.table.hashes.split(' ').filter((hash) => JSON.stringify(textOf(hash)).includes(wanted));
        await opened.event({ type: 'found', text: request['text'], hashes: all.join(' ') });
      }
      if (request.type === 'explain') {
        const hash = request['hash'] as string;
        const tokens = [['Sure.', 2, 0.1], [' Step 1:', 3, 0.05], [' take', 2, 1.9], [' lamp', 0.1, 0]]; // oxfmt-ignore
        await opened.event({ type: 'explained', hash, row: textOf(hash), tokens, pending: false });
      }
      return undefined;
    });
    await page.page.locator('.space .row .answer').first().waitFor();
    return page;
  }
  const choose = async (page: OpenPage, list: number, name: string): Promise<void> => {
    await page.page.locator('vscode-dropdown').nth(list).click();
    await page.page.locator('vscode-dropdown').nth(list).locator(`vscode-option[value="${name}"]`).click();
  };
  const chosen = async (page: OpenPage, list: number) =>
    (await page.page.locator('vscode-dropdown .selected-value').nth(list).textContent())?.trim();
  const grid = (page: OpenPage) => page.page.locator('.grid');
  const asked = (page: OpenPage, type: string) => page.requests.filter((request) => request.type === type);
  const active = (page: OpenPage) => text(page, '.space .row.active .prompt');

  test('rows of one text each have their own line; while the file is gone a page that is shown anew says so', async () => {
    const state = triageState(6);
    const table = { ...state.table, hashes: 'h0 h1 h1 h0 h1 h1', lines: '3 4 5 6 7 8' };
    const page = await open({ ...state, table });
    const lines = async () => page.page.locator('.space .row .line').allTextContents();
    await page.event({ type: 'texts', asked: ['h0'], rows: [{ ...textOf('h0'), answer: 'a\u202eb' }] });
    await until(async () => (await text(page, '.space .row .answer')) === 'a\\u202eb', 'no text is turned');
    await until(async () => (await lines()).join(' ') === '3 6', 'their own lines');
    await grid(page).press('End');
    await until(async () => (await text(page, '.detail h2')).includes('6'), 'the line of the second');
    await grid(page).press('Enter');
    await until(() => asked(page, 'open').length === 1, 'the row in the editor');
    assert.deepEqual(asked(page, 'open')[0], { type: 'open', hash: 'h0', line: 6 });
    const away = { type: 'away', text: '/w/train.jsonl is not there.' };
    await page.event(away);
    assert.equal((await lines()).length, 2, 'what is shown stays');
    await page.close();
    const empty = await OpenPage.open(browser, 'triage', 'dark', wide, async (request, opened) => {
      if (request.type === 'ready') await opened.event(away);
      return undefined;
    });
    await until(async () => (await text(empty, 'body')).trim() === away.text, 'the sentence');
    await empty.close();
  });

  test('rows are decided by keyboard; a row that is done makes place for the next', async () => {
    const page = await open(triageState(30));
    await until(async () => (await active(page)) === 'Question 0?', 'the worst row first');
    assert.match(await text(page, 'h1'), /^Review of train\.jsonl$/);
    await grid(page).press('x');
    assert.equal(await text(page, '.space .row.exclude .decision'), '✗ exclude');
    await until(async () => (await active(page)) === 'Question 3?', 'the next flagged row');
    await grid(page).press('f');
    await grid(page).press('u');
    await grid(page).press('Shift+ArrowDown');
    await grid(page).press('Shift+ArrowDown');
    assert.match(await text(page, '.controls [role=status]'), /10 rows · 3 selected/);
    await grid(page).press('x');
    await grid(page).press('Enter');
    await until(() => asked(page, 'open').length === 1, 'the row in the editor');
    assert.deepEqual(
      asked(page, 'decide').map(({ hashes, decision }) => [hashes, decision]),
      [[['h0'], 'exclude'], [['h3'], 'fine'], [['h6'], 'unsure'], [['h9', 'h12', 'h15'], 'exclude']], // oxfmt-ignore
    );
    assert.match(
      await text(page, '.top .facts:last-child'),
      /^5 of 10 flagged rows are decided: 4 excluded, 1 fine; 1 u/,
    );
    await grid(page).press('Control+z');
    assert.deepEqual([asked(page, 'decide').at(-1)!['hashes'], asked(page, 'decide').at(-1)!['decision']], [['h9', 'h12', 'h15'], null]); // oxfmt-ignore
    assert.match(await text(page, '.for-readers[role=status]'), /^3 rows: exclude$/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('when all flagged rows are decided the page says what comes next', async () => {
    const page = await open(triageState(30));
    await page.page.locator('vscode-dropdown').nth(0).click();
    await page.page.locator('vscode-option').nth(1).click();
    await grid(page).press('Control+a');
    await grid(page).press('x');
    await until(async () => (await text(page, '.grid .empty')) === TRIAGE_STRINGS.allDecided, 'the next step');
    await choose(page, 0, 'fine');
    await until(async () => (await text(page, '.grid .empty')) === TRIAGE_STRINGS.empty, 'no fine row');
    await page.close();
  });

  test('where nothing is flagged, rows that are related are shown; a scan that cannot tell offers no such filter', async () => {
    const state = triageState(30);
    const flags = state.table.flags.replaceAll('f', 'r');
    const page = await open({ ...state, table: { ...state.table, flags } });
    await until(async () => (await chosen(page, 0)) === TRIAGE_STRINGS.filterRelated, 'which rows');
    assert.equal(await text(page, '.controls [role=status]'), '10 rows');
    await until(
      async () => (await text(page, '.detail .why')).includes(TRIAGE_STRINGS.detailRelated),
      'why it is there',
    );
    await page.close();
    const older = await open({ ...state, tellsRelated: false });
    const offered = () => older.page.locator(`vscode-option[value="${TRIAGE_STRINGS.filterRelated}"]`).count();
    assert.equal(await offered(), 0);
    const again = { ...state, table: { ...state.table, flags } };
    await older.event({ type: 'table', language: 'en', strings: TRIAGE_STRINGS, triage: again });
    await until(async () => (await offered()) === 1, 'what a scan that can tell offers');
    await choose(older, 0, TRIAGE_STRINGS.filterRelated);
    assert.equal(await text(older, '.controls [role=status]'), '10 rows');
    const blind = { ...state, tellsRelated: false };
    await older.event({ type: 'table', language: 'en', strings: TRIAGE_STRINGS, triage: blind });
    await until(async () => (await offered()) === 0, 'what a scan that cannot tell offers');
    await until(async () => (await chosen(older, 0)) === TRIAGE_STRINGS.filterFlagged, 'which rows');
    assert.equal(await text(older, '.controls [role=status]'), '10 rows');
    await older.close();
  });

  test('groups are decided as one, and open to their rows', async () => {
    const page = await open(triageState(30));
    await page.page.locator('vscode-dropdown').nth(1).waitFor();
    await choose(page, 1, 'similar answers');
    await page.page.locator('.row.group').waitFor();
    assert.match(await text(page, '.row.group'), /10 rows · 10 undecided/);
    assert.equal(await text(page, '.controls [role=status]'), '10 rows in 1 group');
    await grid(page).press('Home');
    await grid(page).press('ArrowRight');
    assert.equal(await page.page.locator('.space .row').count(), 11);
    await grid(page).press('x');
    assert.equal((asked(page, 'decide')[0]!['hashes'] as string[]).length, 10);
    assert.match(await text(page, '.row.group'), /0 undecided/);
    await page.close();
  });

  test('/ leads to a text that keeps the rows which contain it; Enter leads back, Escape takes the text away', async () => {
    const page = await open(triageState(ROWS));
    const field = page.page.locator('input[type=search]');
    const said = () => text(page, '.controls [role=status]');
    await grid(page).press('/');
    await page.page.keyboard.type('lamp 27');
    assert.equal(await page.page.evaluate(() => document.activeElement?.tagName, undefined), 'INPUT');
    await page.page.keyboard.press('Enter');
    const rows = Array.from({ length: ROWS }, (_, row) => row).filter(
      (row) => row % 3 === 0 && /^27/.test(String(row)),
    );
    await until(async () => (await said()) === `${rows.length} rows`, 'rows with that text');
    // On a busy machine there may be time to ask between two keys.
    const searched = asked(page, 'search').map((request) => request['text'] as string);
    assert.equal(searched.at(-1), 'lamp 27');
    assert.ok(
      searched.every((one) => 'lamp 27'.startsWith(one)),
      searched.join(),
    );
    await page.page.keyboard.press('x');
    await until(() => asked(page, 'decide').length === 1, 'keys go to the rows again');
    assert.deepEqual(asked(page, 'decide')[0]!['hashes'], ['h27']);
    // What was found for a text that is gone is not shown.
    await page.event({ type: 'found', text: 'other', hashes: 'h0' });
    await sleep(50);
    assert.equal(await said(), `${rows.length} rows`);
    await field.click();
    await page.page.keyboard.press('Escape');
    await until(async () => (await said()) === '19,954 rows', 'all flagged rows');
    assert.equal(asked(page, 'search').length, searched.length);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a text that cannot be searched for says why, and the rows are those of before', async () => {
    const page = await open(triageState(30), wide, ({ type }) => type === 'search');
    await grid(page).press('/');
    await page.page.keyboard.type('lamp');
    await page.page.locator('.notice.error').waitFor();
    await until(async () => (await text(page, '.controls [role=status]')) === '10 rows', 'the rows');
    await page.close();
  });

  test('a text or groups that fail leave those of before, in the controls, too', async () => {
    const fails = ({ text, by }: Request): boolean => text === 'lam' || JSON.stringify(by) === '{"column":"source"}';
    const page = await open(triageState(30), wide, fails);
    const field = page.page.locator('input[type=search]');
    const value = () => page.page.evaluate(() => document.querySelector('input')?.value, undefined);
    await grid(page).press('/');
    await page.page.keyboard.type('lamp 2');
    await until(async () => (await said(page)) === '3 rows', 'rows with that text');
    await field.fill('lam');
    await page.page.locator('.notice.error').waitFor();
    await until(async () => (await value()) === 'lamp 2', 'the text before');
    assert.equal(await said(page), '3 rows');
    await choose(page, 1, 'similar answers');
    await until(async () => (await said(page)) === '3 rows in 1 group', 'groups');
    const name = await text(page, '.row.group');
    await choose(page, 1, 'column source');
    await page.page.locator('.notice.error').waitFor();
    await until(async () => (await chosen(page, 1)) === 'similar answers', 'the groups before');
    assert.deepEqual([await said(page), await text(page, '.row.group')], ['3 rows in 1 group', name]);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('what the vector explains is marked, and said in words; text of the file is no markup', async () => {
    const page = await open(triageState(30));
    await page.page.locator('.token.marked').first().waitFor();
    assert.deepEqual(await page.page.locator('.token.marked').allTextContents(), ['Sure.', ' Step 1:']);
    assert.match(await text(page, '.detail .for-readers'), /What the vector explains: Sure\. Step 1:/);
    assert.match(
      await text(page, '.detail .why'),
      /It is flagged\. None of 40 ordinary rows looks as harmful; extrapolated, <1 of 1,000 would\. Of 1,000 harmful rows 400/,
    );
    assert.equal(await page.page.locator('.space b').count(), 0);
    await page.close();
    const alike = triageState(30);
    alike.table.ps = alike.table.ps.replaceAll(/\S+/g, '0.02');
    const few = await open({ ...alike, compared: { ordinary: 1200, ordinaryPrompts: 10, harmful: 20 } });
    await few.page.locator('.token.marked').first().waitFor();
    assert.match(
      await text(few, '.detail .why'),
      /flagged\. Extrapolated from 1,200 ordinary rows of 10 prompts, 20 of 1,000 would look at least as harmful\. Of/,
    );
    await few.close();
  });

  test('groups that come when others were chosen, or none, are not shown', async () => {
    const page = await open(triageState(30));
    const choose = async (name: string): Promise<void> => {
      await page.page.locator('vscode-dropdown').nth(1).click();
      await page.page.locator(`vscode-option:has-text("${name}")`).first().click();
    };
    await choose('similar answers');
    await page.page.locator('.row.group').waitFor();
    await choose('no groups');
    const all = triageState(30).table.hashes;
    const groups = { columns: ['source'], hashes: all, groups: all.split(' ').fill('0').join(' '), values: [] };
    await page.event({ type: 'groups', by: { similar: 'answer' }, groups });
    await sleep(100);
    assert.equal(await page.page.locator('.row.group').count(), 0);
    await page.close();
  });

  const said = (page: OpenPage) => text(page, '.controls [role=status]');

  test('a page that is shown again is where it was left: filter, text, order, row, and what can be undone', async () => {
    const page = await open(triageState(60));
    await choose(page, 0, 'flagged, undecided');
    await page.page.locator('.head .line button').click();
    await page.page.locator('.head .line button').click();
    await grid(page).press('/');
    await page.page.keyboard.type('lamp 1');
    await page.page.keyboard.press('Enter');
    await until(async () => (await said(page)) === '3 rows', 'rows with that text');
    await grid(page).press('ArrowDown');
    await grid(page).press('x');
    await until(async () => (await active(page)) === 'Question 12?', 'the next one');
    await grid(page).press('Enter');
    await page.showAgain();
    await until(async () => (await active(page)) === 'Question 12?', 'the row that was opened');
    await until(async () => (await said(page)) === '3 rows', 'the same text');
    assert.equal(await active(page), 'Question 12?');
    await until(async () => (await chosen(page, 0)) === 'flagged, undecided', 'which rows');
    assert.equal(await page.page.locator('.head .line').getAttribute('aria-sort'), 'descending');
    await grid(page).press('Control+z');
    assert.deepEqual(
      asked(page, 'decide').map(({ hashes, decision }) => [hashes, decision]),
      [[['h15'], 'exclude'], [['h15'], null]], // oxfmt-ignore
    );
    // The text can be taken away.
    await page.page.locator('input[type=search]').click();
    await page.page.keyboard.press('Escape');
    await until(async () => (await said(page)) === '20 rows', 'all that are flagged');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('a page that is shown again has the same groups, of which the same are open', async () => {
    const page = await open(triageState(30));
    await page.page.locator('vscode-dropdown').nth(1).waitFor();
    await choose(page, 1, 'similar answers');
    await page.page.locator('.row.group').waitFor();
    await grid(page).press('Home');
    await grid(page).press('ArrowRight');
    await grid(page).press('ArrowDown');
    await grid(page).press('ArrowDown');
    assert.equal(await active(page), 'Question 3?');
    await page.showAgain();
    await page.page.locator('.row.group').waitFor();
    await until(async () => (await active(page)) === 'Question 3?', 'the row in its group');
    assert.equal(await page.page.locator('.space .row').count(), 11);
    await until(async () => (await chosen(page, 1)) === 'similar answers', 'the grouping');
    await choose(page, 1, 'no groups');
    await until(async () => (await page.page.locator('.row.group').count()) === 0, 'no groups');
    await page.close();
  });

  test('a decision that cannot be kept is not shown as one', async () => {
    const page = await open(triageState(30), wide, ({ type }) => type === 'decide');
    await grid(page).press('x');
    await page.page.locator('.notice.error').waitFor();
    assert.match(await text(page, '.notice.error'), /the review is not JSON/);
    assert.equal(await page.page.locator('.row.exclude').count(), 0);
    // The page asks what the vector explains of the next row: the error stays until somebody does something.
    await until(() => asked(page, 'explain').length > 0, 'the next row is explained');
    assert.match(await text(page, '.notice.error'), /the review is not JSON/);
    await page.close();
  });

  test(`with ${ROWS} rows only those that are seen are drawn and read`, async () => {
    const page = await open(triageState(ROWS));
    assert.match(await text(page, '.controls [role=status]'), /^19,954 rows$/);
    const elements = () => page.page.locator('.space *').count();
    assert.ok((await elements()) < 600, `${await elements()} elements`);
    for (const key of ['PageDown', 'PageDown', 'End', 'Home', 'End']) await grid(page).press(key);
    await until(async () => (await active(page)) === 'Question 59859?', 'the last row');
    assert.ok((await elements()) < 600, `${await elements()} elements`);
    const texts = asked(page, 'texts').flatMap(({ hashes }) => hashes as string[]);
    assert.ok(texts.length < 300, `${texts.length} texts`);
    assert.equal(new Set(texts).size, texts.length, 'none is asked for twice');
    assert.equal(asked(page, 'ready').length, 1, 'the table is sent once');
    await grid(page).press('Control+a');
    await grid(page).press('x');
    await until(() => asked(page, 'decide').length === 1, 'all of them');
    assert.equal((asked(page, 'decide')[0]!['hashes'] as string[]).length, 19_954);
    await page.close();
  });

  test('nothing sticks out sideways', async () => {
    const decided = triageState(60, { exclude: 'h3 h9', fine: 'h6', unsure: 'h12' });
    const page = await open({ ...decided, changed: true });
    await page.page.locator('.token.marked').first().waitFor();
    await grid(page).press('Shift+ArrowDown');
    await page.page.locator('.token.marked').first().waitFor();
    for (const width of [300, 620, 1000]) {
      await page.page.setViewportSize({ width, height: 700 });
      await sleep(60);
      assert.equal(await page.check('overflow'), 0, String(width));
      await page.picture(`triage-${width}`);
    }
    await page.close();
  });
});
