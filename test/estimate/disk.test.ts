/** What a run writes is told before it begins, and a run is refused for which the disk has no room. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import fs, { readdir, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { inspect } from '../../runtime/commandLine/modelCommands.js';
import { EXIT } from '../../runtime/contract/errors.js';
import { ESTIMATE_STRINGS, estimateDetails, estimateText, type Estimate } from '../../runtime/contract/estimate.js';
import { GB, numbersIn } from '../../runtime/contract/format.js';
import { freeSpace } from '../../runtime/support/freeSpace.js';
import { sum } from '../../runtime/contract/sum.js';
import { PLAIN, writeWorkspace } from '../kills/workspace.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

/** All disks have so many bytes left; without a number, they do not say. */
function leave(t: TestContext, bytes?: number): void {
  const { statfs } = fs;
  const given = { bsize: 1, blocks: bytes === undefined ? 0 : bytes + 1, bavail: bytes ?? 0 };
  fs.statfs = (() => Promise.resolve(given)) as unknown as typeof statfs;
  syncBuiltinESMExports();
  t.after(() => {
    fs.statfs = statfs;
    syncBuiltinESMExports();
  });
}

async function workspace(t: TestContext) {
  const root = await temporary(t);
  await writeWorkspace(root);
  const write = async (recipe: object): Promise<string> => {
    const file = join(root, 'recipe.json');
    await writeFile(file, JSON.stringify(recipe));
    return file;
  };
  const expected = async (recipe: object): Promise<Estimate> =>
    (await calls.estimate({ recipe: await write(recipe) }, silent))!;
  return { root, output: join(root, 'out'), write, expected };
}
const bytesIn = async (folder: string): Promise<number> => {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return sum(await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size)));
};
/** Beside the numbers. */
const HEADERS = 30_000;

for (const [name, recipe, made] of [
  ['an adapter', { ...PLAIN, adapter: { rank: 1024, alpha: 4 } }, 'adapter/adapter_model.safetensors'],
  ['all weights', { ...PLAIN, method: 'full' }, 'model/model.safetensors'],
  [
    'all weights, with moments in 8 bits',
    { ...PLAIN, method: 'full', optimizer: { learningRate: 0.02, moments: '8bit' } },
    'model/model.safetensors',
  ],
] as const)
  // oxfmt-ignore
  test(`a training of ${name} writes what is expected of it, or somewhat more`, async (t) => {
    const { root, output, write, expected } = await workspace(t);
    const { disk } = await expected({ ...recipe, steps: 2, evaluateEvery: 2 });
    await runRecipe(await write({ ...recipe, steps: 2, evaluateEvery: 2 }), silent);
    const written = (await bytesIn(join(output, 'checkpoint'))) + (await stat(join(output, made))).size;
    assert.ok(disk!.bytes > 40_000 && disk!.bytes <= written && written < disk!.bytes + HEADERS + disk!.bytes / 8, `${disk!.bytes} ${written}`); // oxfmt-ignore
    assert.equal(disk!.freeBytes > 0, (await freeSpace(root))! > 0);
    const second = (await expected({ ...recipe, steps: 3, evaluateEvery: 2 })).disk!.bytes;
    assert.ok(second > disk!.bytes && second < 2 * disk!.bytes, 'a checkpoint is written beside the one before');
  });

test('a run that the disk has no room for is refused before anything is made', async (t) => {
  const { output, write, expected } = await workspace(t);
  const recipe = { ...PLAIN, method: 'full', steps: 3, evaluateEvery: 2 };
  const { bytes } = (await expected(recipe)).disk!;
  leave(t, bytes - 1);
  const file = await write(recipe);
  const refused = {
    message: /^the run needs at least 2\.6E-4 GB of disk space, but only 2\.6E-4 GB are free\.$/,
    remedy: /^Free some space, or write to another disk/,
    place: output,
  };
  await assert.rejects(runRecipe(file, silent), refused);
  assert.ok(!existsSync(output));
  const found = await expected(recipe);
  assert.match(estimateText(found), /^needs at least \S+ GB of disk space/);
  const out = { line: () => undefined, print: () => undefined, warn: () => undefined };
  assert.equal(await inspect({ positionals: [file], values: {}, out, reporter: silent } as never), EXIT.badInput);

  // What is left of an unfinished run makes room.
  leave(t, bytes);
  const stop = new AbortController();
  const onEvent = ({ kind }: { kind: string }): void => void (kind === 'checkpoint' && stop.abort());
  await runRecipe(file, { ...silent, signal: stop.signal, onEvent });
  leave(t, bytes - 1);
  await runRecipe(file, { ...silent, force: true });
  await assert.rejects(runRecipe(file, { ...silent, force: true }), { ...refused, place: join(output, 'next') });
});

test('where a disk does not say what it has left, nothing is said of it and nothing refused', async (t) => {
  const { write, expected } = await workspace(t);
  leave(t);
  const recipe = { ...PLAIN, steps: 1 };
  const found = await expected(recipe);
  assert.equal(found.disk, undefined);
  assert.doesNotMatch(estimateDetails(found).join('\n'), /disk/);
  await runRecipe(await write(recipe), silent);
});

test('a sweep takes what all of its points keep', async (t) => {
  const { root, expected } = await workspace(t);
  await writeFile(join(root, 'base.json'), JSON.stringify({ ...PLAIN, method: 'full', steps: 3, evaluateEvery: 2 }));
  const sweep = { kind: 'sweep', base: 'base.json', output: 'sweep' };
  leave(t, GB);
  const bytes = async (seeds: number[]): Promise<number> =>
    (await expected({ ...sweep, over: { seed: seeds } })).disk!.bytes;
  const [one, two, four] = [await bytes([1]), await bytes([1, 2]), await bytes([1, 2, 3, 4])];
  assert.equal(four - two, 2 * (two - one));
  assert.ok(two > 1.5 * one && two < 2 * one, `${one} ${two}`);
  const found = await expected({ ...sweep, over: { seed: [1, 2] } });
  assert.match(estimateDetails(found).join('\n'), /^at least <0\.01 GB of disk space for checkpoints and result, 1 GB are free$/m); // oxfmt-ignore
  const french = { strings: ESTIMATE_STRINGS, numbers: numbersIn('fr') };
  assert.match(estimateDetails(found, french).join('\n'), /^at least <0,01 GB of disk space/m);
});
