/** The window is reloaded while a run is going on: nothing is lost, the page comes back, the run can be resumed. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stepOf } from '../workbench.mjs';

const ENDED = /stopped|interrupted/;

export const title = 'A window that is reloaded during a run';

export default async function reload({
  step,
  page,
  workspace,
  until,
  command,
  reloadWindow,
  open,
  lens,
  notification,
  press,
  webview,
  runPage,
  container,
  row,
  shot,
}) {
  const file = path.join(workspace, 'recipes/vector.json');
  const recipe = JSON.parse(await readFile(file, 'utf8'));
  // Long enough to be caught in the middle on a fast machine, short enough to be finished afterwards.
  await writeFile(file, JSON.stringify({ ...recipe, epochs: 16 }, null, 2));
  let before;

  await step('a run is going on', async () => {
    await container('Security Vectors');
    await open('recipes/vector.json');
    const run = await runPage(lens('train the security vector'));
    await until(async () => (await stepOf(run)) > 25, 'some steps', 60_000);
    before = await stepOf(run);
  });

  await step('after a reload its page is there again, and says where the run ended', async () => {
    await reloadWindow();
    const run = await webview('main.page header.run .facts', 60_000);
    // The engine is asked to stop when the window goes: with time enough it does, without it the run is cut off.
    await run.locator('header.run .facts').filter({ hasText: ENDED }).waitFor();
    await row('Runs', 'forbidden-topic').filter({ hasText: ENDED }).waitFor();
    const kept = await stepOf(run);
    assert.ok(kept >= before && kept < 128, `step ${kept} after the reload, ${before} before`);
    await shot('40-reloaded', ['dark']);
  });

  await step('and goes on from its checkpoint', async () => {
    const run = await webview('main.page header.run .facts');
    await run.getByRole('button', { name: 'Resume' }).click();
    await run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: 120_000 });
    assert.equal(await stepOf(run), 128);
    // Nobody has added the recipe's model; its vector is to be attached all the same.
    await row('Models', 'forbidden-topic').waitFor();
  });

  await step('a tab that nobody has looked at since a reload is not opened a second time', async () => {
    await open('recipes/vector.json');
    await reloadWindow();
    await container('Security Vectors');
    const tabs = page.locator('.tab').filter({ hasText: 'forbidden-topic' });
    assert.equal(await tabs.count(), 1, 'the tab is there again');
    await runPage(row('Runs', 'forbidden-topic'));
    assert.equal(await tabs.count(), 1);
  });

  await step('runs that wait are there again in their order, and the queue is still paused', async () => {
    await command('Security Vectors: Pause the Queue');
    const plain = JSON.parse(await readFile(path.join(workspace, 'recipes/plain.json'), 'utf8'));
    const names = ['waits-a', 'waits-b'];
    for (const name of names) {
      const evaluate = [{ ...plain.evaluate[0], limit: 12 }];
      const small = { data: { ...plain.data, limit: 32 }, probes: {}, evaluate, steps: 2, epochs: undefined };
      const recipe = { ...plain, ...small, output: `../adapters/${name}` };
      await writeFile(path.join(workspace, `recipes/${name}.json`), JSON.stringify(recipe, null, 2));
      await open(`recipes/${name}.json`);
      const waits = row('Runs', name).filter({ hasText: 'in the queue' });
      await press(lens('fine-tune without protection'), (timeout) => waits.waitFor({ timeout }));
    }
    await reloadWindow();
    await container('Security Vectors');
    for (const [i, name] of names.entries())
      await row('Runs', name)
        .filter({ hasText: `place ${i + 1} in the queue` })
        .waitFor({ timeout: 60_000 });
    await command('Security Vectors: Continue the Queue');
    for (const name of names) await row('Runs', name).filter({ hasText: 'plain' }).waitFor({ timeout: 120_000 });
  });

  await step(
    'a scan that ends with its window is named by the next one, and one that was cancelled is not',
    async () => {
      const train = await readFile(path.join(workspace, 'data/train.jsonl'), 'utf8');
      await writeFile(path.join(workspace, 'data/large.jsonl'), train.repeat(60));
      const again = async () => {
        await reloadWindow();
        await lens('Scan for harmful rows with').waitFor({ timeout: 60_000 });
      };
      const scanning = notification(/^Scanning large.jsonl(?!.*ended)/);
      const told = notification('Scanning large.jsonl: this ended with its window');
      await container('Security Vectors');
      await open('data/large.jsonl');
      await press(lens('Scan for harmful rows with'), (timeout) => scanning.waitFor({ timeout }));
      await again();
      await told.waitFor();
      await press(lens('Scan for harmful rows with'), (timeout) => scanning.waitFor({ timeout }));
      await page.getByRole('button', { name: 'Cancel' }).click();
      await scanning.waitFor({ state: 'hidden' });
      await again();
      assert.equal(await told.count(), 0);
    },
  );
}
