/**
 * A run on a cluster: the window asks for its token, draws it as any run, finds it after a reload, stops and resumes
 * it.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { tsImport } from 'tsx/esm/api';
import { stepOf } from '../workbench.mjs';

const STEPS = 20;

export const title = 'A run on a Ray cluster';

export async function prepare() {
  const { windowCluster, TOKEN } = await tsImport('../../support/rayWindow.ts', import.meta.url);
  const ray = await windowCluster();
  ray.until = 6;
  return { ray, token: TOKEN, stop: () => ray.close() };
}

export default async function cluster({ step, workspace, prepared, answer, reloadWindow, ...bench }) {
  const { until, open, lens, webview, runPage, container, row, shot } = bench;
  const file = path.join(workspace, 'recipes/vector.json');
  const recipe = JSON.parse(await readFile(file, 'utf8'));
  delete recipe.epochs;
  const on = { ray: prepared.ray.address, token: 'RAY_TOKEN', model: '/models/tiny', workers: 2, storage: '/shared' };
  await writeFile(file, JSON.stringify({ ...recipe, steps: STEPS, evaluateEvery: 4, on }, null, 2));
  const { jobs } = prepared.ray;

  await step('a token that is wrong is said before anything is computed, with what to do', async () => {
    await container('Security Vectors');
    await open('recipes/vector.json');
    const begun = runPage(lens('train the security vector'));
    await answer('RAY_TOKEN', 'a wrong one');
    const run = await begun;
    await run.getByText('the cluster does not accept the token "RAY_TOKEN" (401)').waitFor();
    await run.getByText('Give a new one, and run or resume').waitFor();
    await shot('59-cluster-token', ['dark']);
    assert.equal(jobs.size, 0);
  });

  await step('it is asked for again by its name, and a run that waits for GPUs says what is there', async () => {
    const run = await webview('main.page header.run .facts');
    await run.getByRole('button', { name: 'Run again' }).click();
    await answer('RAY_TOKEN', prepared.token);
    await run.getByText('waiting for workers: 2 CPU, 2 GPU wanted, the cluster has 8 CPU, 1 GPU').waitFor();
    await shot('60-cluster-waiting', ['dark']);
  });

  await step('its charts are drawn as those of any run', async () => {
    const run = await webview('main.page header.run .facts');
    await until(async () => (await stepOf(run)) === 6, 'six steps', 60_000);
    await run.getByText(`on ${prepared.ray.address}`).waitFor();
    await shot('61-cluster-training');
  });

  await step('while the cluster is away the run says so and tries again; nothing is lost', async () => {
    const run = await webview('main.page header.run .facts');
    const { instead } = prepared.ray;
    prepared.ray.instead = () => 'broken';
    const away = run.getByText(/the cluster does not answer .* Trying again for 15 min\. A running job goes on/);
    await away.first().waitFor({ timeout: 60_000 });
    await shot('61-cluster-away', ['dark']);
    prepared.ray.instead = instead;
    await run.getByText('the cluster answers again').first().waitFor({ timeout: 60_000 });
    prepared.ray.until = 7;
    await until(async () => (await stepOf(run)) === 7, 'a seventh step', 60_000);
  });

  await step('after a reload it goes on by itself: the job never ended', async () => {
    const [job] = jobs.values();
    await reloadWindow();
    assert.equal(job.status, 'RUNNING');
    // This server keeps no secrets beyond a window: it asks again, and the page says so.
    const run = await webview('main.page header.run .facts', 60_000);
    await run.getByText('Waiting for secrets of the cluster: RAY_TOKEN').waitFor();
    await answer('RAY_TOKEN', prepared.token);
    prepared.ray.until = 14;
    await until(async () => (await stepOf(run)) === 14, 'further steps', 60_000);
    assert.equal(jobs.size, 1, 'the same job');
    await shot('62-cluster-reloaded', ['dark']);
  });

  await step('Stop stops the job, Resume sends another that goes on from the checkpoint', async () => {
    const run = await webview('main.page header.run .facts');
    await run.getByRole('button', { name: 'Stop' }).click();
    await run.locator('header.run .facts').filter({ hasText: 'stopped' }).waitFor({ timeout: 60_000 });
    assert.equal([...jobs.values()].at(-1).status, 'STOPPED');
    prepared.ray.until = Infinity;
    await run.getByRole('button', { name: 'Resume' }).click();
    await run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: 180_000 });
    assert.equal(await stepOf(run), STEPS);
    assert.equal(jobs.size, 2);
    await row('Runs', 'forbidden-topic').waitFor();
    await shot('63-cluster-finished');
  });

  await step('the token is in no file of the workspace', async () => {
    const folder = path.join(workspace, 'vectors/forbidden-topic');
    for (const name of ['recipe.json', 'events.jsonl', 'manifest.json', 'cluster.json', 'report.html'])
      assert.doesNotMatch(await readFile(path.join(folder, name), 'utf8'), /sesame/, name);
  });
}
