/** The training panel of the sidebar: the story of the sample from it alone, by mouse and by keyboard. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ALL_THEMES, stepOf } from '../workbench.mjs';

export const title = 'The training panel alone';
export const workspace = 'empty';
// In a browser the editor saves by itself, unless it is told not to.
export const settings = { 'files.autoSave': 'off' };

const FINISHED = 240_000;
const TREES = ['Models', 'Data', 'Runs'];
const WIDTHS = [200, 400];

export default async function training({ step, page, until, shot, command, container, workspace, ...bench }) {
  const { webview, sidebar, fold, row, reloadWindow } = bench;
  const file = (...names) => path.join(workspace, ...names);
  const recipe = file('recipes/protected.json');
  const text = () => readFile(recipe, 'utf8');
  const panel = () => webview('main.training');
  const note = (frame, key, said, timeout) =>
    frame.locator(`#${key}-note`).filter({ hasText: said }).waitFor({ timeout });
  const facts = (frame, said) => frame.locator('header.run .facts').filter({ hasText: said });
  const checked = (box) => box.evaluate((element) => element.checked);
  /** Presses a key on what has the focus then, until that has an effect: a window of a loaded machine may lose one. */
  const press = async (element, key, effect, what) => {
    for (let tries = 1; ; tries++) {
      await element.focus();
      await page.keyboard.press(key);
      try {
        return await until(effect, what, 15_000);
      } catch (error) {
        if (tries === 3) throw error;
      }
    }
  };
  /** Pictures of the panel with all of the sidebar's height, narrow and wide. */
  const shots = async (name, themes = bench.themes) => {
    await fold(TREES, true);
    // A theme takes longer to change than a width.
    for (const theme of themes)
      for (const width of WIDTHS) {
        await sidebar(width);
        const frame = await panel();
        // Nothing is cut off at the side; charts follow a new width a moment later.
        const overhang = () =>
          frame.locator('html').evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
        const what = `a panel of ${width} px without anything beyond its side`;
        await until(async () => (await overhang()) <= 0, what, 5000);
        await shot(`${name}-${width}`, [theme]);
      }
  };

  await step('it is the first view, and in an empty workspace offers the sample', async () => {
    await container('Security Vectors', { training: true });
    const titles = await page.locator('.sidebar .pane-header .title').allTextContents();
    assert.match(titles[0], /training/i);
    const frame = await panel();
    await frame.getByRole('button', { name: 'Add a model' }).waitFor();
    await frame.getByRole('button', { name: 'Open the sample' }).click();
  });

  await step('it shows a recipe and what it lacks', async () => {
    const frame = await panel();
    assert.equal(await frame.locator('#recipe option:checked').textContent(), 'protected');
    await note(frame, 'data', '571 rows');
    await note(frame, 'vector', 'not trained yet');
    assert.ok(await frame.getByRole('button', { name: 'Start' }).isDisabled());
    assert.equal(await frame.locator('.settings').textContent(), 'LoRA r 8 · 6 epochs · lr 0.003');
    await shots('60-training', ALL_THEMES);
  });

  await step('a button trains the vector that the recipe names; the panel says what was measured of it', async () => {
    const frame = await panel();
    await frame.getByRole('button', { name: 'Train forbidden-topic' }).click();
    await frame.locator('header.run h1').filter({ hasText: 'forbidden-topic' }).waitFor();
    await facts(frame, 'finished').waitFor({ timeout: FINISHED });
    await note(frame, 'vector', /finds (about )?[\d.]+\s*% at 1\s*% false alarms/);
    // The page of the run did not come up: the panel shows it.
    assert.equal(await page.locator('.tab').filter({ hasText: 'forbidden-topic' }).count(), 0);
  });

  await step('the data are scanned from it', async () => {
    const frame = await panel();
    await frame.getByRole('button', { name: 'Scan for harmful rows' }).click();
    await note(frame, 'data', /571 rows · \d+ flagged/, FINISHED);
  });

  await step('the switch of the protection by keyboard: off and on again leaves the file as it was', async () => {
    const frame = await panel();
    const before = await text();
    const box = frame.getByRole('checkbox', { name: 'Protect' });
    await press(box, 'Space', async () => /"vectors": \[\],\n/.test(await text()), 'no vector in the file');
    assert.match(await text(), /"protection": false/);
    await until(async () => (await frame.locator('#vector option:checked').textContent()) === 'none', 'no vector');
    await press(box, 'Space', async () => (await text()) === before, 'the recipe as it was');
    await until(() => checked(box), 'the box');
  });

  await step('lists by keyboard: another recipe, and another data file, which its file then names', async () => {
    const frame = await panel();
    const recipes = frame.locator('#recipe');
    const protect = frame.getByRole('checkbox', { name: 'Protect' });
    await press(recipes, 'ArrowUp', async () => !(await checked(protect)), 'the plain recipe');
    assert.equal(await recipes.evaluate((list) => list.selectedOptions[0].label), 'plain');
    await press(recipes, 'ArrowDown', () => checked(protect), 'the protected recipe');
    const before = await text();
    const data = frame.locator('#data');
    const other = /"data": \{ "file": "\.\.\/data\/harmful\.jsonl" \}/;
    await press(data, 'ArrowUp', async () => other.test(await text()), 'other data');
    await press(data, 'ArrowDown', async () => (await text()) === before, 'the recipe as it was');
  });

  await step('a data file that is dropped on it is that of the recipe; what is no data is refused', async () => {
    const frame = await panel();
    const before = await text();
    /** As from the explorer, with Shift held: until then the workbench keeps what is dragged from pages. */
    const drop = async (name) => {
      const main = frame.locator('main.training');
      const uri = `vscode-remote://localhost${encodeURI(file(name))}`;
      const dataTransfer = await main.evaluateHandle((_, uri) => {
        const dragged = new DataTransfer();
        dragged.setData('text/uri-list', uri);
        return dragged;
      }, uri);
      await main.dispatchEvent('dragover', { dataTransfer });
      await main.dispatchEvent('drop', { dataTransfer });
    };
    await drop('data/benign.jsonl');
    await until(async () => /"data": \{ "file": "\.\.\/data\/benign\.jsonl" \}/.test(await text()), 'the dropped file');
    await note(frame, 'data', '200 rows');
    await drop('tiny-assistant/config.txt');
    await frame.getByRole('alert').filter({ hasText: 'no data file was dropped' }).waitFor();
    await drop('data/train.jsonl');
    await until(async () => (await text()) === before, 'the recipe as it was');
  });

  await step('a setting opens the recipe at its key; what is typed there shows at once, unsaved', async () => {
    const frame = await panel();
    const before = await text();
    await frame.getByRole('button', { name: '6 epochs' }).click();
    await page.locator('.tab.active[data-resource-name="protected.json"]').waitFor();
    const line = before.split('\n').findIndex((one) => one.includes('"epochs"')) + 1;
    await bench.statusBar(`Ln ${line},`).waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('9');
    await frame.getByRole('button', { name: '9 epochs' }).waitFor();
    assert.equal(await text(), before);
    // A choice joins what is unsaved, and does not save it.
    await frame.getByRole('checkbox', { name: 'Protect' }).click();
    await until(async () => !(await checked(frame.getByRole('checkbox', { name: 'Protect' }))), 'no protection');
    assert.equal(await text(), before);
    await frame.getByRole('checkbox', { name: 'Protect' }).click();
    await until(() => checked(frame.getByRole('checkbox', { name: 'Protect' })), 'protection');
    await page.locator('.tab.active[data-resource-name="protected.json"]').click();
    const saved = before.replace('"epochs": 6', '"epochs": 9');
    await until(async () => {
      // the tab may not have the focus yet
      if ((await text()) !== saved) await page.keyboard.press('Control+S');
      return (await text()) === saved;
    }, 'the saved recipe');
    await command('View: Close All Editors');
    // So does what another program writes.
    await writeFile(recipe, before);
    await frame.getByRole('button', { name: '6 epochs' }).waitFor();
  });

  /** As it was before the run that is stopped. */
  let before;

  await step('Start by keyboard: step, time left, live charts, and the sentence on the protection', async () => {
    const frame = await panel();
    before = await text();
    // A hundred times as long, so that Stop is in time however slow the window is; nobody waits for its end.
    const long = before.replace('"epochs": 6', '"epochs": 600').replace('orders-protected', 'orders-long');
    await writeFile(recipe, long);
    await frame.getByRole('button', { name: '600 epochs' }).waitFor();
    const start = frame.getByRole('button', { name: 'Start' });
    await press(start, 'Enter', () => start.isDisabled(), 'a run that has begun');
    await frame.locator('header.run h1').filter({ hasText: 'orders-long' }).waitFor();
    await until(async () => (await stepOf(frame)) > 25, 'some steps', FINISHED);
    await facts(frame, 'left').waitFor();
    assert.equal(await frame.locator('.charts.small canvas').count(), 2);
    // The charts of the vector's run were on a log scale.
    assert.equal(await frame.locator('.chart .unit').first().textContent(), 'loss, nats per token');
    const label = () => frame.locator('.charts canvas').first().getAttribute('aria-label');
    assert.match(await label(), /delivered model \(vector off\): from [\d.]+ at step 0 to [\d.]+ at step \d+/);
    assert.match(await frame.locator('.current .verdict-line').textContent(), /^So far/);
    await shots('61-training-running', ['dark']);
  });

  await step('another recipe waits for its turn; the queue is paused and left from here', async () => {
    const frame = await panel();
    await frame.locator('#recipe').selectOption({ label: 'plain' });
    await until(async () => !(await checked(frame.getByRole('checkbox', { name: 'Protect' }))), 'the plain recipe');
    await frame.getByRole('button', { name: 'Start' }).click();
    await facts(frame, 'Waiting for "orders-long" to end').waitFor();
    const queue = frame.locator('.queue');
    await queue.filter({ hasText: 'orders-long' }).filter({ hasText: '1. orders-plain' }).waitFor();
    await frame.locator('#recipe').selectOption({ label: 'protected' });
    await queue.getByRole('button', { name: 'Pause the queue' }).click();
    await queue.filter({ hasText: 'The queue is paused' }).waitFor();
    await shots('61-training-queue', ['dark']);
    const leave = queue.getByRole('button', { name: 'Leave the queue: orders-plain' });
    await press(leave, 'Enter', async () => !(await leave.isVisible()), 'an empty queue');
    await queue.getByRole('button', { name: 'Continue the queue' }).click();
    await queue.waitFor({ state: 'hidden' });
    await facts(frame, 'step').waitFor();
  });

  await step('Stop and Resume; it goes on from its checkpoint', async () => {
    const frame = await panel();
    const stop = async () => {
      await frame.locator('header.run').getByRole('button', { name: 'Stop' }).click();
      await facts(frame, 'stopped').waitFor({ timeout: 60_000 });
    };
    await stop();
    const at = await stepOf(frame);
    assert.ok(at > 25);
    const resume = frame.getByRole('button', { name: 'Resume' });
    await press(resume, 'Enter', async () => !(await resume.isVisible()), 'a run that goes on');
    await until(async () => (await stepOf(frame)) > at, 'further steps', FINISHED);
    await stop();
  });

  await step('a run goes on to its verdict', async () => {
    const frame = await panel();
    await writeFile(recipe, before);
    await frame.getByRole('button', { name: '6 epochs' }).waitFor();
    const start = frame.getByRole('button', { name: 'Start' });
    await press(start, 'Enter', () => start.isDisabled(), 'a run that has begun');
    await frame.locator('header.run h1').filter({ hasText: 'orders-protected' }).waitFor();
    await facts(frame, 'finished').waitFor({ timeout: FINISHED });
    await frame.locator('.current .verdict-line.good').waitFor();
  });

  await step('the result is attached by mouse, and detached by keyboard', async () => {
    const frame = await panel();
    const box = frame.getByRole('checkbox', { name: 'orders-protected' });
    await box.click();
    const attached = async () =>
      JSON.parse(await readFile(file('.security-vectors/workspace.json'), 'utf8')).models[0].adapters.some(
        (one) => one.attached,
      );
    await until(attached, 'an attached adapter');
    await shots('62-training-done');
    await press(box, 'Space', async () => !(await attached()), 'a detached adapter');
  });

  await step('⤢ opens the page of the run', async () => {
    const frame = await panel();
    await frame.getByRole('button', { name: 'Open the run panel' }).click();
    const run = await webview('main.page:not(.training) header.run .facts');
    await run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor();
  });

  await step(
    'a recipe that is no JSON is said to be none, at its line, and what is mended is shown again',
    async () => {
      const frame = await panel();
      const before = await text();
      await writeFile(recipe, before.replace('"method"', 'method'));
      await frame.getByRole('alert').filter({ hasText: 'protected.json:5' }).waitFor();
      await writeFile(recipe, before);
      await frame.getByRole('button', { name: '6 epochs' }).waitFor();
    },
  );

  await step('after a reload the same recipe is shown', async () => {
    let frame = await panel();
    await frame.locator('#recipe').selectOption({ label: 'paper' });
    await until(async () => (await frame.locator('#recipe option:checked').textContent()) === 'paper', 'the choice');
    await reloadWindow();
    frame = await webview('main.training', 60_000);
    await until(async () => (await frame.locator('#recipe option:checked').textContent()) === 'paper', 'the choice');
    await fold(TREES, false);
    await row('Runs', 'orders-protected').waitFor();
  });
}
