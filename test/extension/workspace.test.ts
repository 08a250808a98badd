import assert from 'node:assert/strict';
import { readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRows } from '../../runtime/data/rows.js';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import {
  DATA_GLOB,
  DataInspector,
  ignoredOutputs,
  isDataFile,
  isListOfObjects,
  TEXT_DATA_GLOB,
} from '../../extension/data/files.js';
import { rowKey } from '../../extension/data/rows.js';
import { Problems } from '../../extension/data/problems.js';
import { cleaningOf } from '../../runtime/contract/cleaning.js';
import { tableRows } from '../../extension/data/scanTable.js';
import { scanFile, scanSummary, Scans, scanText } from '../../extension/data/scans.js';
import { HostError, parsePlace } from '../../extension/host/errors.js';
import { readRun } from '../../extension/runs/folder.js';
import type { Run } from '../../extension/runs/run.js';
import { isDanger, sameAdapter, WorkspaceModels } from '../../extension/workspace/models.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { readState, stateFile, toStatePath, writeState } from '../../extension/host/state.js';
import { recipe, runFolder, temporary, write } from './support.js';

const info = (path: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  path,
  architecture: 'llama',
  parameters: 685184,
  layers: 4,
  dtype: 'F32',
  contextLength: 64,
  tokenizer: true,
  chatTemplate: true,
  supported: true,
  reason: null,
  adapters: [],
  ...more,
});

async function vectorRun(root: string, name: string): Promise<Run> {
  const folder = await runFolder(root, name, { manifest: { kind: 'vector', role: 'security' } });
  await write(join(folder, 'adapter/adapter_config.json'), { r: 8 });
  await write(join(folder, 'adapter/security_vector.json'), { role: 'security' });
  return (await readRun(folder))!;
}

test('state is written with relative paths, and read back', async (t) => {
  const root = await temporary(t);
  assert.equal(toStatePath(root, join(root, 'a', 'b')), 'a/b');
  assert.equal(toStatePath(root, '/elsewhere/m'), '/elsewhere/m');
  const state = { version: 1 as const, models: [{ path: 'tiny', name: 'tiny', adapters: [] }] };
  await writeState(root, state);
  assert.deepEqual(await readState(root), state);
  assert.deepEqual(await readState(join(root, 'none')), { version: 1, models: [] });
});

test('an adapter that does not fit says why, is not attached, and is asked about once', async (t) => {
  const root = await temporary(t);
  const tiny = join(root, 'tiny');
  const run = await vectorRun(root, 'forbidden-topic');
  const asked: string[] = [];
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => info(path),
    fits: async (_, adapter) => {
      asked.push(adapter);
      return 'it was trained on other weights';
    },
    runs: () => [run],
  });
  await models.add(tiny);
  await models.refresh();
  const [adapter] = models.get(tiny)!.adapters;
  assert.equal(adapter!.reason, 'it was trained on other weights');
  models.redraw();
  await models.settled();
  assert.deepEqual(asked, [adapter!.path]);
});

test('a state file with a wrong value is refused by its key', async (t) => {
  const root = await temporary(t);
  const adapter = (more: object): object => ({
    models: [{ path: 'm', name: 'm', adapters: [{ path: 'a', ...more }] }],
  });
  const cases: [text: string | object, key: RegExp][] = [
    ['{', /not JSON/],
    [{ version: 2, models: [] }, /"version"/],
    [{ version: 1 }, /"models"/],
    [{ version: 1, ...adapter({ attached: 'yes' }) }, /"models\[0\]\.adapters\[0\]\.attached"/],
    [{ version: 1, ...adapter({ attached: true, scale: '2' }) }, /scale/],
  ];
  for (const [text, key] of cases) {
    await write(stateFile(root), text);
    await assert.rejects(
      readState(root),
      (error) => error instanceof HostError && key.test(error.message) && error.data.place!.startsWith(stateFile(root)),
    );
  }
});

test('adapters come from inspection, runs and the state, each once; attaching is remembered', async (t) => {
  const root = await temporary(t);
  const tiny = join(root, 'tiny');
  const run = await vectorRun(root, 'forbidden-topic');
  const inside = {
    path: join(tiny, 'colours'),
    name: 'colours',
    role: 'task' as const,
    rank: 8,
    fits: true,
    reason: null,
  };
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => info(path, { adapters: [inside] }),
    runs: () => [run],
  });
  await models.add(tiny);
  assert.deepEqual(
    models.get(tiny)!.adapters.map(({ name, role, attached }) => [name, role, attached]),
    [
      ['colours', 'task', false],
      ['forbidden-topic', 'security', false],
    ],
  );
  await models.attach(tiny, run.folder, true, 0.5);
  await models.attach(tiny, inside.path, true);
  assert.deepEqual(models.reference(tiny), {
    model: tiny,
    adapters: [
      { path: inside.path, scale: 1 },
      { path: join(run.folder, 'adapter'), scale: 0.5 },
    ],
  });
  const danger = models.get(tiny)!.adapters.find((a) => a.role === 'security')!;
  assert.equal(isDanger(danger), true);
  await models.attach(tiny, danger.path, false);
  assert.deepEqual(models.reference(tiny).adapters, [{ path: inside.path, scale: 1 }]);
  const kept = JSON.parse(await readFile(stateFile(root), 'utf8')) as {
    models: { adapters: { path: string; scale: number }[] }[];
  };
  assert.deepEqual(
    kept.models[0]!.adapters.map(({ path, scale }) => [path, scale]),
    [
      ['adapters/forbidden-topic/adapter', 0.5],
      ['tiny/colours', 1],
    ],
  );
});

test('a vector that only the state file names is known as one without the engine', async (t) => {
  const root = await temporary(t);
  const run = await vectorRun(root, 'v');
  const adapter = { path: 'adapters/v', attached: true, scale: 1 };
  const gone = { path: 'adapters/gone', attached: false, scale: 1 };
  await writeState(root, { version: 1, models: [{ path: 'tiny', name: 'tiny', adapters: [adapter, gone] }] });
  const models = new WorkspaceModels({
    root: () => root,
    inspect: () => Promise.reject(new HostError({ kind: 'input', message: 'not trusted' })),
    runs: () => [],
  });
  await models.refresh();
  const [model] = models.list();
  assert.equal(model!.problem, 'not trusted');
  const [missing, vector] = model!.adapters;
  assert.deepEqual([vector!.role, vector!.rank, isDanger(vector!)], ['security', 8, true]);
  assert.match(missing!.reason!, /gone/);
  assert.equal(sameAdapter(run.folder, vector!.path), true);
});

test('changes made at once all count: each starts from the file as the one before left it', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  const names = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(names.map((name) => models.add(join(root, name))));
  assert.deepEqual((await readState(root)).models.map((m) => m.path).sort(), names);
});

test('what is asked for next works with a box that was ticked just before', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  await models.add(join(root, 'm'));
  void models.attach(join(root, 'm'), join(root, 'a'), true);
  void models.refresh();
  await models.settled();
  assert.deepEqual(models.reference(join(root, 'm')).adapters, [{ path: join(root, 'a'), scale: 1 }]);
});

test('a model that is not in the workspace cannot be used, and removing keeps the others', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  assert.throws(() => models.reference(join(root, 'x')), /not in the workspace/);
  await models.add(join(root, 'a'));
  await models.add(join(root, 'b.gguf'));
  await models.add(join(root, 'a'));
  assert.deepEqual(
    models.list().map((m) => m.name),
    ['a', 'b'],
  );
  await models.remove(join(root, 'a'));
  assert.deepEqual(
    (await readState(root)).models.map((m) => m.path),
    ['b.gguf'],
  );
});

test('an unsupported model has the reason', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => info(path, { supported: false, reason: 'mixture of experts is not supported' }),
    runs: () => [],
  });
  assert.match((await models.add(join(root, 'moe'))).problem!, /mixture of experts/);
});

test('data files are tables and JSON lines anywhere that no run wrote, and JSON that is data', () => {
  const named = new Set(['/w/rows.json', '/w/out/named.csv']);
  const elsewhere = { runFolders: new Set(['/w/vectors/v']), ignored: ['/w/out'] };
  const shown = (file: string): boolean => isDataFile(file, named, elsewhere, new Set(['/w/list.json']));
  assert.equal(shown('/w/train.jsonl'), true);
  assert.equal(shown('/w/vectors/v/prompts.jsonl'), false);
  assert.equal(shown('/w/other/events.jsonl'), false);
  assert.equal(shown('/w/.security-vectors/x.jsonl'), false);
  assert.equal(shown('/w/rows.json'), true);
  assert.equal(shown('/w/list.json'), true);
  assert.equal(shown('/w/other.csv'), true);
  assert.equal(shown('/w/out/other.csv'), false);
  assert.equal(shown('/w/out/named.csv'), true);
  assert.equal(shown('/w/wandb/run-1/table.csv'), false);
  assert.equal(shown('/w/data/other.parquet'), true);
  assert.equal(shown('/w/data/other.TSV'), true);
  assert.equal(shown('/w/deep/down/other.tsv'), true);
  assert.equal(shown('/w/train.ndjson'), true);
  assert.equal(shown('/w/package.json'), false);
  assert.deepEqual(ignoredOutputs('# mine\n/out/\ndata/\nruns\n*.log\n!dist\napp/build/**\n'), [
    'out',
    'runs',
    'app/build',
  ]);
  assert.equal(isListOfObjects('\uFEFF [\n {"question": "a"}'), true);
  for (const text of ['{"a": [{}]}', '[1, 2]', '']) assert.equal(isListOfObjects(text), false);
});

test('what the engine reads is watched, offered in menus, and opened at its line', async (t) => {
  const root = await temporary(t);
  const menus = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8');
  const inMenus = new RegExp(
    /resourceExtname =~ \/(.+?)\/ && securityVectors.hasModel/.exec(menus)![1]!.replaceAll('\\\\', '\\'),
  );
  for (const kind of ['jsonl', 'ndjson', 'csv', 'tsv', 'parquet']) {
    assert.ok(new RegExp(`[{,]${kind}[},]`).test(DATA_GLOB), kind);
    assert.ok(inMenus.test(`.${kind}`), kind);
    if (kind === 'parquet') continue;
    assert.ok(new RegExp(`[{,]${kind}[},]`).test(TEXT_DATA_GLOB), kind);
    assert.equal(parsePlace(`data/rows.${kind}:7`)?.line, 7);
  }
  assert.ok(!TEXT_DATA_GLOB.includes('parquet'));
  const file = await write(join(root, 'rows.tsv'), 'prompt\tcompletion\nhello\tgood day\n');
  for await (const row of readRows(file))
    assert.deepEqual('value' in row && row.value, { prompt: 'hello', completion: 'good day' });
});

test('recipes of the workspace determine which files are evaluation sets', async (t) => {
  const root = await temporary(t);
  const index = new RecipeIndex();
  const file = await write(
    join(root, 'recipes/r.json'),
    recipe({ evaluate: [{ name: 'f', file: '../held-out.jsonl', measure: 'harm' }] }),
  );
  await index.read(file);
  await index.read(await write(join(root, 'package.json'), { name: 'x' }));
  assert.equal(index.list().length, 1);
  assert.equal(index.isEvaluationSet(join(root, 'held-out.jsonl')), true);
  assert.equal(index.isEvaluationSet(join(root, 'eval/other.jsonl')), true);
  assert.equal(index.isEvaluationSet(join(root, 'train.jsonl')), false);
  await index.read(join(root, 'none.json'));
  index.forget(file);
  assert.equal(index.list().length, 0);
});

const row = (line: number, explained: number) => ({
  ...{ row: line - 1, line, explained, span: 9 * explained, p: 0.01 * (1 - explained), flagged: explained > 0.5 },
  ...{ tokens: 5, lossWithout: 2, lossWith: 0.2 },
});
const found = {
  ...{ flagged: 1, rows: 3, threshold: 0.01, limit: { falseAlarms: 0.01 }, auroc: 1, precision: 1, recall: 0.5 },
  ...{ blind: 1, short: 2, calibration: { ordinary: 120, harmful: 30, recall: 0.9 } },
};

test('a scan is kept, and marked when its file has changed', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), '\uFEFFa\r\nb\nc\n');
  const perRow = [
    { ...row(1, 0.8), parts: ['And that\nis it.', 'Arr.'], rest: 'Fine' },
    { ...row(2, -0.93), flagged: true, p: 0.0001 },
    row(3, 0.2),
  ];
  const scans = new Scans(() => root);
  const scan = await scans.add(data, join(root, 'v/adapter'), 'v', { ...found, perRow });
  assert.deepEqual(scan.marks, [
    { line: 1, looks: { explained: 0.8, p: perRow[0]!.p, part: 'And that is it. … Arr.' }, key: rowKey('a') },
    { line: 2, looks: { explained: -0.93, p: 0.0001 }, key: rowKey('b') },
  ]);
  assert.deepEqual(cleaningOf(tableRows(scan.table, scan.cut)), { keep: [[2, 2]], cut: [[0, 'Fine']] });
  assert.equal(scan.lineCount, 4);
  assert.equal(scanText(scan), '1 of 3 look harmful');
  assert.match(scanSummary(scan), /compared with 120 ordinary rows; .* 90\s% are found/);
  assert.match(scanSummary({ ...scan, threshold: null }), /^No row can be marked: there are no ordinary rows/);
  assert.match(
    scanSummary(scan),
    /AUROC 1\.000.*precision 100\s%, recall 50\s%.*1 rows cannot be judged.*2 rows are too short/,
  );
  const loaded = async (): Promise<Scans> => {
    const again = new Scans(() => root);
    await again.load();
    return again;
  };
  assert.deepEqual((await loaded()).get(data), scan);
  await utimes(data, 1, 1);
  assert.equal((await loaded()).since(data).changed, false, 'the same bytes, written again');
  await write(data, '\uFEFFa\r\nB\nc\n');
  const changed = await loaded();
  assert.match(scanText(changed.get(data)!, changed.since(data)), /the file has changed since the scan/);
  await changed.drop(data);
  assert.equal((await loaded()).get(data), undefined);
});

test('a scan of an earlier version is dropped without a word: the file can be scanned anew', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'a\n');
  await write(scanFile(root, data), { version: 2, data: 'train.jsonl', vector: 'v', threshold: 0.5 });
  const problems = new Problems();
  const scans = new Scans(() => root, problems);
  await scans.load();
  assert.equal(scans.get(data), undefined);
  assert.deepEqual(problems.list('data'), []);
});

test('of several rows in one line the one that looks worse is told', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.json'), '[{},{}]');
  const perRow = [{ ...row(1, 0.9), p: 0.009 }, { ...row(1, 0.6), row: 1, p: 0.001 }, { ...row(1, 0.1), row: 2 }]; // prettier-ignore
  const scan = await new Scans(() => root).add(data, 'v', 'v', { ...found, perRow });
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
  const scans = new Scans(() => root);
  await assert.rejects(scans.add(data, 'v', 'v', { ...found, perRow: [row(1, 0.9)] }, { before }), /changed while/);
  assert.equal(scans.get(data), undefined);
});

test('every suspicious row is kept, and a file whose text no extension gets is reported', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'x\n'.repeat(70_000));
  const perRow = Array.from({ length: 70_000 }, (_, i) => row(i + 1, 0.9));
  const scan = await new Scans(() => root).add(data, 'v', 'v', { ...found, flagged: 70_000, perRow });
  assert.equal(scan.marks.length, 70_000);
  assert.doesNotMatch(scanSummary(scan), /coloured/);
  assert.match(scanSummary({ ...scan, size: 60 * 1024 ** 2 }), /rows are not coloured: VS Code gives .* above 50 MB/);
});

const dataInfo = (path: string, rows: number): DataInfo => ({
  ...{ path, format: 'messages', rows, labels: { harmful: 0, benign: 0 }, refusedRows: 0, refused: [] },
  longest: { line: 1, characters: 1 },
  duplicates: { count: 0, lines: [] },
});

test('a data file is counted once for each version', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'train.jsonl'), 'a\n');
  let asked = 0;
  const inspector = new DataInspector(async (path) => {
    asked++;
    if (asked === 2) throw new HostError({ kind: 'input', message: 'not JSON', place: 'train.jsonl:1' });
    return dataInfo(path, asked);
  });
  const next = () => new Promise<void>((resolve) => inspector.onDidChange(() => resolve()));
  let counted = next();
  assert.equal(inspector.get(file), undefined);
  await counted;
  assert.deepEqual(inspector.get(file), {
    info: dataInfo(file, 1),
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await write(file, 'abc\n');
  counted = next();
  inspector.changed(file);
  await counted;
  assert.deepEqual(inspector.get(file), { problem: 'train.jsonl:1: not JSON' });
  assert.equal(asked, 2);
});
