/**
 * Two windows of one folder: what waits in one is shown by the other, which does not begin it while the first lives, and
 * what one remembers the other does not overwrite.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stepOf, workbench } from '../workbench.mjs';

export const title = 'Two windows of one folder';

export default async function windows({ step, page, workspace, until, reloadWindow, container, row, ...bench }) {
  const recipes = (name) => path.join(workspace, `recipes/${name}.json`);
  const begun = (name) => existsSync(path.join(workspace, 'adapters', name, 'manifest.json'));
  const names = ['waits-a', 'waits-b'];
  const vector = JSON.parse(await readFile(recipes('vector'), 'utf8'));
  await writeFile(recipes('vector'), JSON.stringify({ ...vector, epochs: 400 }, null, 2));
  const plain = JSON.parse(await readFile(recipes('plain'), 'utf8'));
  for (const name of names) {
    const evaluate = [{ ...plain.evaluate[0], limit: 12 }];
    const small = { data: { ...plain.data, limit: 32 }, probes: {}, evaluate, steps: 2, epochs: undefined };
    await writeFile(recipes(name), JSON.stringify({ ...plain, ...small, output: `../adapters/${name}` }, null, 2));
  }
  const state = { version: 1, models: [{ path: 'tiny-assistant', name: 'tiny-assistant', adapters: [] }] };
  await mkdir(path.join(workspace, '.security-vectors'), { recursive: true });
  await writeFile(path.join(workspace, '.security-vectors/workspace.json'), JSON.stringify(state));
  const [second] = await Promise.all([
    page.waitForEvent('popup'),
    page.evaluate(() => void window.open(window.location.href)),
  ]);
  second.setDefaultTimeout(30_000);
  const other = workbench(second, path.join(workspace, '..'));

  await step('a chat is kept, whatever the other window keeps after that', async () => {
    await second.locator('.monaco-workbench').waitFor();
    await other.container('Security Vectors', { training: true });
    const panel = await other.webview('main.training');
    // The palette has no chat before the first window has found the model.
    await container('Security Vectors');
    await row('Models', 'tiny-assistant').waitFor();
    await bench.command('Security Vectors: Chat');
    const chat = await bench.webview('main.page.chat');
    const question = chat.locator('vscode-text-area textarea');
    await question.fill('Buy 3 lamps.');
    await until(async () => {
      if ((await chat.locator('.round').count()) > 0) return true;
      await question.press('Enter');
      return false;
    }, 'a question');
    await chat.locator('.turns[aria-busy="false"]').waitFor();
    await panel.locator('#recipe').selectOption({ label: 'paper' });
    await until(async () => (await panel.locator('#recipe option:checked').textContent()) === 'paper', 'the choice');
    await reloadWindow();
    const again = await bench.webview('main.page.chat', 60_000);
    await again.locator('.round').filter({ hasText: 'Buy 3 lamps.' }).waitFor();
  });

  await step('one trains, and two further runs wait in it', async () => {
    await other.container('Security Vectors');
    await other.open('recipes/vector.json');
    const run = await other.runPage(other.lens('train the security vector'));
    await until(async () => (await stepOf(run)) > 0, 'a first step', 60_000);
    for (const [i, name] of names.entries()) {
      await other.open(`recipes/${name}.json`);
      const waits = other.row('Runs', name).filter({ hasText: i === 0 ? 'in the queue' : 'place 2' });
      await other.press(other.lens('fine-tune without protection'), (timeout) => waits.waitFor({ timeout }));
    }
  });

  await step('the other shows them, begins none, and refuses to', async () => {
    await reloadWindow();
    await container('Security Vectors');
    await row('Runs', 'forbidden-topic').filter({ hasText: 'elsewhere' }).waitFor({ timeout: 60_000 });
    for (const name of names) await row('Runs', name).filter({ hasText: 'waits in another window' }).waitFor();
    await bench.open('recipes/waits-a.json');
    const refused = bench.notification('waits in another window').first();
    await bench.press(bench.lens('fine-tune without protection'), (timeout) => refused.waitFor({ timeout }));
    assert.deepEqual(names.filter(begun), []);
    await bench.shot('55-windows');
  });

  await step('after a reload they wait in their window again, in their order', async () => {
    await other.command('Security Vectors: Pause the Queue');
    await other.reloadWindow();
    await other.container('Security Vectors');
    for (const [i, name] of names.entries())
      await other
        .row('Runs', name)
        .filter({ hasText: `place ${i + 1} in the queue` })
        .waitFor({ timeout: 60_000 });
    for (const name of names) await row('Runs', name).filter({ hasText: 'waits in another window' }).waitFor();
  });

  await step('when it is closed they wait in the other, and begin there', async () => {
    await second.goto('about:blank');
    await second.close();
    for (const [i, name] of names.entries())
      await row('Runs', name)
        .filter({ hasText: `place ${i + 1} in the queue` })
        .waitFor({ timeout: 120_000 });
    assert.deepEqual(names.filter(begun), []);
    await bench.command('Security Vectors: Continue the Queue');
    for (const name of names) await row('Runs', name).filter({ hasText: 'plain' }).waitFor({ timeout: 120_000 });
  });
}
