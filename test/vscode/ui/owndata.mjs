/** A table with columns of its own, at the workspace's top level, from the wizard to a verdict: by keyboard alone. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

export const title = 'Own data: a table with odd columns, to a verdict';

const root = path.resolve(import.meta.dirname, '../../..');
const FINISHED = 300_000;
/** Neither of the columns has a name that a wizard could guess. */
const HEADER = 'ticket,Was der Kunde schrieb,Unser Text,channel';

export default async function owndata({
  step,
  page,
  until,
  shot,
  command,
  workspace,
  container,
  fold,
  row,
  webview,
  open,
  asked,
  typed,
  ...bench
}) {
  const inWorkspace = (...names) => path.join(workspace, ...names);
  const quickInput = page.locator('.quick-input-widget');
  const rows = quickInput.locator('.quick-input-list .monaco-list-row');
  const focused = quickInput.locator('.quick-input-list .monaco-list-row.focused');

  await step('tables anywhere in the workspace are data, but for those of ignored results', async () => {
    const lines = (await readFile(inWorkspace('data/train.jsonl'), 'utf8')).trim().split('\n');
    const cells = lines.map((line) => JSON.parse(line).messages.map(({ content }) => content));
    const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
    const table = cells.map(([asks, says], i) => `${i},${quoted(asks)},${quoted(says)},mail`);
    await writeFile(
      inWorkspace('support tickets.csv'),
      `${[HEADER, ...table, table[0], '7,,no question,mail'].join('\n')}\n`,
    );
    await writeFile(inWorkspace('.gitignore'), 'out/\n');
    await promisify(execFile)('mkdir', ['-p', inWorkspace('out')]);
    await writeFile(inWorkspace('out/log.csv'), 'a,b\n1,2\n');
    const recipe = inWorkspace('recipes/vector.json');
    await writeFile(recipe, (await readFile(recipe, 'utf8')).replace('"epochs": 10', '"epochs": 6'));
    await promisify(execFile)(process.execPath, [path.join(root, 'dist/cli.js'), 'train', recipe]);
    await container('Security Vectors');
    // Room for the rows of the Data view.
    await fold(['Runs'], true);
    await command('Security Vectors: Add a Model');
    await typed(/Which model\?/, 'tiny-assistant');
    await row('Data', 'support tickets.csv').filter({ hasText: 'columns to be chosen' }).waitFor();
    await command('Security Vectors: Refresh');
    await until(async () => (await row('Data', 'log.csv').count()) === 0, 'no data of results');
    await row('Models', 'forbidden-topic').waitFor();
  });

  await step('a file that is dragged onto the Data view may be used for anything', async () => {
    await open('support tickets.csv');
    await page.locator('.tab.active').dragTo(bench.pane('Data').locator('.monaco-list'));
    await asked(/support tickets\.csv: what are its rows\?/);
    await shot('79-dropped', ['dark']);
    await page.keyboard.press('Escape');
    await command('View: Close All Editors');
  });

  await step('the wizard asks which column is what, as the table has no known format', async () => {
    await command('Security Vectors: Fine-Tune with Protection');
    await typed(/Which data\?/, 'support tickets.csv');
    await asked(/support tickets\.csv: what are its rows\?/);
    await shot('80-rows', ['dark']);
    await page.keyboard.press('Enter');
    await asked(/Which column is the prompt\?/);
    await shot('81-prompt', ['dark']);
    await typed(/Which column is the prompt\?/, 'Kunde');
    await typed(/Which column is the answer\?/, 'Unser Text');
  });

  await step('three rows are shown as the model reads them, and in full beside', async () => {
    await asked(/should it be read like this/);
    await rows.filter({ hasText: 'Use these columns' }).waitFor();
    await until(
      async () => (await rows.filter({ hasText: /line \d+: \d+ tokens, \d+ of them learned/ }).count()) === 3,
      'rows',
    );
    assert.match(await rows.nth(1).textContent(), /⟦.+⟧/);
    await shot('82-as-read', ['dark']);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.tab.active').filter({ hasText: 'support tickets.csv as tiny-assistant reads it' }).waitFor();
    await asked(/should it be read like this/);
    await shot('83-rows-in-full', ['dark']);
    await page.keyboard.press('Enter');
  });

  await step('a part of the data is kept for evaluation, beside the set of harmful questions', async () => {
    await asked(/Which security vector protects it\?/);
    await page.keyboard.press('Enter');
    await asked(/How is it protected\?/);
    await page.keyboard.press('Enter');
    await asked(/What is trained\?/);
    await page.keyboard.press('Enter');
    await asked(/Which sets measure the result\?/);
    await page.keyboard.type('Keep 10');
    await page.keyboard.press('ArrowDown');
    await focused.filter({ hasText: 'Keep 10 % of support tickets.csv for evaluation' }).waitFor();
    await page.keyboard.press('Space');
    await shot('84-sets', ['dark']);
    await page.keyboard.press('Enter');
    await typed(/What is measured on the kept rows\?/, 'Right answers, exactly');
    await quickInput.filter({ hasText: 'Name of the result' }).waitFor();
    await page.keyboard.press('Enter');
  });

  await step('a row without a question stops the run before it begins, at its line', async () => {
    const run = await webview('main.page header.run .facts', 60_000);
    const message = run.getByRole('alert').filter({ hasText: 'The run failed' });
    await message.waitFor({ timeout: 60_000 });
    assert.match(
      await message.textContent(),
      /support tickets\.csv:\d+.*"Was der Kunde schrieb" \(prompt\) is missing/s,
    );
    const recipe = JSON.parse(await readFile(inWorkspace('recipes/support-tickets-protected.json'), 'utf8'));
    assert.deepEqual(recipe.data, {
      file: '../support tickets.csv',
      columns: { prompt: 'Was der Kunde schrieb', completion: 'Unser Text' },
    });
    assert.deepEqual(recipe.heldOut, { share: 0.1, measure: 'exact' });
  });

  await step('the data view says what is wrong with it, and a click goes to the row', async () => {
    await fold(['Models'], true);
    const file = row('Data', 'support tickets.csv');
    await file.filter({ hasText: '573 rows · 1 invalid' }).waitFor();
    await file.locator('.monaco-tl-twistie').click();
    await row('Data', 'Tokens')
      .filter({ hasText: /\d+ for tiny-assistant/ })
      .waitFor({ timeout: 60_000 });
    await row('Data', 'Format').filter({ hasText: 'completion · prompt ← Was der Kunde schrieb' }).waitFor();
    await row('Data', 'Duplicates').filter({ hasText: '19 rows' }).waitFor();
    await shot('85-data-view');
    await row('Data', 'Invalid').filter({ hasText: '1 row' }).click();
    await page.locator('.tab.active[data-resource-name="support tickets.csv"]').waitFor();
    await until(
      async () => /Ln 574\b/.test(await page.locator('.statusbar').textContent()),
      'the cursor at the invalid row',
    );
  });

  await step('corrected, it runs to a verdict, with the kept rows as a set of their own', async () => {
    const file = inWorkspace('support tickets.csv');
    await writeFile(file, (await readFile(file, 'utf8')).replace('7,,no question,mail\n', ''));
    await command('Security Vectors: Run Recipe');
    await typed(/Which recipe\?/, 'support-tickets-protected');
    const run = await webview('main.page header.run .facts', 60_000);
    await run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: FINISHED });
    await run.locator('.verdict-line').first().waitFor();
    const table = await run.locator('table.results').textContent();
    assert.match(table, /held out/);
    assert.match(table, /forbidden topic/);
    await shot('86-verdict');
    await open('recipes/support-tickets-protected.json');
    await shot('87-recipe', ['dark']);
  });
}
