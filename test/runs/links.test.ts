/**
 * A run folder of somebody else may hold links, as a clone of a repository does: nothing of the user's is reached
 * through them.
 */
import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { judgeSweep } from '../../runtime/calls/judgeSweep.js';
import { runSweep } from '../../runtime/calls/sweep.js';
import { rewriteTable } from '../../runtime/calls/sweepRuns.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { CHECKPOINT_FILE, RUN_FILES } from '../../runtime/contract/runFiles.js';
import { readRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { finishReplacement, planOutput, type OutputOptions } from '../../runtime/runs/output.js';
import { HumanError } from '../../runtime/support/errors.js';
import { silent } from '../support/silent.js';

const WAYS: readonly OutputOptions[] = [{}, { force: true }, { resume: true }];

/** Every file and link below a folder, with its content. */
async function picture(folder: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const place = join(folder, name);
    const found = await lstat(place);
    if (found.isSymbolicLink()) all[name] = `-> ${await readlink(place)}`;
    else if (found.isFile()) all[name] = await readFile(place, 'utf8');
  }
  return all;
}

const manifest = (change: Partial<Manifest> = {}): string => {
  const model = { path: 'm', architecture: 'a', sha256: 's' };
  const of = { version: 1, kind: 'finetune', name: 'a', started: 'then', model, data: [], vectors: [], files: [] };
  return JSON.stringify({ ...of, outcome: 'finished', ...change });
};

describe('a link in a run folder', () => {
  let root: string;
  const file = (...parts: string[]): string => join(root, ...parts);
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(file(name)), { recursive: true });
    await writeFile(file(name), text);
  };
  const link = async (to: string, name: string): Promise<void> => {
    await mkdir(dirname(file(name)), { recursive: true });
    await symlink(file(to), file(name), (await lstat(file(to))).isDirectory() ? 'dir' : 'file');
  };
  /** Whatever the run is to do, it is refused by the name of the link, and nothing changes. */
  const refused = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const was = await picture(root);
    await assert.rejects(work(), (error: Error) => {
      assert.ok(error instanceof HumanError, error.stack);
      assert.ok(error.message.startsWith(`"${name}" in the run folder is a link: `), error.message);
      assert.match(error.remedy!, /Remove the link/);
      return true;
    });
    assert.deepEqual(await picture(root), was);
  };

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'links-')));
    await write('home/.bashrc', 'mine');
    await write('home/a.0123abcd.part', 'mine');
  });
  after(() => rm(root, { recursive: true, force: true }));

  it('has no file of the user replaced by one that waits in next/', async () => {
    await write('a/manifest.json', manifest());
    await write('a/next/manifest.json', manifest({ files: ['adapter/.bashrc'] }));
    await write('a/next/adapter/.bashrc', 'theirs');
    await link('home', 'a/adapter');
    for (const way of WAYS) await refused('adapter', () => planOutput(file('a'), [], way));
    await refused('adapter', () => finishReplacement(file('a')));
    await rm(file('a/adapter'));
    await mkdir(file('a/adapter'));
    await rm(file('a/next/adapter'), { recursive: true });
    await write('a/next/adapter/inner/.bashrc', 'theirs');
    await link('home', 'a/adapter/inner');
    await refused('adapter/inner', () => finishReplacement(file('a')));
    await rm(file('a'), { recursive: true });
  });

  it('has no files of another run moved away, which next leads to', async () => {
    await write('mine/manifest.json', manifest({ files: ['answers.jsonl', 'report.html'] }));
    for (const name of ['answers.jsonl', 'report.html']) await write(`mine/${name}`, 'mine');
    await write('a/manifest.json', manifest());
    await link('mine', 'a/next');
    for (const way of WAYS) await refused('next', () => planOutput(file('a'), [], way));
    await rm(file('a'), { recursive: true });
  });

  it('has nothing cut off, written or removed where it leads, under any name of a run', async () => {
    for (const [outcome, way] of [
      ['stopped', { resume: true }],
      ['finished', { force: true }],
    ] as const) {
      for (const name of [
        ...Object.values(RUN_FILES),
        `checkpoint/${CHECKPOINT_FILE}`,
        'checkpoint/held',
        'next/adapter',
      ]) {
        const isFolder = !/\.|^label/.test(name);
        await write('a/manifest.json', manifest({ outcome }));
        if (!name.startsWith(RUN_FILES.checkpoint)) await write(`a/checkpoint/${CHECKPOINT_FILE}`, 'one');
        if (name === RUN_FILES.manifest) await rm(file('a/manifest.json'));
        if (name === RUN_FILES.manifest) await write('elsewhere.json', manifest({ outcome }));
        await link(name === RUN_FILES.manifest ? 'elsewhere.json' : isFolder ? 'home' : 'home/.bashrc', `a/${name}`);
        await refused(name, () => planOutput(file('a'), [], way));
        await rm(file('a'), { recursive: true });
      }
    }
  });

  it('is refused in the points of a sweep, and in its own folder', async () => {
    await write(
      'base.json',
      JSON.stringify({ kind: 'finetune', model: 'm', data: { file: 'd.jsonl' }, steps: 1, output: 'o' }),
    );
    await write(
      'sweep.json',
      JSON.stringify({ kind: 'sweep', base: 'base.json', over: { seed: [1, 2] }, output: 'a' }),
    );
    const { recipe, ...given } = await readRecipe(file('sweep.json'));
    assert.ok(recipe.kind === 'sweep');
    const point = { point: { values: { seed: 1 }, depends: 'x' } };
    for (const [to, name] of [
      ['home', 'points/1/adapter'],
      ['home', 'points/1/next/adapter'],
      ['mine', 'points/1/next'],
      ['mine', 'points/2'],
      ['home/.bashrc', 'events.jsonl'],
    ] as const) {
      await write('a/manifest.json', manifest({ kind: 'sweep' }));
      await write('a/points/1/manifest.json', manifest(point));
      await write('a/sweep.json', JSON.stringify({ version: 1, over: {}, of: 1, points: [] }));
      if (name !== 'points/1/next') await write('a/points/1/next/manifest.json', manifest(point));
      await link(to, `a/${name}`);
      for (const way of WAYS) await refused(name, () => runSweep({ recipe, ...given }, { ...silent, ...way }));
      await refused(name, () => rewriteTable(file('a'), []));
      await refused(name, () => judgeSweep(file('a'), { run: file('a') }, silent));
      await rm(file('a'), { recursive: true });
    }
  });

  it('may lead to the whole folder: that is how the user has laid it out', async () => {
    await write('disk/a/manifest.json', manifest({ outcome: 'stopped' }));
    await link('disk', 'runs');
    assert.equal((await planOutput(file('runs/a'), [], {})).folder, file('runs/a'));
    await link('disk/a', 'b');
    assert.equal((await planOutput(file('b'), [], {})).folder, file('b'));
  });
});
