/** `runs` lists the points of a sweep like every other run, and says of a run that goes on that it does. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeAgain } from '../../runtime/calls/judge.js';
import { listRuns } from '../../runtime/commandLine/runs.js';
import { OWNER } from '../../runtime/contract/owner.js';
import { processStart } from '../../runtime/runs/ownerOf.js';
import { runFolder, temporary, write } from '../extension/support.js';

const started = (minute: number) => ({ started: `2026-01-01T10:0${minute}:00.000Z` });

test('the points of a sweep are runs of their own, and what else lies in a run is none', async (t) => {
  const root = await temporary(t);
  const sweep = { kind: 'sweep', base: '../recipes/r.json', output: '../adapters/sweep', vary: { seed: [1, 2] } };
  await runFolder(root, 'sweep', { manifest: { kind: 'sweep', role: undefined, ...started(0) }, recipe: sweep });
  await runFolder(root, 'sweep/points/seed-1', { manifest: started(1) });
  await runFolder(root, 'sweep/points/seed-2', { manifest: started(2) });
  await runFolder(root, 'sweep/other/copy', {});
  await runFolder(root, 'alone', { manifest: started(3) });
  await runFolder(root, 'alone/points/copy', {});
  // A sweep that has made no point yet.
  await runFolder(root, 'begun', { manifest: { kind: 'sweep', role: undefined, ...started(4) }, recipe: sweep });
  await write(join(root, 'adapters/notes.txt'), '');
  const problems: unknown[] = [];
  const found = await listRuns(root, (_, error) => problems.push(error));
  assert.deepEqual(problems, []);
  assert.deepEqual(
    found.map(({ path }) => path),
    ['sweep', 'sweep/points/seed-1', 'sweep/points/seed-2', 'alone', 'begun'].map((name) => `adapters/${name}`),
  );
});

test('a sweep is listed before its points, and says how many are done', async (t) => {
  const root = await temporary(t);
  const over = { seed: [1, 2] };
  const sweep = await runFolder(root, 'sweep', {
    manifest: { kind: 'sweep', role: undefined, ...started(1) },
    recipe: { kind: 'sweep', over },
  });
  await runFolder(root, 'sweep/points/seed-1', { manifest: started(1) });
  await runFolder(root, 'between', { manifest: started(3) });
  await runFolder(root, 'sweep-2', { manifest: started(0) });
  const point = { values: { seed: 1 }, folder: 'points/seed-1', verdict: 'held', measurements: [], seconds: 1 };
  await write(join(sweep, 'sweep.json'), { version: 1, over, of: 2, points: [point] });
  const found = await listRuns(root, (_, error) => assert.ifError(error));
  assert.deepEqual(
    found.map(({ path, started: at }) => [path, at.slice(15, 16)]),
    [['sweep-2', '0'], ['sweep', '1'], ['sweep/points/seed-1', '1'], ['between', '3']].map(([name, at]) => [`adapters/${name}`, at]),
  ); // oxfmt-ignore
  assert.equal(found[1]!.headline, '1 of 2 points are done.');
});

test('a run that is to replace a finished one is listed beside it, while it is not done', async (t) => {
  const root = await temporary(t);
  const sweep = { kind: 'sweep', base: '../recipes/r.json', output: '../adapters/sweep', vary: { seed: [1] } };
  await runFolder(root, 'r', {});
  await runFolder(root, 'r/next', { manifest: { outcome: 'running', done: undefined, ...started(1) } });
  await write(join(await runFolder(root, 'alone', {}), 'next/notes.txt'), '');
  await runFolder(root, 'sweep', { manifest: { kind: 'sweep', role: undefined, ...started(2) }, recipe: sweep });
  await runFolder(root, 'sweep/points/seed-1', { manifest: started(3) });
  await runFolder(root, 'sweep/points/seed-1/next', { manifest: { outcome: 'stopped', ...started(4) } });
  const found = await listRuns(root, (_, error) => assert.ifError(error));
  assert.deepEqual(
    found.map(({ path, outcome }) => `${path} ${outcome}`.slice('adapters/'.length)).sort(),
    ['alone finished', 'r finished', 'r/next interrupted', 'sweep finished']
      .concat(['sweep/points/seed-1 finished', 'sweep/points/seed-1/next stopped'])
      .sort(),
  );
});

test('a run with a damaged manifest is named; what has another program is passed by', async (t) => {
  const root = await temporary(t);
  await runFolder(root, 'a', {});
  await runFolder(root, 'damaged', {});
  const manifest = join(root, 'adapters/damaged/manifest.json');
  await write(manifest, '{ "version": 1, "kind": "fine');
  await write(join(root, 'page/manifest.json'), '{ "name": "page" }');
  const problems: [string, unknown][] = [];
  const found = await listRuns(root, (folder, error) => problems.push([folder, error]));
  assert.deepEqual(found.map(({ path }) => path), ['adapters/a']); // oxfmt-ignore
  assert.deepEqual(problems.map(([folder]) => folder), [join(root, 'adapters/damaged')]); // oxfmt-ignore
  const fault = { message: /^the manifest of this run is damaged/, place: manifest };
  await assert.rejects(Promise.reject(problems[0]![1]), fault);
  const { signal } = new AbortController();
  const reporter = { signal, ...{ onEvent() {}, onToken() {}, onRows() {}, onProgress() {}, onLog() {} } };
  await assert.rejects(judgeAgain({ run: join(root, 'adapters/damaged'), judges: [] }, reporter), fault);
  await assert.rejects(judgeAgain({ run: join(root, 'page'), judges: [] }, reporter), /there is no run in this folder/);
});

test('a folder that may not be read is named, and the runs beside it are listed', async (t) => {
  const root = await temporary(t);
  await runFolder(root, 'a', {});
  const closed = join(root, 'adapters/closed');
  await mkdir(closed);
  await chmod(closed, 0);
  for (const folder of [root, join(root, 'adapters')]) await chmod(folder, 0o755);
  // Nothing is closed to root.
  const user = process.geteuid?.();
  if (user === 0) process.seteuid!(65534);
  const problems: string[] = [];
  try {
    if (await readdir(closed).then(() => true, () => false)) return t.skip('the system closes no folder'); // oxfmt-ignore
    const found = await listRuns(root, (folder) => problems.push(folder));
    assert.deepEqual(found.map(({ path }) => path), ['adapters/a']); // oxfmt-ignore
    assert.deepEqual(problems, [closed]);
    await assert.rejects(
      listRuns(closed, () => undefined),
      { code: 'EACCES' },
    );
  } finally {
    if (user === 0) process.seteuid!(0);
  }
});

test('a run in which a process works goes on; without one it was interrupted', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'r', { manifest: { outcome: 'running', done: undefined } });
  const listed = async () => {
    const [run] = await listRuns(root, (_, error) => assert.ifError(error));
    return { outcome: run!.outcome, verdict: run!.verdict, saysInterrupted: run!.headline.includes('Interrupted') };
  };
  assert.deepEqual(await listed(), { outcome: 'interrupted', verdict: 'interrupted', saysInterrupted: true });
  const owner = { pid: process.pid, host: hostname(), started: await processStart(process.pid), since: '2026-01-01' };
  await write(join(folder, OWNER.file), owner);
  assert.deepEqual(await listed(), { outcome: 'running', verdict: 'running', saysInterrupted: false });
});
