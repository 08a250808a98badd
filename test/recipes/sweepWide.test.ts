/** A sweep of hundreds of points that are done is resumed without reading or computing for each what they share. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, it } from 'node:test';
import { openShared } from '../../runtime/calls/sweepShared.js';
import { placePoints } from '../../runtime/calls/sweepPlaces.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { readRecipe } from '../../runtime/recipes/readRecipe.js';
import { plannedPoints } from '../../runtime/recipes/sweepPoints.js';
import { processorTime } from '../support/processorTime.js';
import { silent } from '../support/silent.js';
import { runSweep as run, sweepsFolder, type Sweeps } from '../support/sweeps.js';

let at: Sweeps;
before(async () => void (at = await sweepsFolder()));
after(() => at.remove());

/** As if all points of the sweep had been run: each is a copy of the one that was. */
async function copyPoints(file: string, from: string): Promise<void> {
  const { recipe, ...given } = await readRecipe(file);
  assert.ok(recipe.kind === 'sweep');
  const shared = openShared();
  const output = dirname(dirname(from));
  const placed = await placePoints(await plannedPoints(recipe, { ...given, file }), {
    ...{ output, base: join(at.root, 'base.json'), shared, options: silent, isKept: () => false },
  });
  // Answers may be many, and a table needs none: here they cannot be read.
  await rm(join(from, 'answers.jsonl'));
  await mkdir(join(from, 'answers.jsonl'));
  const manifest = JSON.parse(await readFile(join(from, 'manifest.json'), 'utf8')) as Manifest;
  for (const { folder, values, depends, recipe: own } of placed) {
    if (folder !== from) await cp(from, folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, point: { values, depends } }));
    await writeFile(join(folder, 'recipe.json'), JSON.stringify(own));
  }
  for (const context of shared.contexts.values()) (await context).scratch.close();
}

it('360 points that are done take some milliseconds each', async () => {
  const over = { 'optimizer.learningRate': [0.02], 'adapter.rank': [1], steps: [5], seed: [1] };
  const [first] = (await run(await at.sweep('wide', over))).points;
  const wide = {
    'optimizer.learningRate': [0.02, 0.03, 0.04, 0.05, 0.06],
    'adapter.rank': [1, 2, 3, 4],
    steps: [5, 6, 7, 8, 9, 10],
    seed: [1, 2, 3],
  };
  const file = await at.sweep('wide', wide);
  await copyPoints(file, first!.folder);
  const time = processorTime();
  const { done, points } = await run(file, { resume: true });
  const took = time();
  assert.equal(done.outcome, 'finished');
  assert.equal(points.filter(({ resumed }) => resumed).length, 360);
  assert.ok(took / 360 < 10, `${took / 360} ms`);
});
