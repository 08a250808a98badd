/**
 * Flagged rows of the sample are reviewed by keyboard: one by one and as a group, exported, and trained on as reviewed.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ALL_THEMES } from '../workbench.mjs';

export const title = 'Flagged rows are reviewed, exported and trained on as reviewed';

export default async function triage({ step, page, until, shot, command, open, container, pick, ...bench }) {
  const { lens, press, scan, webview, runPage, workspace, answer, notification, quickFix } = bench;
  const file = (...parts) => path.join(workspace, ...parts);
  const review = async () => JSON.parse(await readFile(file('data/train.jsonl.review.json'), 'utf8'));
  const lines = async (name) => (await readFile(file(name), 'utf8')).trimEnd().split('\n');
  const finished = (run) =>
    run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: 180_000 });
  const table = (timeout) => webview('main.page.triage .space .row', timeout);
  /** Chooses in a dropdown of the page. */
  const choose = async (at, text, shown = table()) => {
    const frame = await shown;
    await frame.locator('vscode-dropdown').nth(at).click();
    await frame.locator('vscode-dropdown').nth(at).locator('vscode-option').filter({ hasText: text }).first().click();
  };
  /** A file that has a tab: beside its review the list of files to open begins with that. */
  const renameInExplorer = async (from, to) => {
    // the page keeps where one is a tenth of a second later
    await page.waitForTimeout(500);
    await page.locator(`.tab[data-resource-name="${from}"]`).click();
    await command('File: Reveal Active File in Explorer View');
    await page.keyboard.press('F2');
    const input = page.locator('.explorer-item-edited input, .explorer-folders-view input').first();
    await input.waitFor();
    await input.fill(to);
    await input.press('Enter');
    // VS Code asks whether the review may be renamed, too.
    await page.locator('.monaco-dialog-box').getByRole('button', { name: 'OK' }).click();
    await until(async () => (await readFile(file('data', to), 'utf8').catch(() => '')) !== '', `${to} in its folder`);
  };
  let flagged;

  await step('the vector is trained, and the data are scanned with it', async () => {
    await container('Security Vectors');
    await open('recipes/vector.json');
    await finished(await runPage(lens('train the security vector')));
    await open('data/train.jsonl');
    // Once it names the vector it is not drawn anew.
    const found = await scan('forbidden-topic');
    flagged = Number(/(\d+) of 571/.exec(await found.textContent())[1]);
    assert.ok(flagged > 150 && flagged < 195, `${flagged} flagged`);
  });

  await step(
    'the review opens from the lens, with the worst row, its scores and the words that the vector explains',
    async () => {
      const frame = await press(lens('Review flagged rows'), table);
      await frame
        .locator('.controls [role=status]')
        .filter({ hasText: `${flagged} rows` })
        .waitFor();
      await frame.locator('.token.marked').first().waitFor({ timeout: 60_000 });
      assert.match(await frame.locator('.detail .why').textContent(), /It is flagged.*The vector explains \d+/);
      await shot('50-triage', ALL_THEMES);
    },
  );

  await step(
    '/ leads to a text that keeps the rows which contain it; Enter leads back to them, Escape takes it away',
    async () => {
      const frame = await table();
      const shows = (text) => frame.locator('.controls [role=status]').filter({ hasText: text }).waitFor();
      await frame.locator('.grid').press('/');
      await page.keyboard.type('grozzle');
      await page.keyboard.press('Enter');
      await shows(/^\d{1,2} rows/);
      // texts come after their rows
      await frame
        .locator('.space .row')
        .first()
        .filter({ hasText: /grozzle/i })
        .waitFor();
      await until(async () => (await frame.locator('.grid:focus-within').count()) > 0, 'the rows have the keys');
      await frame.locator('input[type=search]').press('Escape');
      await shows(`${flagged} rows`);
    },
  );

  await step('rows are decided by keyboard, and kept beside the data', async () => {
    const grid = (await table()).locator('.grid');
    await choose(0, 'flagged, undecided');
    await grid.press('x');
    await grid.press('f');
    await grid.press('u');
    await grid.press('Shift+ArrowDown');
    await grid.press('x');
    await until(async () => (await review()).exclude.length === 3, 'the decisions in the file');
    const { fine, unsure } = await review();
    assert.deepEqual([fine.length, unsure.length], [1, 1]);
    await grid.press('Control+z');
    await until(async () => (await review()).exclude.length === 1, 'two taken back');
  });

  await step('a group of similar rows is decided as one', async () => {
    const frame = await table();
    await choose(1, 'similar answers');
    await frame.locator('.row.group').first().waitFor({ timeout: 60_000 });
    const [, size] = /([\d,]+) rows/.exec(await frame.locator('.row.group').first().textContent());
    assert.ok(Number(size) > 20, `${size} rows in the largest group`);
    await frame.locator('.grid').press('Home');
    await shot('51-triage-groups');
    await frame.locator('.grid').press('x');
    await until(async () => (await review()).exclude.length >= Number(size), 'the whole group in the file');
  });

  await step('Enter opens the row, whose mark and lens show the decision; its quick fix takes it back', async () => {
    const frame = await table();
    await choose(1, 'no groups');
    await choose(0, 'fine');
    await frame
      .locator('.controls [role=status]')
      .filter({ hasText: /^1 row$/ })
      .waitFor();
    await frame.locator('.grid').press('Home');
    await frame.locator('.grid').press('Enter');
    await page.locator('.tab.active[data-resource-name="train.jsonl"]').waitFor();
    await shot('52-triage-editor');
    await quickFix('Undo the decision');
    await shot('53-triage-quick-fix', ['dark']);
    await page.keyboard.press('Enter');
    await until(
      async () => (await review()).exclude.length > 0 && (await review()).fine.length === 0,
      'another decision',
    );
    await page.keyboard.press('Control+Home');
    await lens('excluded').first().waitFor();
    await command('Security Vectors: Review Flagged Rows');
    // It is as it was left: the only row that was fine is none any more.
    await choose(0, 'flagged', webview('main.page.triage .grid .empty:not([hidden])'));
    await table();
  });

  await step('renamed, a file keeps its review and its scan, and the page goes on; undone, too', async () => {
    const { exclude } = await review();
    const tab = (name) => page.locator('.tab').filter({ hasText: `Review: data/${name}` });
    await renameInExplorer('train.jsonl', 'renamed.jsonl');
    await tab('renamed.jsonl').first().click();
    await table();
    assert.deepEqual(JSON.parse(await readFile(file('data/renamed.jsonl.review.json'), 'utf8')).exclude, exclude);
    await assert.rejects(readFile(file('data/train.jsonl.review.json')), { code: 'ENOENT' });
    await renameInExplorer('renamed.jsonl', 'train.jsonl');
    await tab('train.jsonl').first().waitFor();
    assert.deepEqual((await review()).exclude, exclude);
    await command('Security Vectors: Review Flagged Rows');
    await table();
  });

  await step('a cleaned copy without the excluded rows is saved, its other rows byte for byte', async () => {
    const { exclude } = await review();
    await (await table()).getByRole('button', { name: 'Save a cleaned copy' }).click();
    await pick('Keep them as they are');
    await answer('', file('data/kept.jsonl'));
    const kept = await until(() => lines('data/kept.jsonl'), 'the cleaned file');
    const before = await lines('data/train.jsonl');
    assert.ok(kept.every((line) => before.includes(line)));
    // Rows that say the same share a decision.
    assert.ok(before.length - kept.length >= exclude.length, `${before.length} rows, ${kept.length} kept`);
    await notification('kept.jsonl').first().waitFor();
  });

  await step(
    'a recipe that says "reviewed" trains without them, says so, and names the review in its manifest',
    async () => {
      const { exclude } = await review();
      const recipe = JSON.parse(await readFile(file('recipes/protected.json'), 'utf8'));
      const data = { ...recipe.data, exclude: 'reviewed' };
      await writeFile(
        file('recipes/protected.json'),
        JSON.stringify({ ...recipe, data, evaluate: [], epochs: 1 }, null, 2),
      );
      await open('recipes/protected.json');
      await finished(await runPage(lens('fine-tune with protection')));
      const manifest = JSON.parse(await readFile(file('adapters/orders-protected/manifest.json'), 'utf8'));
      assert.ok(manifest.data[0].review.excluded >= exclude.length);
      assert.equal(manifest.data[0].review.fine, 0);
      const events = await readFile(file('adapters/orders-protected/events.jsonl'), 'utf8');
      assert.match(events, /train\.jsonl, as reviewed: \d+ rows? (is|are) left out, 0 are fine/);
    },
  );
}
