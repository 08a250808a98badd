/** Which files are data, and what is known of them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRows } from '../../runtime/data/rows.js';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import {
  DATA_GLOB,
  DataInspector,
  ignoredOutputs,
  isDataFile,
  isListOfObjects,
  TEXT_DATA_GLOB,
} from '../../extension/data/files.js';
import { HostError, parsePlace } from '../../extension/host/errors.js';
import { dataFacts } from '../../extension/views/dataFacts.js';
import { dataDescription, dataTooltip } from '../../extension/views/labels.js';
import { temporary, write } from './support.js';

const dataInfo = (path: string, rows: number): DataInfo => ({
  ...{ path, format: 'messages', rows, labels: { harmful: 0, benign: 0 }, refusedRows: 0, refused: [] },
  longest: { line: 1, characters: 1 },
  duplicates: { count: 0, lines: [] },
});

test('data files are tables and JSON lines anywhere that no run wrote, and JSON that is data', () => {
  const named = new Set(['/w/rows.json', '/w/out/named.csv', '/w/eval/answers.jsonl']);
  const elsewhere = { runFolders: new Set(['/w/vectors/v']), ignored: ['/w/out'] };
  const shown = (file: string): boolean => isDataFile(file, named, elsewhere, new Set(['/w/list.json']));
  assert.equal(shown('/w/train.jsonl'), true);
  assert.equal(shown('/w/vectors/v/prompts.jsonl'), false);
  assert.equal(shown('/w/other/events.jsonl'), false);
  assert.equal(shown('/w/eval/answers.jsonl'), true);
  assert.equal(shown('/w/data/prompts.jsonl'), true);
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

test('rows that a run would stop at are shown, also those that only a model finds, and called invalid', () => {
  const refused = [{ line: 2, reason: 'the answer is empty' }];
  const info: DataInfo = {
    ...dataInfo('/w/a.jsonl', 9),
    refusedRows: 1,
    refused,
    unanswered: { count: 1, lines: [5] },
  };
  const more = [...refused, { line: 3, reason: 'the chat template refuses it' }];
  const read = { info: { ...info, refusedRows: 2, refused: more } };
  const facts = (given?: typeof read) =>
    dataFacts({ info }, given, { model: 'tiny' }).flatMap(({ id, rows }) =>
      ['invalid', 'unanswered'].includes(id) ? [[id, ...(rows ?? []).map(({ line }) => line)]] : [],
    );
  assert.deepEqual(facts(), [['unanswered', 5], ['invalid', 2]]); // oxfmt-ignore
  assert.deepEqual(facts(read), [['unanswered', 5], ['invalid', 2, 3]]); // oxfmt-ignore
  const prompts = { ...info, unanswered: { count: 8, lines: [1] } };
  assert.deepEqual(dataFacts({ info: prompts }, undefined, {}).map(({ id }) => id), ['format', 'longest', 'invalid'], 'a set of prompts'); // oxfmt-ignore
  assert.match(dataDescription({ info }, undefined, false), /· 1 invalid/);
  assert.doesNotMatch(dataTooltip('/w/a.jsonl', { info: { ...info, refusedRows: 9 } }, undefined), /skipped/);
});

test('columns with texts that are not read are shown, with how many rows have one, and the first', () => {
  const info = { ...dataInfo('/w/a.jsonl', 9), unreadColumns: [{ column: 'context', rows: 7, line: 2 }] };
  const [fact] = dataFacts({ info }, undefined, {}).filter(({ id }) => id.startsWith('unread'));
  assert.deepEqual([fact?.label, fact?.description, fact?.line], ['Not read: context', '7 rows', 2]);
});
