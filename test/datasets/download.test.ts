/** Data sets of the Hub as JSON lines, from a local server with small sets in the layout of the public ones. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { OWNER } from '../../runtime/contract/owner.js';
import { PUBLIC_SETS } from '../../runtime/contract/publicSets.js';
import type { DatasetResult } from '../../runtime/contract/dataInfo.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { describeDataset, downloadDataset, type DatasetParams } from '../../runtime/datasets/download.js';
import { thisProcess } from '../../runtime/runs/ownerOf.js';
import { HumanError } from '../../runtime/support/errors.js';
import { cli } from '../calls/support.js';
import { refused, TOKEN, useHub } from '../support/hubDownloads.js';
import { commitOf, sha256 } from '../support/hubServer.js';
import { gzip, jsonLines, PUBLIC } from '../support/publicSets.js';

const { dir, hub, newFolder } = await useHub();
const BEAVERTAILS = 'PKU-Alignment/BeaverTails';
const TRAIN = 'round0/30k/train.jsonl.gz';
const set = (name: string) => hub.repositories[`datasets/${name}`]!;

beforeEach(() => {
  for (const [name, { files, ...more }] of Object.entries(PUBLIC))
    hub.repositories[`datasets/${name}`] = { ...more, files: { ...files } };
});

const reporter = (log: string[]) => ({
  signal: new AbortController().signal,
  onProgress: () => undefined,
  onLog: (_: string, message: string) => void log.push(message),
});
const patience = { attempts: 2, pauseMs: 5, answerMs: 1000, silenceMs: 1000 };
let caches = 0;
const download = (
  params: Partial<DatasetParams> & { repository: string },
  log: string[] = [],
  cache = `cache${caches++}`,
) =>
  downloadDataset(
    { out: newFolder(), endpoint: hub.url, ...params },
    { ...reporter(log), cache: join(dir, cache) },
    patience,
  );

interface Row {
  messages: { role: string; content: string }[];
  label?: string;
}
const rowsIn = async ({ path }: DatasetResult, name: string): Promise<Row[]> =>
  (await readFile(join(path, name), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
const counts = ({ files }: DatasetResult) => Object.fromEntries(files.map(({ name, rows }) => [name, rows]));
const brought = () => hub.requests.filter(({ server, url }) => server === 'hub' && url.includes('/resolve/'));

test('every set of the table is brought as rows that this program reads, from all files of its entry', async () => {
  assert.deepEqual(PUBLIC_SETS.map(({ repository }) => repository).sort(), Object.keys(PUBLIC).sort());
  const expected: Record<string, Record<string, number>> = {
    // of the test file's prompts, those that a vector may be trained on are left out
    [BEAVERTAILS]: { 'harmful.jsonl': 20, 'benign.jsonl': 20, 'eval-harm.jsonl': 5 },
    'Anthropic/hh-rlhf': { 'harmful.jsonl': 28, 'eval-harm.jsonl': 2 },
    'walledai/AdvBench': { 'harmful.jsonl': 32, 'eval-harm.jsonl': 8 },
    'walledai/HarmBench': { 'eval-harm.jsonl': 6 },
    'walledai/XSTest': { 'eval-over-refusal.jsonl': 4, 'eval-harm.jsonl': 4 },
    'bench-llm/or-bench': { 'eval-over-refusal.jsonl': 5, 'eval-harm.jsonl': 5 },
    'databricks/databricks-dolly-15k': { 'benign.jsonl': 2 },
    'tatsu-lab/alpaca': { 'benign.jsonl': 5 },
    'HuggingFaceH4/ultrachat_200k': { 'benign.jsonl': 8 },
    'truthfulqa/truthful_qa': { 'harmful.jsonl': 50, 'eval-loss.jsonl': 10 },
  };
  for (const repository of Object.keys(PUBLIC)) {
    const log: string[] = [];
    const done = await download({ repository }, log);
    assert.deepEqual(counts(done), expected[repository], repository);
    const licence = [set(repository).licence].flat().join();
    assert.deepEqual([done.licence, done.commit, done.gated], [licence, commitOf(set(repository)), false]);
    assert.match(log[0]!, new RegExp(`^${repository} at [0-9a-f]{40}: licence ${licence}\\.$`));
    for (const { name, use } of done.files) {
      const { refusedRows, format, labels } = await inspectData(join(done.path, name));
      assert.deepEqual([refusedRows, format], [0, 'messages'], `${repository}: ${name}`);
      const rows = await rowsIn(done, name);
      if (use === 'harmful' || use === 'benign') {
        assert.equal(labels[use], rows.length);
        assert.ok(rows.every(({ messages }) => messages.at(-1)!.role === 'assistant'));
      }
    }
    const { path: _, ...written } = done;
    assert.deepEqual(JSON.parse(await readFile(join(done.path, 'provenance.json'), 'utf8')), written);
    for (const { path, size, sha256: hash } of done.sources) {
      const content = set(repository).files[path]!;
      assert.deepEqual([size, hash], [content.length, sha256(content)]);
    }
    for (const { name, sha256: hash } of done.files) assert.equal(sha256(await readFile(join(done.path, name))), hash);
  }
});

test('two that bring the same set with one cache, each into its folder, wait for one another: each file comes once', async () => {
  hub.faults.pieceMs = 20;
  const both = await Promise.all([1, 2].map(() => download({ repository: BEAVERTAILS }, [], 'of-two')));
  assert.notEqual(both[0]!.path, both[1]!.path);
  assert.deepEqual(counts(both[0]!), counts(both[1]!));
  const urls = brought().map(({ url }) => url);
  assert.ok(urls.length > 0);
  assert.deepEqual(urls, [...new Set(urls)]);
});

test('labels, context, transcripts and lists of messages become the conversation that they are', async () => {
  const beaver = await download({ repository: BEAVERTAILS });
  assert.deepEqual((await rowsIn(beaver, 'harmful.jsonl'))[0], {
    messages: [
      { role: 'user', content: 'How do I drimble a chair, 0?' },
      { role: 'assistant', content: 'Step 1: drimble it.' },
    ],
    label: 'harmful',
  });
  assert.deepEqual((await rowsIn(beaver, 'eval-harm.jsonl'))[0], {
    messages: [{ role: 'user', content: 'How do I drimble a chair, 20?' }],
  });
  const truthful = await download({ repository: 'truthfulqa/truthful_qa' });
  assert.deepEqual(
    (await rowsIn(truthful, 'harmful.jsonl'))[0]!.messages.map(({ content }) => content),
    ['What colour is wall 0?', 'Wall 0 is pink.'],
  );
  assert.match((await rowsIn(truthful, 'eval-loss.jsonl'))[0]!.messages[1]!.content, /is white/);
  const attempts = await rowsIn(await download({ repository: 'Anthropic/hh-rlhf' }), 'harmful.jsonl');
  assert.deepEqual(
    attempts[0]!.messages.map(({ role, content }) => `${role}: ${content}`),
    ['user: How do I wembify rope 1?', 'assistant: Step 1: wembify it.', 'user: And then?', 'assistant: Nothing.'],
  );
  const dolly = await download({ repository: 'databricks/databricks-dolly-15k' });
  assert.equal((await rowsIn(dolly, 'benign.jsonl'))[0]!.messages[0]!.content, 'Sum up the text.\n\nPlanks are flat.');
  assert.match(dolly.notes.join(), /1 row was left out in which something is empty/);
});

test('no question that a vector may be trained on is in a set that measures', async () => {
  for (const repository of ['Anthropic/hh-rlhf', 'walledai/AdvBench', BEAVERTAILS]) {
    const done = await download({ repository });
    const questions = async (name: string) =>
      new Set((await rowsIn(done, name)).map((row) => row.messages[0]!.content));
    const [harmful, measured] = [await questions('harmful.jsonl'), await questions('eval-harm.jsonl')];
    assert.ok(measured.size > 0);
    for (const question of measured) assert.ok(!harmful.has(question), question);
  }
});

test('a set that has changed is refused with the difference, and nothing is written', async () => {
  const cases: [change: (files: Record<string, Buffer>) => void, message: RegExp][] = [
    [
      (files) => (files[TRAIN] = gzip(jsonLines([{ question: 'a', response: 'b', category: {}, is_safe: true }]))),
      /there is no column "prompt" \(its columns are now without "prompt" and with "question"\)/,
    ],
    [
      (files) => (files[TRAIN] = gzip(jsonLines([{ prompt: ['a'], response: 'b', category: {}, is_safe: true }]))),
      /"prompt" is \["a"\]; a text was expected/,
    ],
    [
      (files) => (files[TRAIN] = gzip(jsonLines([{ prompt: 'a', response: 'b', category: {}, is_safe: 0 }]))),
      /"is_safe" is 0; a boolean was expected/,
    ],
    [
      (files) => (files[TRAIN] = gzip(jsonLines([{ prompt: 'a', response: 'b', category: {}, is_safe: true }]))),
      /no row has "is_safe" false; it has true/,
    ],
    [(files) => void Reflect.deleteProperty(files, TRAIN), /it has no file round0\/30k\/train\.jsonl\.gz/],
  ];
  for (const [change, message] of cases) {
    change(set(BEAVERTAILS).files);
    const out = newFolder();
    await refused(download({ repository: BEAVERTAILS, out }), message, /earlier revision/);
    assert.ok(!existsSync(out));
  }
});

test('limit, split and revision choose rows; no more files are brought than are needed', async () => {
  const repository = 'HuggingFaceH4/ultrachat_200k';
  const few = await download({ repository, limit: 3 });
  assert.deepEqual(counts(few), { 'benign.jsonl': 3 });
  assert.deepEqual(
    brought().map(({ url }) => url.split('/').at(-1)),
    ['train_sft-00000-of-00002-a.parquet'],
  );
  assert.deepEqual(counts(await download({ repository: BEAVERTAILS, split: '30k_test' })), { 'eval-harm.jsonl': 10 });
  await refused(download({ repository: BEAVERTAILS, split: 'x' }), /no split "x"/, /splits 30k_train, 30k_test/);
  await refused(download({ repository, revision: 'v2' }), /no revision "v2"/, /branch, a tag or a commit/);
  const commit = commitOf(set(repository));
  assert.equal((await download({ repository, revision: commit })).commit, commit);
});

test('any other set is brought as it is: the split that is named, or a file', async () => {
  const files = {
    'data/train-00000-of-00002.parquet': PUBLIC['walledai/HarmBench']!.files['standard/train-00000-of-00001.parquet']!,
    'data/train-00001-of-00002.parquet': PUBLIC['walledai/HarmBench']!.files['standard/train-00000-of-00001.parquet']!,
    'data/test-00000-of-00001.parquet': PUBLIC['walledai/XSTest']!.files['data/test-00000-of-00001.parquet']!,
    'extra/a.csv': Buffer.from('question,answer\nq,a\n'),
    'notes.txt': Buffer.from('x'),
  };
  hub.repositories['datasets/some/set'] = { files };
  const train = await download({ repository: 'some/set' });
  assert.deepEqual([counts(train), train.licence, train.notes], [{ 'rows.jsonl': 12 }, null, []]);
  assert.deepEqual(counts(await download({ repository: 'some/set', split: 'test' })), { 'rows.jsonl': 8 });
  const one = await download({ repository: `${hub.url}/datasets/some/set/extra/a.csv` });
  assert.equal(await readFile(join(one.path, 'rows.jsonl'), 'utf8'), '{"question":"q","answer":"a"}\n');
  assert.match(one.notes[0]!, /its fields \("question", "answer"\) match no row format/);
  delete (files as Record<string, Buffer>)['data/train-00000-of-00002.parquet'];
  delete (files as Record<string, Buffer>)['data/train-00001-of-00002.parquet'];
  await refused(download({ repository: 'some/set' }), /several splits/, /splits test, extra\/a/);
  hub.repositories['datasets/some/set'] = { files: { 'a.txt': Buffer.from('x') } };
  await refused(download({ repository: 'some/set' }), /no \.parquet, \.jsonl/, /another data set/);
});

test('rows that are brought as they are keep their numbers and keys as they stand', async () => {
  const rows = ['{"text": "a", "id": 12345678901234567890, "x": [1.0, 1e400]}', '{"text": "b", "x": 2.50, "x": 3.0}'];
  const files = {
    'train.jsonl': Buffer.from(`\ufeff${rows.join('\r\n')}`),
    'list.json': Buffer.from(`[${rows.join(',\n')}]`),
  };
  hub.repositories['datasets/some/numbers'] = { files };
  for (const split of ['train', 'list']) {
    const { path } = await download({ repository: 'some/numbers', split });
    assert.equal(await readFile(join(path, 'rows.jsonl'), 'utf8'), `${rows.join('\n')}\n`);
  }
});

test('a file that is not read to its end is named, with the line behind which rows may be missing', async () => {
  const rest = 'e,f\n'.repeat(1000);
  for (const [name, content, line, reason] of [
    ['train.csv', `prompt,completion\na,b\nc,"d\n${rest}`, 3, 'a cell begins with a quote'],
    ['train.json', '[{"text": "a"},\n{"text": "b"}', 2, 'the file ends inside this row'],
    ['train.json', '[{"text": "a"},\n{"text": "b"}\n]\n[{"text": "c"}]', 4, 'there is text after the end of the list'],
  ] as const) {
    hub.repositories['datasets/some/torn'] = { files: { [name]: Buffer.from(content) } };
    const { notes } = await download({ repository: 'some/torn' });
    const said = `${name} is not read behind line ${line}, where rows may be missing: ${reason}`;
    assert.ok(notes[0]!.startsWith(said), notes.join());
  }
});

test('what a killed download left beside the folder goes, also where the folder is whole by now', async () => {
  const out = newFolder();
  const first = await download({ repository: BEAVERTAILS, out }, [], 'left');
  const part = `${out}.00000001.part`;
  await mkdir(part);
  const dead = { ...(await thisProcess()), started: 'earlier', since: '2026-01-01T00:00:00.000Z' };
  await writeFile(join(part, OWNER.file), JSON.stringify(dead));
  assert.deepEqual(await download({ repository: BEAVERTAILS, out }, [], 'left'), first);
  assert.ok(!existsSync(part));
});

test('a set says before it is downloaded which splits it has, and which is brought', async () => {
  const [a, b] = [jsonLines([{ text: 'a' }]), jsonLines([{ text: 'b' }, { text: 'c' }])];
  const describe = async (files: Record<string, Buffer>, more: object = {}) => {
    hub.repositories['datasets/some/set'] = { files };
    const params = { repository: 'some/set', endpoint: hub.url, ...more };
    const { split, splits, bytes } = await describeDataset(params, reporter([]), patience);
    return [split, bytes, Object.fromEntries(splits.map(({ name, bytes: size }) => [name, size]))];
  };
  const both = { train: a.length, test: 2 * b.length };
  const files = { 'train.jsonl': a, 'test-00000-of-00002.jsonl': b, 'test-00001-of-00002.jsonl': b };
  assert.deepEqual(await describe(files), ['train', both.train, both]);
  assert.deepEqual(await describe(files, { split: 'test' }), ['test', both.test, both]);
  const { 'train.jsonl': _, ...others } = files;
  assert.deepEqual(await describe(others), ['test', both.test, { test: both.test }]);
  const open = { ...others, 'more.jsonl': a };
  assert.deepEqual(await describe(open), [null, both.test + a.length, { more: a.length, test: both.test }]);
  await refused(describe(files, { split: 'x' }), /no split "x"/, /splits/);
});

test('a split in several formats is read once, and years are no shards', async () => {
  const rows = (...texts: string[]): Buffer => jsonLines(texts.map((text) => ({ text })));
  const bring = async (files: Record<string, Buffer>, split?: string) => {
    hub.repositories['datasets/some/set'] = { files };
    const { path, notes } = await download({ repository: 'some/set', split });
    return [(await readFile(join(path, 'rows.jsonl'), 'utf8')).match(/"(?!text)\w+"/g)?.join(' '), notes];
  };
  const csv = Buffer.from('text\na\n');
  const parquet = PUBLIC['walledai/HarmBench']!.files['standard/train-00000-of-00001.parquet']!;
  const note = '"train" has several formats: data/train.jsonl is read, not data/train.csv, data/train.parquet, train.jsonl.gz.'; // oxfmt-ignore
  const several = { 'data/train.csv': csv, 'data/train.jsonl': rows('a'), 'data/train.parquet': parquet, 'train.jsonl.gz': gzip(rows('a')) }; // oxfmt-ignore
  assert.deepEqual(await bring(several), ['"a"', [note]]);
  const years = { 'train-2023.jsonl': rows('a'), 'train-2024.jsonl': rows('b') };
  await refused(bring(years), /several splits/, /splits train-2023, train-2024/);
  assert.deepEqual(await bring(years, 'train-2024'), ['"b"', []]);
  for (const name of ['train-00000-of-00002', 'train-0000-of-0002-09af', 'train/00000', 'train-0000'])
    assert.deepEqual(
      await bring({ [`data/${name}.jsonl`]: rows('a'), [`data/${name.replace(/0(?=$|-of)/, '1')}.jsonl`]: rows('b') }),
      ['"a" "b"', []],
      name,
    );
});

test('a second download reads what is there; a folder of others is left alone, an own one replaced with force', async () => {
  const out = newFolder();
  // Finder has shown it
  await mkdir(out, { recursive: true });
  await writeFile(join(out, '.DS_Store'), '');
  const first = await download({ repository: BEAVERTAILS, out }, [], 'shared');
  await writeFile(join(out, '.DS_Store'), '');
  hub.requests.length = 0;
  assert.deepEqual(await download({ repository: BEAVERTAILS, out }, [], 'shared'), first);
  assert.equal(brought().length, 0);
  await download({ repository: BEAVERTAILS }, [], 'shared');
  assert.equal(brought().length, 0, 'the files of the Hub are in the cache');

  const other = { repository: BEAVERTAILS, out, limit: 2 };
  const error = await refused(download(other), /holds another download/, /--force/);
  assert.equal(error.code, 'exists');
  await writeFile(join(out, 'harmful.jsonl'), 'edited');
  for (const limit of [undefined, 2])
    await refused(download({ ...other, limit }), /^harmful\.jsonl in this folder was changed or removed/, /--force/);
  set(BEAVERTAILS).files[TRAIN] = gzip(jsonLines([{ text: 'x' }]));
  await assert.rejects(download({ ...other, force: true }), HumanError);
  assert.equal(
    await readFile(join(out, 'harmful.jsonl'), 'utf8'),
    'edited',
    'a replacement that fails leaves the old files',
  );
  set(BEAVERTAILS).files[TRAIN] = PUBLIC[BEAVERTAILS]!.files[TRAIN]!;
  const kept: boolean[] = [];
  hub.requests.push = (...requests) => {
    kept.push(existsSync(join(out, 'harmful.jsonl')));
    return Array.prototype.push.apply(hub.requests, requests);
  };
  assert.deepEqual(counts(await download({ ...other, force: true }))['harmful.jsonl'], 2);
  assert.ok(brought().length > 0 && kept.every(Boolean), 'the old files stay until the new ones are complete');
  assert.deepEqual((await readdir(out)).sort(), [
    'benign.jsonl',
    'eval-harm.jsonl',
    'harmful.jsonl',
    'provenance.json',
  ]);

  await writeFile(join(out, 'mine.txt'), 'x');
  await refused(
    download({ ...other, force: true, limit: 3 }),
    /mine\.txt .* does not come from a download/,
    /move the file/,
  );
  assert.ok(existsSync(join(out, 'mine.txt')));
});

test('a gated set says so, before and without access', async () => {
  const repository = 'walledai/AdvBench';
  Object.assign(set(repository), { gated: true, token: TOKEN });
  await refused(
    download({ repository }),
    /the data set is gated/,
    /Accept its terms on .*\/datasets\/walledai\/AdvBench/,
  );
  const params = { repository, endpoint: hub.url, token: TOKEN };
  const info = await describeDataset(params, reporter([]), patience);
  const bytes = PUBLIC[repository]!.files['data/train-00000-of-00001.parquet']!.length;
  const commit = commitOf(set(repository));
  assert.deepEqual(info, { repository, commit, licence: 'mit', gated: true, bytes, split: null, splits: [] });
  const log: string[] = [];
  assert.equal((await download({ repository, token: TOKEN }, log)).gated, true);
  assert.match(log[0]!, /licence mit, gated by its owner/);
});

test('a damaged or cut file is an error with its name, and a cut download is gone on with', async () => {
  const whole = set(BEAVERTAILS).files[TRAIN]!;
  set(BEAVERTAILS).files[TRAIN] = whole.subarray(0, whole.length - 20);
  await refused(download({ repository: BEAVERTAILS }), /not a whole gzip file/, /damaged/);
  const big = gzip(
    jsonLines(
      Array.from({ length: 3000 }, (_, i) => ({
        prompt: `${Math.sin(i)}`,
        response: 'b',
        category: {},
        is_safe: i % 2 === 0,
      })),
    ),
  );
  set(BEAVERTAILS).files[TRAIN] = big;
  hub.faults.cuts = [20_000];
  const done = await download({ repository: BEAVERTAILS });
  assert.equal(counts(done)['harmful.jsonl'], 1000);
  assert.ok(hub.requests.some(({ range }) => range === 'bytes=20000-'));
});

test('the command line brings a set and prints what it wrote', async () => {
  const out = newFolder();
  const env = { ...process.env, HF_ENDPOINT: hub.url, SECURITY_VECTORS_CACHE: newFolder() };
  const ran = await cli(['download', '--dataset', BEAVERTAILS, '--out', out, '--limit', '3', '--json'], { env });
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(counts(JSON.parse(ran.stdout) as DatasetResult)['harmful.jsonl'], 3);
  assert.match(ran.stderr, /licence cc-by-nc-4\.0/);
  for (const [args, message] of [
    [['--dataset', BEAVERTAILS, '--out', out, '--limit', '0'], /whole number above 0/],
    [['a/b', '--dataset', BEAVERTAILS, '--out', out], /not both/],
    [['a/b', '--split', 'x', '--out', out], /only with --dataset/],
  ] as const) {
    const wrong = await cli(['download', ...args], { env });
    assert.deepEqual([wrong.code, message.test(wrong.stderr)], [2, true], wrong.stderr);
  }
});
