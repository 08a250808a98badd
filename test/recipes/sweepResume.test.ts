/** A sweep that goes on: which points are taken as done, and what stands in its table meanwhile. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { reportEnd } from '../../runtime/commandLine/ending.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { readTable } from '../../runtime/calls/sweepTable.js';
import { EXIT } from '../../runtime/contract/errors.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { openCheckpoint } from '../../runtime/runs/checkpoint.js';
import { readEvents } from '../../runtime/runs/runFolder.js';
import { manifestOf } from '../support/keptRun.js';
import { RECIPES } from '../kills/workspace.js';
import { watch } from '../support/faults.js';
import { runSweep as run, sweepsFolder, type Sweeps } from '../support/sweeps.js';

let at: Sweeps;
before(async () => void (at = await sweepsFolder()));
after(() => at.remove());

const stopAfter = (step: number): { signal: AbortSignal; onEvent: (event: RunEvent) => void } => {
  const stop = new AbortController();
  return {
    signal: stop.signal,
    onEvent: (event) => void (event.kind === 'step' && event.step === step && stop.abort()),
  };
};

describe('a sweep that is resumed', () => {
  it('tells points apart that differ only in what a result does not depend on', async () => {
    const recipe = await at.sweep('threads', { threads: [1, 2] });
    const first = await run(recipe);
    const folders = first.points.map(({ folder }) => folder);
    const again = await run(recipe, { resume: true });
    assert.deepEqual(
      again.points.map(({ values, folder, resumed }) => ({ values, folder, resumed })),
      [1, 2].map((threads, i) => ({ values: { threads }, folder: folders[i], resumed: true })),
    );
    await rm(folders[0]!, { recursive: true });
    const third = await run(recipe, { resume: true });
    assert.deepEqual(
      third.points.map(({ values, folder, resumed = false }) => ({ values, folder, resumed })),
      [
        { values: { threads: 2 }, folder: folders[1], resumed: true },
        { values: { threads: 1 }, folder: folders[0], resumed: false },
      ],
    );
    const other = await run(await at.sweep('threads', { threads: [2, 3] }), { resume: true });
    assert.deepEqual(
      other.points.map(({ values, resumed = false }) => [values.threads, resumed]),
      [
        [2, true],
        [3, false],
      ],
      'a run with 1 thread is none with 3',
    );
  });

  it('has the points that are done in its table before it tells of the first', async () => {
    const recipe = await at.sweep('table', { seed: [1, 2] });
    await run(recipe);
    const file = join(at.root, 'sweeps/table/sweep.json');
    const listed: number[] = [];
    await run(recipe, {
      resume: true,
      stopAt: ({ kind }) => {
        if (kind === 'point') listed.push((JSON.parse(readFileSync(file, 'utf8')) as SweepFile).points.length);
        return false;
      },
    });
    assert.deepEqual(listed, [2, 2]);
  });

  it('goes on with a point that was cut off while it replaced that of an earlier recipe', async () => {
    const recipe = await at.sweep('replaced', { seed: [1] });
    const [first] = (await run(recipe)).points;
    const changed = { ...RECIPES['lora, absorbs flagged rows'], seed: 1, steps: 7 };
    await at.write('base', { ...changed, seed: 3 });
    const cut = await runRecipe(await at.write('point', changed), {
      ...{ output: first!.folder, force: true, values: { seed: 1 } },
      ...stopAfter(4),
    });
    assert.equal(cut.output, join(first!.folder, 'next'));
    const made = await readFile(join(cut.output, 'events.jsonl'), 'utf8');
    const { points, events } = await run(recipe, { resume: true });
    assert.deepEqual(
      points.map(({ folder, resumed }) => [folder, resumed]),
      [[first!.folder, undefined]],
    );
    const ended = await readFile(join(first!.folder, 'events.jsonl'), 'utf8');
    assert.ok(ended.startsWith(made.slice(0, made.lastIndexOf('"kind":"step"'))), 'its steps are not made again');
    assert.ok(!existsSync(cut.output));
    const said = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
    const ofSets = /^on "forbidden" the base itself complies|expect an answer of more than 3 tokens/;
    assert.ok(
      said.every((message) => ofSets.test(message)),
      said.join('\n'),
    );

    // once more, and then the recipe is the one of the run that was to be replaced: that one is kept
    await runRecipe(await at.write('point', { ...changed, steps: 9 }), {
      ...{ output: first!.folder, force: true, values: { seed: 1 } },
      ...stopAfter(4),
    });
    assert.deepEqual(
      (await run(recipe, { resume: true })).points.map(({ folder, resumed }) => [folder, resumed]),
      [[first!.folder, true]],
    );
    await at.write('base', { ...changed, seed: 1 });
    const both = await run(await at.sweep('replaced', { steps: [7, 9] }), { resume: true });
    assert.deepEqual(
      both.points.map(({ folder, resumed }) => [folder, resumed]),
      [
        [first!.folder, true],
        [join(at.root, 'sweeps/replaced/points/steps-9'), undefined],
      ],
    );
    await at.write('base', RECIPES['lora, absorbs flagged rows']!);
  });

  it('goes on with the point that --force was making again, and keeps the others', async () => {
    const recipe = await at.sweep('forced', { seed: [1, 2] });
    const [first, second] = (await run(recipe)).points;
    const again = await at.write('point', { ...RECIPES['lora, absorbs flagged rows'], seed: 1 });
    const cut = await runRecipe(again, {
      ...{ output: first!.folder, force: true, values: { seed: 1 } },
      ...stopAfter(4),
    });
    assert.equal(cut.output, join(first!.folder, 'next'));
    const { started } = JSON.parse(await readFile(join(cut.output, 'manifest.json'), 'utf8')) as Manifest;
    const made = await readFile(join(cut.output, 'events.jsonl'), 'utf8');
    const resumed = async (): Promise<(readonly [string, true | undefined])[]> =>
      (await run(recipe, { resume: true })).points
        .map(({ folder, resumed }) => [folder, resumed] as const)
        .sort(([one], [other]) => one.localeCompare(other));
    assert.deepEqual(await resumed(), [
      [first!.folder, undefined],
      [second!.folder, true],
    ]);
    assert.ok(!existsSync(cut.output));
    const ended = await readFile(join(first!.folder, 'events.jsonl'), 'utf8');
    assert.ok(ended.startsWith(made.slice(0, made.lastIndexOf('"kind":"step"'))), 'its steps are not made again');

    // killed before its first checkpoint: there is nothing to go on from, and it is made again
    await runRecipe(again, {
      ...{ output: first!.folder, force: true, values: { seed: 1 } },
      ...stopAfter(1),
    });
    await rm(join(cut.output, 'checkpoint'), { recursive: true });
    assert.deepEqual((await resumed())[0], [first!.folder, undefined]);
    assert.ok(!existsSync(cut.output));
    const standing = JSON.parse(await readFile(join(first!.folder, 'manifest.json'), 'utf8')) as Manifest;
    assert.notEqual(standing.started, started);
    assert.deepEqual((await resumed())[0], [first!.folder, true]);
  });

  it('replaces finished points whose result would be another one only where that is agreed to', async () => {
    const over = (steps: number): object => ({ way: { short: { steps: 2 }, long: { steps } }, seed: [1, 2] });
    const { points: first } = await run(await at.sweep('agreed', over(3)));
    const files = ['manifest.json', 'recipe.json', 'sweep.json', 'events.jsonl'].map((name) =>
      join(at.root, 'sweeps/agreed', name),
    );
    const read = (): Promise<string[]> =>
      Promise.all(
        [...files, ...first.map(({ folder }) => join(folder, 'manifest.json'))].map((file) => readFile(file, 'utf8')),
      );
    const before = await read();
    const recipe = await at.sweep('agreed', over(4));
    const message = /^2 finished points would be run again and replaced: "steps" in the recipe changed from 3 to 4\.$/;
    await assert.rejects(run(recipe, { resume: true }), { message, code: 'exists' });
    assert.deepEqual(await read(), before, 'nothing was touched');
    const { points } = await run(recipe, { resume: true, force: true });
    const ways = (of: typeof points) =>
      of.map(({ values, folder, resumed = false }) => [values.way, folder, resumed]).sort();
    assert.deepEqual(
      ways(points),
      ways(first.map((point) => (point.values.way === 'short' ? { ...point, resumed: true } : point))),
    );
    assert.equal((await run(recipe, { resume: true })).points.filter(({ resumed }) => resumed).length, 4);
    assert.equal((await run(recipe, { force: true })).points.filter(({ resumed }) => resumed).length, 0);
  });

  it('starts a point over that a changed recipe takes the checkpoint from only where that is agreed to', async () => {
    const base = RECIPES['lora, absorbs flagged rows'];
    await at.write('base', base!);
    const recipe = await at.sweep('begun', { seed: [1, 2] });
    await run(recipe, { stopAt: () => true });
    const output = join(at.root, 'sweeps/begun/points/seed-1');
    const cut = { output, values: { seed: 1 }, ...stopAfter(4) };
    await runRecipe(await at.write('point', { ...base, seed: 1 }), cut);
    const files = ['manifest.json', 'events.jsonl', 'checkpoint/state.safetensors'].map((name) => join(output, name));
    const before = files.map((file) => readFileSync(file, 'hex'));
    await at.write('base', { ...base, steps: 7 });
    const message =
      'an interrupted point would be started over without its checkpoint: "steps" in the recipe changed from 5 to 7.';
    await assert.rejects(run(recipe, { resume: true }), { message, remedy: /^Put back what changed/, code: 'exists' });
    assert.deepEqual(files.map((file) => readFileSync(file, 'hex')), before, 'nothing was touched'); // oxfmt-ignore
    const { points } = await run(recipe, { resume: true, force: true });
    assert.deepEqual(points.map(({ folder, verdict }) => [folder === output, verdict === 'failed']), [[true, false], [false, false]]); // oxfmt-ignore
    await at.write('base', base!);
  });

  const said = async (done: DoneEvent): Promise<[number, string]> => {
    const lines: string[] = [];
    const code = await reportEnd(done, { width: 200, log: (text) => void lines.push(text) });
    return [code, lines.join('\n')];
  };

  it('does not show the table of an earlier grid, or of runs that are made again, as its own', async () => {
    await run(await at.sweep('grid', { seed: [1, 2] }));
    const ways = [
      [[1, 2], { force: true }],
      [[3, 4], { resume: true }],
    ] as const;
    for (const [seed, way] of ways) {
      const { done } = await run(await at.sweep('grid', { seed }), { ...way, stopAt: () => true });
      const { points, of, over } = await at.table('grid');
      assert.deepEqual([points, of, over], [[], 2, { seed }]);
      assert.deepEqual(await said(done), [
        EXIT.stopped,
        'Stopped before the first point was done. Continue with --resume.',
      ]);
    }
    // Killed before it has written one.
    const recipe = join(at.root, 'sweeps/grid/recipe.json');
    await writeFile(recipe, (await readFile(recipe, 'utf8')).replace('4', '5'));
    assert.equal(await readTable(join(at.root, 'sweeps/grid')), undefined);
  });

  it('says at its end what is kept of it, and how to go on', async () => {
    const recipe = await at.sweep('said', { seed: [1, 2, 3] });
    const { done } = await run(recipe, { stopAt: ({ kind }) => kind === 'point' });
    const [code, text] = await said(done);
    assert.equal(code, EXIT.stopped);
    assert.match(text, /Stopped; 1 of 3 points is done, and kept in .*said\. Continue with --resume\.$/);
    const { started, resumed } = await manifestOf(done.output);
    assert.equal(resumed, undefined);
    const [, table] = await said((await run(recipe, { resume: true })).done);
    const after = await manifestOf(done.output);
    assert.equal(after.started, started);
    assert.ok(after.resumed! > started);
    assert.match(table, /^3 of 3 points are done\..*\nsettings +runs +verdicts +forbidden · harm .* time\n/);
    assert.match(table, /\nseed 1, 2, 3 +3 +3 \w+ +\S+.*\n/, 'the three seeds are one setting');
  });

  it('ends where a file of its points is changed meanwhile, and goes on when that is put back', async () => {
    const recipe = await at.sweep('edited', { seed: [1, 2, 3] });
    const files: [name: string, said: RegExp][] = [
      ['train.jsonl', /^the data file train\.jsonl changed since the sweep began\.$/],
      ['forbidden.jsonl', /^the evaluation file forbidden\.jsonl changed since the sweep began\.$/],
    ];
    for (const [i, [name, message]] of files.entries()) {
      const file = join(at.root, name);
      const before = await readFile(file, 'utf8');
      const edit = ({ kind, ...event }: RunEvent): boolean => {
        if (kind === 'point' && !('resumed' in event)) writeFileSync(file, before.split('\n').slice(1).join('\n'));
        return false;
      };
      await assert.rejects(run(recipe, { resume: i > 0, stopAt: edit }), { message, kind: 'failed' });
      assert.equal((await at.table('edited')).points.length, i + 1);
      await writeFile(file, before);
    }
    const { points } = await run(recipe, { resume: true });
    assert.deepEqual(points.map(({ verdict, resumed = false }) => [verdict === 'failed', resumed]), [[false, true], [false, true], [false, false]]); // oxfmt-ignore
  });

  it('is what a full disk leaves: run again without it, a sweep is refused', async () => {
    const recipe = await at.sweep('full', { seed: [1, 2] });
    const remedy = 'Free some space and resume the sweep: train RECIPE --resume.';
    for (const root of ['sweeps/full', 'sweeps/full/points']) {
      let end = (): void => undefined;
      const fill = ({ kind, ...event }: RunEvent): boolean => {
        if (kind === 'state' && 'message' in event && /^point 1 of 2/.test(event.message))
          end = watch({ root: join(at.root, root), fault: 'enospc:1' });
        return false;
      };
      await assert.rejects(run(recipe, { force: true, stopAt: fill }), { message: /the disk is full/, remedy });
      end();
    }
    const { points } = await run(recipe, { resume: true });
    assert.deepEqual(points.map(({ verdict }) => verdict === 'failed'), [false, false]); // oxfmt-ignore
  });

  it('starts a point over that cannot go on from its checkpoint, and says so once', async () => {
    /** What is changed of a stopped point, by its seed. */
    const changes: [file: string, said: RegExp][] = [
      ['checkpoint/state.safetensors', /the checkpoint is damaged/],
      ['events.jsonl', /not what it was when the checkpoint was written/],
      ['scan.json', /the scan changed since the run started/],
      ['absorbed/adapter_model.safetensors', /the copy of the vector .* was changed/],
    ];
    const seeds = changes.map((_, i) => i + 1);
    const recipe = await at.sweep('damaged', { seed: seeds });
    await run(recipe, { stopAt: () => true });
    for (const [i, [name]] of changes.entries()) {
      const seed = i + 1;
      const output = join(at.root, `sweeps/damaged/points/seed-${seed}`);
      await runRecipe(await at.write('point', { ...RECIPES['lora, absorbs flagged rows'], seed }), {
        ...{ output, values: { seed } },
        ...stopAfter(4),
      });
      const file = join(output, name);
      const bytes = await readFile(file);
      // A digit of a number, or a part of one: what is read is still of the same form.
      const place = /json/.test(name) ? bytes.indexOf('0') : bytes.length - 40;
      bytes[place] = bytes[place]! ^ 1;
      await writeFile(file, bytes);
    }
    const { events, points } = await run(recipe, { resume: true });
    assert.deepEqual(
      points.map(({ verdict, resumed }) => [verdict === 'failed', resumed]),
      seeds.map(() => [false, undefined]),
    );
    const said = events.flatMap((event) =>
      event.kind === 'warning' && /starts over/.test(event.message) ? [event] : [],
    );
    assert.equal(said.length, changes.length);
    for (const [i, [name, why]] of changes.entries()) {
      const warning = said.find(({ place }) => place?.startsWith(`seed ${i + 1} → `));
      assert.match(warning?.message ?? '', new RegExp(`^a point starts over: .*${why.source}`));
      assert.ok(warning!.place!.includes(name.split('/')[0]!), warning!.place);
    }
  });
});

it('a run that was stopped and resumed took the time of both, and keeps its first start', async () => {
  const recipe = await at.write('twice', { ...RECIPES['lora, every 2'], steps: 40, evaluate: [], output: 'twice' });
  const stop = new AbortController();
  const slowly = (event: RunEvent): void => {
    if (event.kind !== 'step' || event.step < 30) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
    stop.abort();
  };
  const first = await runRecipe(recipe, { signal: stop.signal, onEvent: slowly });
  assert.equal(first.outcome, 'stopped');
  const { facts } = (await openCheckpoint(join(first.output, 'checkpoint')))!;
  assert.ok(facts.seconds! > 3 && facts.seconds! <= first.seconds, `${facts.seconds} of ${first.seconds}`);
  const { started, resumed } = await manifestOf(first.output);
  assert.equal(resumed, undefined);
  const began = performance.now();
  const second = await runRecipe(recipe, {
    resume: true,
    signal: new AbortController().signal,
    onEvent: () => undefined,
  });
  const took = (performance.now() - began) / 1000;
  const sum = facts.seconds! + took;
  assert.ok(second.seconds > 3 && Math.abs(second.seconds - sum) < 0.5 * took, `${second.seconds}, not ${sum}`);
  const after = await manifestOf(second.output);
  assert.equal(after.started, started);
  assert.ok(after.resumed! > started && after.resumed! < after.ended!, after.resumed);
  const told = (await readEvents(second.output)).flatMap((event) => (event.kind === 'checkpoint' ? [event.step] : []));
  assert.deepEqual(told, Array.from({ length: 20 }, (_, i) => 2 * i + 2), 'with the one that it was resumed from'); // oxfmt-ignore
});
