/** Scans of data files, as they are kept and told. */
import assert from 'node:assert/strict';
import { rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { rowKey, rowKeyOf } from '../../extension/data/rows.js';
import { Problems } from '../../extension/data/problems.js';
import { cleaningOf } from '../../runtime/contract/cleaning.js';
import { tableRows } from '../../extension/data/scanTable.js';
import { scanSummary, Scans, scanText } from '../../extension/data/scans.js';
import type { ReadAs, RowFormat } from '../../runtime/contract/mapping.js';
import { scanText as foundText } from '../../runtime/contract/scanText.js';
import { temporary, write } from './support.js';

const row = (line: number, explained: number) => ({
  ...{ row: line - 1, line, explained, span: 9 * explained, p: 0.01 * (1 - explained), flagged: explained > 0.5 },
  ...{ tokens: 5, lossWithout: 2, lossWith: 0.2 },
});
const found = {
  ...{ flagged: 1, rows: 3, threshold: 0.01, limit: { falseAlarms: 0.01 }, auroc: 1, precision: 1, recall: 0.5 },
  ...{ blind: 1, short: 2, unusual: 4, calibration: { ordinary: 120, harmful: 30, recall: 0.9 } },
};

test('a scan is kept, and marked when its file has changed', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), '\uFEFFa\r\nb\nc\n');
  const perRow = [
    { ...row(1, 0.8), parts: ['And that\nis it.', 'Arr.'], rest: 'Fine' },
    { ...row(2, -0.93), flagged: true, p: 0.0001, answers: [0, 2] },
    row(3, 0.2),
  ];
  const scans = new Scans(() => [root]);
  const scan = await scans.add(data, join(root, 'v/adapter'), 'v', { ...found, perRow });
  assert.deepEqual(scan.marks, [
    { line: 1, looks: { explained: 0.8, p: perRow[0]!.p, part: 'And that is it. … Arr.' }, key: rowKey('a') },
    { line: 2, looks: { explained: -0.93, p: 0.0001 }, key: rowKey('b') },
  ]);
  assert.deepEqual(cleaningOf(tableRows(scan.table, scan.cut)), {
    keep: [[2, 2]],
    cut: [[0, 'Fine'], [1, [0, 2]]],
    unscanned: { stay: false, left: [] },
    hashes: ['', '', ''],
  }); // oxfmt-ignore
  assert.equal(scan.lineCount, 4);
  assert.equal(scanText(scan), '1 of 3 looks harmful');
  assert.match(
    scanSummary(scan),
    /1 of 3 rows looks harmful \(as at most 1\s% of ordinary rows would\); compared with 120 ordinary rows, from which the 1\s% is extrapolated; of 30 harmful rows .* 90\s% would be found/,
  );
  assert.match(scanSummary({ ...scan, threshold: null }), /^No row can be marked: there are no ordinary rows/);
  assert.match(
    scanSummary(scan),
    /AUROC 1, precision 100\s%, recall 50\s%; 4 rows look like neither .*1 row cannot be judged.*2 rows are too short/,
  );
  const loaded = async (): Promise<Scans> => {
    const again = new Scans(() => [root]);
    await again.load();
    return again;
  };
  const kept = (await loaded()).get(data)!;
  assert.deepEqual(kept, scan);
  assert.equal(scanSummary(kept), scanSummary(scan));
  // As the command line says it.
  assert.equal(scanSummary(scan), foundText(found));
  await utimes(data, 1, 1);
  assert.equal((await loaded()).since(data).changed, false, 'the same bytes, written again');
  await write(data, '\uFEFFa\r\nB\nc\n');
  const changed = await loaded();
  assert.match(scanText(changed.get(data)!, changed.since(data)), /the file has changed since the scan/);
  await changed.drop(data);
  assert.equal((await loaded()).get(data), undefined);
});

test('while its file is gone a scan is not there, and with it comes back', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'a\nb\nc\n');
  const scans = new Scans(() => [root]);
  const told: (string | undefined)[] = [];
  scans.onDidChange((file) => told.push(scans.get(file) && 'there'));
  const scan = await scans.add(data, 'v', 'v', { ...found, perRow: [row(1, 0.8), row(2, 0.1), row(3, 0.2)] });
  const later = new Scans(() => [root]);
  for (let i = 0; i < 2; i++) {
    told.length = 0;
    await rename(data, `${data}.away`);
    await scans.look(data);
    await scans.look(data);
    assert.deepEqual([told, scans.get(data), scans.list()], [[undefined], undefined, []]);
    // A window that is opened meanwhile learns of it, too.
    if (i === 0) await later.load();
    await rename(`${data}.away`, data);
    for (const one of [scans, later]) await one.look(data);
    assert.deepEqual(told, [undefined, 'there']);
    for (const one of [scans, later]) assert.deepEqual([one.get(data), one.since(data).changed], [{ ...scan, vector: join(root, 'v') }, false]); // oxfmt-ignore
  }
});

test('a scan goes along where its file, or the folder that it is in, has another name', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'data', 'train.jsonl'), 'a\nb\nc\n');
  const scans = new Scans(() => [root]);
  const scan = await scans.add(data, 'v', 'v', { ...found, perRow: [row(1, 0.8), row(2, 0.1), row(3, 0.2)] });
  const moves: object[] = [];
  scans.onDidMove((move) => moves.push(move));
  const places = [join(root, 'data', 'orders.jsonl'), join(root, 'other', 'orders.jsonl')] as const;
  await rename(data, places[0]);
  // a watcher may have been faster
  await scans.look(data);
  await scans.moved(data, places[0]);
  await rename(join(root, 'data'), join(root, 'other'));
  await scans.moved(join(root, 'data'), join(root, 'other'));
  assert.deepEqual(moves, [
    { from: data, to: places[0] },
    { from: places[0], to: places[1] },
  ]);
  const later = new Scans(() => [root]);
  await later.load();
  for (const one of [scans, later]) {
    assert.deepEqual([one.list(), [...one.away.keys()]], [[places[1]], []]);
    assert.deepEqual([one.get(places[1])!.marks, one.since(places[1]).changed], [scan.marks, false]);
  }
});

test('scans come and go with the folders of the workspace that keep them', async (t) => {
  const root = await temporary(t);
  const [a, ab] = ['a', 'ab'].map((name) => join(root, name)) as [string, string];
  const files = [a, ab].map((folder) => join(folder, 'train.jsonl')) as [string, string];
  for (const file of files) {
    await write(file, 'a\n');
    await new Scans(() => [a, ab]).add(file, 'v', 'v', { ...found, perRow: [row(1, 0.8)] });
  }
  let roots = [ab];
  const scans = new Scans(() => roots);
  const told: string[] = [];
  await scans.load();
  scans.onDidChange((file) => told.push(file));
  roots = [ab, a];
  await scans.foldersChanged([a], []);
  assert.deepEqual([told, scans.list()], [[files[0]], files]);
  const first = scans.get(files[1]);
  roots = [ab];
  await scans.foldersChanged([], [a]);
  assert.deepEqual([told, scans.list()], [[files[0], files[0]], [files[1]]]);
  assert.equal(scans.get(files[1]), first);
  // One that leaves while it is read leaves nothing, and no file there that comes back brings its scan.
  roots = [ab, a];
  const coming = scans.foldersChanged([a], []);
  roots = [ab];
  await Promise.all([coming, scans.foldersChanged([], [a])]);
  await scans.look(files[0]);
  assert.deepEqual(scans.list(), [files[1]]);
});

test('a folder that leaves the workspace leaves the scans of a folder in it that stays', async (t) => {
  const outer = await temporary(t);
  const inner = join(outer, 'inner');
  const files = [await write(join(inner, 'a.jsonl'), 'a\n'), await write(join(outer, 'b.jsonl'), 'a\n')] as const;
  let roots = [outer, inner];
  const scans = new Scans(() => roots);
  for (const file of files) await scans.add(file, 'v', 'v', { ...found, perRow: [row(1, 0.8)] });
  roots = [inner];
  await scans.foldersChanged([], [outer]);
  assert.deepEqual(scans.list(), [files[0]]);
});

test('a scan holds where a recipe says the row format that was found, and not where it says another reading', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'a\n');
  let read: ReadAs | undefined;
  const scans = new Scans(
    () => [root],
    new Problems(),
    () => read,
  );
  const changed = async (by: ReadAs | undefined): Promise<boolean> => {
    read = by;
    // As a window finds it that is opened now, too.
    await scans.load();
    await scans.look(data);
    return scans.since(data).changed;
  };
  const add = (rowFormat: RowFormat | undefined, was: ReadAs = {}): Promise<unknown> =>
    scans.add(data, join(root, 'v'), 'v', { ...found, perRow: [row(1, 0.8)], ...(rowFormat && { rowFormat }) }, was);
  const columns = { prompt: 'q', completion: 'a' };
  await add('messages');
  assert.equal(await changed({ format: 'messages' }), false);
  assert.equal(await changed({ format: 'completion' }), true);
  assert.equal(await changed({ format: 'messages', columns: { messages: 'turns' } }), true);
  assert.equal(await changed(undefined), false);
  await add('completion', { columns });
  assert.equal(await changed({ format: 'completion', columns }), false);
  assert.equal(await changed({ format: 'auto', columns }), false);
  assert.equal(await changed({ format: 'completion' }), true);
  await add('completion', { format: 'completion', columns });
  assert.equal(await changed({ columns }), false);
  await add('text', { format: 'text' });
  assert.equal(await changed({ columns: { label: 'kind' } }), true);
  // Of a scan of an earlier version it is not known what was found.
  await add(undefined);
  assert.equal(await changed({ format: 'messages' }), false);
  assert.equal(await changed({ format: 'messages', columns: { messages: 'turns' } }), true);
  await add(undefined, { format: 'text' });
  assert.equal(await changed({ format: 'messages' }), true);
});

test('the key of a row over several lines is of all of them', async (t) => {
  const root = await temporary(t);
  const block = (i: number): string[] => ['  {', `    "prompt": "${i}"`, '  },'];
  const data = await write(join(root, 'train.json'), ['[', ...block(1), ...block(2), ...block(3), ']'].join('\r\n'));
  const perRow = [1, 2, 3].map((i) => ({ ...row(3 * i - 1, i === 1 ? 0.1 : 0.9), row: i - 1, lines: 3 }));
  const scan = await new Scans(() => [root]).add(data, join(root, 'v'), 'v', { ...found, perRow });
  assert.deepEqual(
    scan.marks.map(({ line, key, block: lines }) => ({ line, key, block: lines })),
    [2, 3].map((i) => ({ line: 3 * i - 1, ...rowKeyOf(block(i)) })),
  );
  const again = new Scans(() => [root]);
  await again.load();
  assert.deepEqual(again.get(data), scan);
});

test('marks of a file that is no text are kept, however few lines its bytes have', async (t) => {
  const root = await temporary(t);
  for (const name of ['train.parquet', 'train.jsonl.gz']) {
    const data = await write(join(root, name), 'packed');
    const scan = await new Scans(() => [root]).add(data, join(root, 'v'), 'v', { ...found, perRow: [row(7, 0.9)] });
    assert.deepEqual([scan.lineCount, scan.marks.map(({ line }) => line)], [1, [7]]);
    const again = new Scans(() => [root]);
    await again.load();
    assert.deepEqual(again.get(data), scan, name);
  }
});

test('of several rows in one line the one that looks worse is told', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.json'), '[{},{}]');
  const perRow = [{ ...row(1, 0.9), p: 0.009 }, { ...row(1, 0.6), row: 1, p: 0.001 }, { ...row(1, 0.1), row: 2 }]; // oxfmt-ignore
  const scan = await new Scans(() => [root]).add(data, 'v', 'v', { ...found, perRow });
  assert.deepEqual(
    scan.marks.map(({ looks }) => looks.p),
    [0.001],
  );
});

test('a file that changed while it was scanned has no marks', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'a\n');
  const before = await stat(data);
  await write(data, 'ab\n');
  const scans = new Scans(() => [root]);
  await assert.rejects(scans.add(data, 'v', 'v', { ...found, perRow: [row(1, 0.9)] }, { before }), /changed while/);
  assert.equal(scans.get(data), undefined);
});

test('every suspicious row is kept, and a file whose text no extension gets is reported', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'x\n'.repeat(70_000));
  const perRow = Array.from({ length: 70_000 }, (_, i) => row(i + 1, 0.9));
  const scan = await new Scans(() => [root]).add(data, 'v', 'v', { ...found, flagged: 70_000, perRow });
  assert.equal(scan.marks.length, 70_000);
  assert.doesNotMatch(scanSummary(scan), /coloured/);
  assert.doesNotMatch(scanSummary({ ...scan, size: 60 * 1024 ** 2 }), /\.; /);
  assert.match(scanSummary({ ...scan, size: 60 * 1024 ** 2 }), /rows are not coloured: VS Code gives .* above 50 MB/);
});
