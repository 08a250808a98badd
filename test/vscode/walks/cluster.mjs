/** A run on a real Ray (test/ray names it): drawn, found again after a reload, and finished with its verdict. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stepOf } from '../workbench.mjs';

const { RAY_ADDRESS, RAY_STORAGE } = process.env;
const STEPS = 80;

export const title = RAY_ADDRESS && 'A window that is reloaded during a run on a real Ray';

export default async function cluster({ step, page, workspace, command, ...bench }) {
  const { until, open, lens, webview, runPage, container, row, shot } = bench;
  const file = path.join(workspace, 'recipes/vector.json');
  const recipe = JSON.parse(await readFile(file, 'utf8'));
  delete recipe.epochs;
  const model = path.join(workspace, 'tiny-assistant');
  const on = { ray: RAY_ADDRESS, model, workers: 2, gpu: 0, storage: RAY_STORAGE };
  await writeFile(file, JSON.stringify({ ...recipe, steps: STEPS, on }, null, 2));

  await step('its steps are drawn as they are made', async () => {
    await container('Security Vectors');
    await open('recipes/vector.json');
    const run = await runPage(lens('train the security vector'));
    await until(async () => (await stepOf(run)) >= 15, 'some steps', 300_000);
    await shot('90-ray-training', ['dark']);
  });

  await step('after a reload it goes on by itself, to its verdict', async () => {
    await Promise.all([page.waitForEvent('load'), command('Developer: Reload Window')]);
    await page.locator('.monaco-workbench').waitFor();
    const run = await webview('main.page header.run .facts', 60_000);
    await run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: 300_000 });
    assert.equal(await stepOf(run), STEPS);
    await run.getByText('The vector is ready').waitFor();
    await row('Runs', 'forbidden-topic').waitFor();
    await shot('91-ray-finished', ['dark']);
  });

  await step('each step is recorded once, of one job', async () => {
    const folder = path.join(workspace, 'vectors/forbidden-topic');
    const events = (await readFile(path.join(folder, 'events.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const steps = events.filter(({ kind }) => kind === 'step').map((event) => event.step);
    assert.deepEqual(
      steps,
      Array.from({ length: STEPS }, (_, i) => i + 1),
    );
    const { jobs } = JSON.parse(await readFile(path.join(folder, 'cluster.json'), 'utf8'));
    const all = await (await fetch(`${RAY_ADDRESS}/api/jobs/`)).json();
    const own = all.filter(({ submission_id }) => Object.values(jobs).includes(submission_id));
    assert.deepEqual(
      own.map(({ status }) => status),
      ['SUCCEEDED'],
    );
  });
}
