/** A sweep's points are ordinary runs; what is done stays done. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { SweepRecipe } from '../../runtime/contract/recipeSweep.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { plannedPoints, type PlannedPoint } from '../../runtime/recipes/reading/sweepPoints.js';
import { sha256File } from '../../runtime/support/files.js';
import { CLI } from '../calls/support.js';
import { runSweep as run, sweepsFolder, type Sweeps } from '../support/sweeps.js';
import { RECIPES } from '../kills/workspace.js';
import { silent } from '../support/silent.js';

let at: Sweeps;
let root: string;
before(async () => {
  at = await sweepsFolder();
  root = at.root;
});
after(() => at.remove());

const write: Sweeps['write'] = (name, value) => at.write(name, value);
const sweep: Sweeps['sweep'] = (name, over) => at.sweep(name, over);
const table: Sweeps['table'] = (name) => at.table(name);
/** What must be the same, however often a sweep was interrupted. */
const results = ({ points }: SweepFile) =>
  points.map(({ values, folder, verdict, measurements }) => ({ values, folder, verdict, measurements }));
const weights = (folder: string): Promise<string> => sha256File(join(folder, 'adapter/adapter_model.safetensors'));

describe('a sweep', () => {
  const over = { 'optimizer.learningRate': [0.02, 0.05], seed: [1, 2] };

  it('has a run folder for each point, with the result of the same recipe run alone', async () => {
    const { done, points } = await run(await sweep('same', over));
    assert.equal(done.outcome, 'finished');
    assert.equal(points.length, 4);
    assert.ok(points.every(({ resumed }) => resumed === undefined));
    const { of, points: listed } = await table('same');
    assert.equal(of, 4);
    assert.deepEqual(
      listed.map(({ values }) => values),
      [0.02, 0.05].flatMap((rate) => [1, 2].map((seed) => ({ 'optimizer.learningRate': rate, seed }))),
    );
    for (const { values, folder } of points) {
      const seed = Number(values.seed);
      const learningRate = Number(values['optimizer.learningRate']);
      const alone = await write('alone', {
        ...RECIPES['lora, absorbs flagged rows'],
        ...{ seed, optimizer: { learningRate }, output: `alone-${seed}-${learningRate}` },
      });
      const { output } = await runRecipe(alone, silent);
      assert.equal(await weights(folder), await weights(output), JSON.stringify(values));
      for (const file of ['scan.json', 'answers.jsonl'])
        assert.equal(await readFile(join(folder, file), 'utf8'), await readFile(join(output, file), 'utf8'), file);
      assert.ok(existsSync(join(folder, 'report.html')));
    }
    assert.match(await readFile(join(root, 'sweeps/same/report.html'), 'utf8'), /4 of 4 points/);
  });

  it('keeps the points that a change of the recipe leaves as they are', async () => {
    const few = { ...over, seed: [1] };
    await run(await sweep('changed', few));
    const more = await sweep('changed', { ...few, 'optimizer.learningRate': [0.05, 0.1], 'data.limit': [10] });
    await assert.rejects(run(more), { code: 'exists' });
    const { points } = await run(more, { resume: true });
    // With a limit that all rows are below the recipe is another one, and so are its results for all that is known.
    assert.equal(points.filter(({ resumed }) => resumed).length, 0);
    const again = await run(await sweep('changed', { ...few, 'optimizer.learningRate': [0.05, 0.1] }), {
      resume: true,
    });
    assert.deepEqual(
      again.points.filter(({ resumed }) => resumed).map(({ values }) => values),
      [{ 'optimizer.learningRate': 0.05, seed: 1 }],
    );
    assert.equal(again.points.length, 2);
  });

  it('goes on after a point that fails, and tries that one again', async () => {
    const mix = (file: string) => ({ 'data.mix': { file } });
    const bad = { ...mix('absent.jsonl'), vectors: [], protection: false };
    const recipe = await sweep('failing', { way: { good: mix('benign.jsonl'), bad } });
    const { done, points } = await run(recipe);
    assert.equal(done.outcome, 'finished');
    assert.deepEqual(
      points.map(({ verdict }) => verdict === 'failed'),
      [false, true],
    );
    assert.match(points[1]!.error!.place!, /absent/);
    assert.deepEqual(
      (await table('failing')).points.map(({ plain }) => plain),
      [undefined, true],
    );
    assert.match(await readFile(join(root, 'sweeps/failing/report.html'), 'utf8'), /1 of 2 points are done, and 1 failed/); // oxfmt-ignore
    const again = await run(recipe, { resume: true });
    assert.deepEqual(
      again.points.map(({ resumed = false }) => resumed),
      [true, false],
    );
  });

  it('stopped, loses nothing of the points that are done, and goes on from the checkpoint of the one in work', async () => {
    const recipe = await sweep('stopped', over);
    let points = 0;
    const stopAt = (event: RunEvent): boolean => event.kind === 'point' && ++points === 2;
    const { done } = await run(recipe, { stopAt });
    assert.equal(done.outcome, 'stopped');
    assert.equal((await table('stopped')).points.length, 2);
    const again = await run(recipe, { resume: true });
    assert.deepEqual(
      again.points.map(({ resumed = false }) => resumed),
      [true, true, false, false],
    );
    assert.deepEqual(results(await table('stopped')), results(await table('same')));
  });

  it('killed twice and resumed, ends with the same table', { timeout: 300_000 }, async () => {
    const recipe = await sweep('killed', over);
    for (const kill of [1, 2]) {
      const child = spawn(process.execPath, [CLI, 'train', recipe, '--json', '--resume'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      if (kill === 1) child.kill('SIGKILL');
      await new Promise((resolve) => {
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          const fresh = text.split('\n').filter((line) => /"kind":"point"/.test(line) && !/"resumed"/.test(line));
          if (fresh.length === 1) child.kill('SIGKILL');
        });
        child.on('close', resolve);
      });
      if (kill === 1) await run(recipe, { stopAt: (event) => event.kind === 'point' });
    }
    const before = (await table('killed')).points.length;
    assert.ok(before >= 1 && before < 4, String(before));
    const { done } = await run(recipe, { resume: true });
    assert.equal(done.outcome, 'finished');
    assert.deepEqual(results(await table('killed')), results(await table('same')));
  });

  it('takes the place of no finished or stopped run, and no run takes the place of a sweep', async () => {
    const place = join(root, 'sweeps/taken');
    const base = join(root, 'base.json');
    const recipe = await sweep('taken', { seed: [1] });
    const picture = async (): Promise<string[]> => {
      const entries = await readdir(place, { recursive: true, withFileTypes: true });
      const files = entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
      return Promise.all(files.sort().map(async (file) => `${file} ${await sha256File(file)}`));
    };
    const stays = async (run: () => Promise<unknown>, message: RegExp): Promise<void> => {
      const was = await picture();
      await assert.rejects(run, { message });
      assert.deepEqual(await picture(), was);
    };
    await runRecipe(base, { ...silent, output: place });
    for (const options of [{ force: true }, { resume: true }, {}])
      await stays(() => run(recipe, options), /holds the finished run "taken" of 20.*no sweep takes the place of/);
    await rm(place, { recursive: true });
    const stop = new AbortController();
    await runRecipe(base, {
      ...{ output: place, signal: stop.signal },
      onEvent: ({ kind }) => void (kind === 'step' && stop.abort()),
    });
    await stays(() => run(recipe, { resume: true }), /holds the run "taken" of 20/);
    await stays(() => run(recipe), /has not reached its end/);
    await run(recipe, { force: true, stopAt: ({ kind }) => kind === 'state' });
    for (const options of [{ force: true }, { resume: true }, {}])
      await stays(() => runRecipe(base, { ...silent, ...options, output: place }), /holds the sweep "taken" of 20.*only a sweep/); // oxfmt-ignore
  });

  it('is refused before anything runs where a value is no value of its key', async () => {
    const refused = async (over: object, expected: object): Promise<void> => {
      await assert.rejects(run(await sweep('refused', over)), expected);
      assert.ok(!existsSync(join(root, 'sweeps/refused')));
    };
    await refused({ 'optimizer.learningRate': [0.1, 'fast'] }, { place: /refused.json over: learningRate fast/ });
    await refused({ 'optimizer.speed': [1] }, { message: /unknown key "speed"/ });
    const many = Array.from({ length: 101 }, (_, i) => i);
    await refused({ seed: many, steps: many }, { message: /at most 10000 points/ });
    await refused({ 'seed.of': [1] }, { message: /the base has 3 there/ });
    await refused({ 'vectors.1.scale': [1] }, { message: /1 entries/ });
    const file = await write('refused', { kind: 'sweep', base: 'vector.json', over: { seed: [1] }, output: 'o' });
    await assert.rejects(run(file), { message: /"finetune" recipe/ });
  });

  it('may have a base that only its points make whole', async () => {
    const { vectors, ...bare } = RECIPES['lora, absorbs flagged rows'] as unknown as { vectors: unknown[] };
    await write('bare', { ...bare, protection: true });
    const points = (over: object): Promise<PlannedPoint[]> =>
      plannedPoints({ kind: 'sweep', base: 'bare.json', output: 'o', over } as SweepRecipe, {
        file: join(root, 'sweep.json'),
        path: (name) => join(root, name),
      });
    assert.equal((await points({ vectors: [vectors], seed: [1, 2] })).length, 2);
    await assert.rejects(points({ protection: [false, true] }), {
      message: /"protection" needs a vector/,
      place: /^bare\.json:\d+ protection$/,
    });
  });
});

describe('rows of a second file', () => {
  const facts = async (data: object): Promise<Manifest['data']> => {
    const recipe = await write('mixed', { ...RECIPES['lora, every 3'], steps: 1, evaluate: [], data, output: 'mixed' });
    const { output } = await runRecipe(recipe, {
      ...silent,
      force: true,
    });
    return (JSON.parse(await readFile(join(output, 'manifest.json'), 'utf8')) as Manifest).data;
  };

  it('are so many that they are the given share of all', async () => {
    const of = async (mix: object): Promise<number[]> =>
      (await facts({ file: 'train.jsonl', limit: 4, mix: { file: 'harmful.jsonl', ...mix } })).map(({ rows }) => rows);
    assert.deepEqual(await of({}), [4, 6]);
    assert.deepEqual(await of({ limit: 3 }), [4, 3]);
    assert.deepEqual(await of({ share: 0 }), [4, 0]);
    assert.deepEqual(await of({ share: 0.5 }), [4, 4]);
    await assert.rejects(of({ share: 0.8 }), { place: 'data.mix.share', message: /takes 16 rows, and the file has 6/ });
  });
});
