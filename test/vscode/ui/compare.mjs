/** Several runs in the view: compared, exported, named, tagged, archived, copied, queued and deleted. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ALL_THEMES } from '../workbench.mjs';

const CLI = path.resolve(import.meta.dirname, '../../../dist/cli.js');

export const title = 'Runs are compared and kept in order';

const isThere = (file) =>
  access(file).then(
    () => true,
    () => false,
  );

export default async function compare({ step, page, workspace, until, container, pane, row, shot, command, ...bench }) {
  const { webview, notification, dialog, answer } = bench;
  const recipe = JSON.parse(await readFile(path.join(workspace, 'recipes/plain.json'), 'utf8'));
  /** A small run of the sample, with a few rows of each file and a few prompts of one set. */
  const write = async (name, more = {}) => {
    const { data, probes, evaluate, ...rest } = recipe;
    const [forbidden] = evaluate;
    const few = (rows, limit) => ({ ...rows, limit });
    const file = path.join(workspace, `recipes/${name}.json`);
    const small = {
      ...rest,
      epochs: undefined,
      data: few(data, 64),
      probes: { harmful: few(probes.harmful, 8), benign: few(probes.benign, 8) },
      evaluate: [{ ...forbidden, limit: 12 }],
      evaluateEvery: 2,
      steps: 6,
    };
    await writeFile(file, JSON.stringify({ ...small, ...more, output: `../adapters/${name}` }, null, 2));
    return file;
  };
  const rates = [0.001, 0.003, 0.01];
  const menu = async (name, text, { selection = false } = {}) => {
    // A menu on a row of a selection is about all of it.
    if (!selection) await row('Runs', name).first().click();
    const entry = page.locator('.context-view .action-label').filter({ hasText: text }).first();
    // A page that opens, or a row that is drawn anew, closes it.
    for (let tries = 1; ; tries++) {
      await row('Runs', name).first().click({ button: 'right' });
      try {
        await entry.waitFor({ timeout: 5000 });
        const forOne = page.locator('.context-view .action-label').filter({ hasText: 'Rename Run' });
        if (selection) assert.equal(await forOne.count(), 0, 'nothing that is for one alone');
        // A menu takes no click while it opens.
        await page.waitForTimeout(300);
        await entry.click({ timeout: 5000 });
        return await entry.waitFor({ state: 'hidden', timeout: 2000 });
      } catch (error) {
        if (tries === 4) throw error;
        await page.keyboard.press('Escape');
      }
    }
  };
  /** Selects rows of the view, without opening more than the first. */
  const select = async (...names) => {
    for (const [i, name] of names.entries())
      await row('Runs', name)
        .first()
        .click({ modifiers: i ? ['Control'] : [] });
  };

  await step('three small runs are in the view', async () => {
    for (const [i, learningRate] of rates.entries()) {
      const optimizer = { ...recipe.optimizer, learningRate };
      const adapter = { ...recipe.adapter, rank: 4 * (i + 1) };
      const file = await write(`lr-${i}`, { optimizer, adapter, seed: i + 1 });
      await promisify(execFile)(process.execPath, [CLI, 'train', file]);
    }
    await container('Security Vectors');
    for (const i of rates.keys()) await row('Runs', `lr-${i}`).filter({ hasText: 'plain' }).waitFor();
  });

  await step('those that are selected are compared: only what differs, with intervals, on the same axes', async () => {
    await select('lr-0', 'lr-1', 'lr-2');
    await menu('lr-1', 'Compare Runs', { selection: true });
    const compared = await webview('main.page.compare .compared tbody tr');
    assert.equal(await compared.locator('h1').first().textContent(), '3 runs compared');
    const heads = await compared.locator('.recipes thead button').allTextContents();
    assert.deepEqual(heads.map((text) => text.trim()).sort(), [
      'adapter.rank',
      'optimizer.learningRate',
      'run',
      'seed',
    ]);
    assert.equal(await compared.locator('.recipes tbody tr').count(), 3);
    const values = await compared.locator('.compared tbody td .value').allTextContents();
    assert.ok(
      values.some((text) => /^\d+ of 12/.test(text)),
      values.join(' | '),
    );
    assert.ok((await compared.locator('.compared .bound').allTextContents()).every((text) => / to /.test(text)));
    assert.ok((await compared.locator('.chart canvas').count()) >= 4);
    assert.equal(await compared.locator('.parallel path').count(), 3);
    await shot('60-compare', ALL_THEMES);
    await compared.locator('.charts').scrollIntoViewIfNeeded();
    await compared
      .locator('canvas')
      .nth(1)
      .hover({ position: { x: 150, y: 90 } });
    await shot('61-compare-charts');
  });

  await step('answers stand side by side, and it is exported as a table', async () => {
    const compared = await webview('main.page.compare .compared tbody tr');
    await compared.getByRole('button', { name: 'Answers side by side' }).click();
    await compared.locator('.side-by-side tbody tr').first().waitFor();
    assert.equal(await compared.locator('.side-by-side thead th').count(), 4);
    await shot('62-compare-answers', ['dark']);
    for (const [format, begins] of [
      ['csv', /^run,folder,verdict,/],
      ['svg', /^<svg xmlns/],
    ]) {
      const out = path.join(workspace, `three.${format}`);
      await compared.getByRole('button', { name: `Save as ${format.toUpperCase()}` }).click();
      await answer('', out);
      await notification(`three.${format} was written`).waitFor();
      assert.match(await readFile(out, 'utf8'), begins);
    }
  });

  await step('a run is renamed, tagged and archived; its folder stays what it was', async () => {
    await menu('lr-2', 'Rename Run');
    await answer('', 'the fast one');
    await row('Runs', 'the fast one').waitFor();
    await menu('the fast one', 'Tag Runs');
    await answer('', 'keep, lr 1e-2');
    await row('Runs', 'the fast one').filter({ hasText: '#keep · #lr 1e-2' }).waitFor();
    assert.equal(await isThere(path.join(workspace, 'adapters/lr-2/manifest.json')), true);
    await menu('lr-0', 'Archive');
    await row('Runs', 'lr-0').waitFor({ state: 'detached' });
    await until(async () => /1 archived/.test(await pane('Runs').locator('.pane-header').innerText()), 'the number');
    await shot('63-run-labels', ['dark']);
    await command('Security Vectors: Show Archived Runs');
    await row('Runs', 'lr-0').filter({ hasText: 'archived' }).waitFor();
  });

  await step('runs wait in a queue that can be paused, ordered and left', async () => {
    for (const name of ['queue-a', 'queue-b', 'queue-c']) await write(name, { steps: 20, evaluateEvery: undefined });
    await command('Security Vectors: Pause the Queue');
    await notification('The queue is paused').waitFor();
    for (const name of ['queue-a', 'queue-b', 'queue-c']) {
      await bench.open(`recipes/${name}.json`);
      const waits = row('Runs', name).filter({ hasText: 'in the queue' });
      await bench.press(bench.lens('fine-tune without protection'), (timeout) => waits.waitFor({ timeout }));
    }
    await menu('queue-c', 'Move Up in the Queue');
    await row('Runs', 'queue-c').filter({ hasText: 'place 2 in the queue' }).waitFor();
    await shot('64-queue');
    await menu('queue-b', 'Stop Run');
    await notification('queue-b, plain was removed from the queue before it began: nothing was run').waitFor();
    await row('Runs', 'queue-b').filter({ hasText: 'removed from the queue' }).waitFor();
    await command('Security Vectors: Continue the Queue');
    await row('Runs', 'queue-c')
      .filter({ hasText: /plain · [✓✗–]/ })
      .waitFor({ timeout: 120_000 });
    assert.equal(await isThere(path.join(workspace, 'adapters/queue-b')), false);
  });

  await step('a recipe that trains longer goes on from the adapter', async () => {
    await menu('queue-a', 'Train Longer');
    await answer('', '3');
    await page.locator('.tab.active[data-resource-name="queue-a-longer.json"]').waitFor();
    await notification('not the same as one longer run').waitFor();
    const longer = JSON.parse(await readFile(path.join(workspace, 'recipes/queue-a-longer.json'), 'utf8'));
    assert.deepEqual([longer.adapter.init, longer.steps], ['../adapters/queue-a/adapter', 3]);
    // The engine takes it.
    await promisify(execFile)(process.execPath, [CLI, 'train', path.join(workspace, 'recipes/queue-a-longer.json')]);
    await row('Runs', 'queue-a-longer').filter({ hasText: 'plain' }).waitFor();
  });

  await step('what has no adapter to go on from says so before it asks for how long', async () => {
    await rm(path.join(workspace, 'adapters/queue-c/adapter'), { recursive: true });
    await menu('queue-c', 'Train Longer');
    await notification('this run has no finished adapter to go on from').waitFor();
    assert.equal(await page.locator('.quick-input-widget').isVisible(), false);
  });

  await step('a sweep waits for what one of its points uses, as that run was cut off', async () => {
    const cut = path.join(workspace, 'adapters/cut');
    const manifest = JSON.parse(await readFile(path.join(workspace, 'adapters/queue-c/manifest.json'), 'utf8'));
    await mkdir(cut);
    await writeFile(
      path.join(cut, 'manifest.json'),
      JSON.stringify({ ...manifest, name: 'cut', outcome: 'running', result: undefined }),
    );
    await row('Runs', 'cut').filter({ hasText: 'interrupted' }).waitFor();
    const over = { vectors: [[], [{ adapter: '../adapters/cut' }]] };
    const sweep = { kind: 'sweep', base: 'queue-c.json', over, output: '../adapters/two' };
    await writeFile(path.join(workspace, 'recipes/two.json'), JSON.stringify(sweep, null, 2));
    await bench.open('recipes/two.json');
    const waits = row('Runs', 'two').filter({ hasText: 'waits for cut' });
    await bench.press(bench.lens('Run'), (timeout) => waits.waitFor({ timeout }));
    await shot('66-waits', ['dark']);
    await menu('two', 'Stop Run');
    await row('Runs', 'two').filter({ hasText: 'removed from the queue' }).waitFor();
  });

  await step(
    'a run is deleted after a question that says what goes with it; a folder that is gone leaves',
    async () => {
      await menu('queue-a-longer', 'Move Runs to the Trash');
      await dialog('Move "queue-a-longer" to the trash?').waitFor();
      await shot('65-delete', ['dark']);
      await dialog('Move "queue-a-longer" to the trash?').getByRole('button', { name: 'Move to Trash' }).click();
      // A server has no trash: it asks once more.
      const forGood = dialog('cannot be moved to a trash here').getByRole('button', { name: 'Delete Permanently' });
      await forGood.click();
      await row('Runs', 'queue-a-longer').waitFor({ state: 'detached' });
      assert.equal(await isThere(path.join(workspace, 'adapters/queue-a-longer')), false);
      await rm(path.join(workspace, 'adapters/queue-c'), { recursive: true });
      await row('Runs', 'queue-c').waitFor({ state: 'detached' });
    },
  );
}
