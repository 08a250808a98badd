/** A sweep of many points that are done is resumed without reading or computing for each what they share. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, it, type TestContext } from 'node:test';
import { openShared } from '../../runtime/calls/sweepShared.js';
import { placePoints } from '../../runtime/calls/sweepPlaces.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { OWNER } from '../../runtime/contract/owner.js';
import { digestOf } from '../../runtime/recipes/training/dependencies.js';
import { readRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { plannedPoints } from '../../runtime/recipes/reading/sweepPoints.js';
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
  const { points: placed } = await placePoints(await plannedPoints(recipe, { ...given, file }), {
    ...{ output, base: join(at.root, 'base.json'), shared, options: silent, isKept: () => false },
  });
  // Answers may be many, and a table needs none: here they cannot be read.
  await rm(join(from, 'answers.jsonl'));
  await mkdir(join(from, 'answers.jsonl'));
  const manifest = JSON.parse(await readFile(join(from, 'manifest.json'), 'utf8')) as Manifest;
  for (const { folder, values, depends, recipe: own } of placed) {
    if (folder !== from) await cp(from, folder, { recursive: true });
    await writeFile(
      join(folder, 'manifest.json'),
      JSON.stringify({ ...manifest, point: { values, depends: digestOf(depends) } }),
    );
    await writeFile(join(folder, 'recipe.json'), JSON.stringify(own));
  }
  for (const context of shared.contexts.values()) (await context).scratch.close();
}

/** How often each file is opened or read from now on. */
function countReads(t: TestContext): Map<string, number> {
  const reads = new Map<string, number>();
  for (const name of ['open', 'readFile'] as const) {
    const real = fs.promises[name] as (...args: unknown[]) => Promise<unknown>;
    t.mock.method(fs.promises, name, (file: unknown, ...args: unknown[]) => {
      const written = name === 'open' && !/^r/.test(String(args[0] ?? 'r'));
      if (typeof file === 'string' && !written) reads.set(file, (reads.get(file) ?? 0) + 1);
      return real(file, ...args);
    });
  }
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return reads;
}

it('of 120 points that are done each file is read a few times, and what they share no more often than for one', async (t) => {
  const over = { 'optimizer.learningRate': [0.02], 'adapter.rank': [1], steps: [5], seed: [1] };
  const [first] = (await run(await at.sweep('wide', over))).points;
  const wide = {
    'optimizer.learningRate': [0.02, 0.03, 0.04, 0.05, 0.06],
    'adapter.rank': [1, 2, 3, 4],
    steps: [5, 6],
    seed: [1, 2, 3],
  };
  const file = await at.sweep('wide', wide);
  await copyPoints(file, first!.folder);
  const reads = countReads(t);
  const { done, points } = await run(file, { resume: true });
  assert.equal(done.outcome, 'finished');
  assert.equal(points.filter(({ resumed }) => resumed).length, 120);
  assert.ok(reads.size > 120, 'reads are counted');
  // who owns the sweep is asked before each write
  const owner = join(at.root, 'sweeps/wide', OWNER.file);
  assert.deepEqual([...reads].filter(([path, count]) => count > 6 && path !== owner), []); // oxfmt-ignore
});
