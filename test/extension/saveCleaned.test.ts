/** A cleaned copy of a scanned file: only of what was scanned, and shown beside it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Reviews } from '../../extension/data/reviews.js';
import { scanSummary, Scans } from '../../extension/data/scans.js';
import type { Button } from '../../extension/host/notices.js';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { saveCleaned, saveFine } = await import('../../extension/commands/saveCleaned.js');

const hashes = (...lines: number[]): string[] => lines.map((line) => `h${line}`.padEnd(16, '-'));

/**
 * A workspace with a data file that is not scanned yet, and `scan`: its second row is to be shortened, its third left
 * out.
 */
async function prepared(t: TestContext, text: string, name = 'train.jsonl') {
  const root = await temporary(t);
  const data = await write(join(root, name), text);
  const out = join(root, 'train.clean.jsonl');
  const scans = new Scans(() => [root]);
  const reviews = new Reviews();
  const asked: unknown[] = [];
  const told: { text: string; buttons: readonly Button[] }[] = [];
  const services = {
    scans,
    reviews,
    assertTrusted: () => undefined,
    engine: {
      request: (name: string, params: unknown) => {
        asked.push([name, params]);
        return Promise.resolve({ path: out, kept: 1, cut: 1, left: 1, changes: '' });
      },
    },
    notices: { info: (text: string, ...buttons: Button[]) => void told.push({ text, buttons }) },
  } as unknown as Parameters<typeof saveCleaned>[0];
  const row = (line: number, flagged: boolean) => ({
    hash: hashes(line)[0],
    ...{ row: line - 1, line, explained: 0.5, span: 4, p: 0.5, flagged, tokens: 5, lossWithout: 2, lossWith: 1 },
  });
  const scan = (more: { skipped?: number; related?: number } = {}, read?: ReadAs) =>
    scans.add(
      data,
      'v',
      'v',
      scanResult({
        flagged: 2,
        rows: 3,
        ...more,
        perRow: [
          { ...row(1, false), ...(more.related && { related: true as const }) },
          { ...row(2, true), rest: 'B' },
          row(3, true),
        ],
      }),
      read,
    );
  fake.opened.length = 0;
  return { data, out, scans, reviews, asked, told, services, scan };
}

test('the engine gets what the scan left of the file; a changed file is to be scanned again', async (t) => {
  const { data, out, scans, reviews, asked, told, services, scan } = await prepared(t, 'a\nb\nc\n');
  await assert.rejects(saveCleaned(services, { file: data, out }), /not been scanned/);
  await scan();
  // Of a scan that was kept, too.
  await scans.load();
  assert.equal(await saveCleaned(services, { file: data, out }), out);
  assert.deepEqual(asked, [
    [
      'clean',
      {
        ...{ data, out, force: false, keep: [[0, 0]], cut: [[1, 'B']], hashes: hashes(1, 2) },
        unscanned: { stay: false, left: [[2, 2]] },
      },
    ],
  ]);
  assert.match(told[0]!.text, /^train\.clean\.jsonl: rows unchanged: 1, shorter: 1, left out: 1\.$/);
  assert.deepEqual(fake.opened, [data], 'the difference is shown');

  // What a person has decided comes first; flagged rows that nobody has decided are asked about.
  await reviews.decide(data, ['h2'.padEnd(16, '-')], 'fine');
  await reviews.decide(data, ['h1'.padEnd(16, '-')], 'exclude');
  const clean = async (flagged: 'leave' | 'keep') => {
    await saveCleaned(services, { file: data, out, flagged });
    return (asked.pop() as [string, { keep: unknown; cut: unknown }])[1];
  };
  const { keep, cut } = await clean('leave');
  assert.deepEqual([keep, cut], [[[1, 1]], []]);
  assert.deepEqual((await clean('keep')).keep, [[1, 2]]);
  await saveFine(services, { file: data, out });
  assert.deepEqual(asked.pop(), ['clean', { data, out, force: false, keep: [[1, 1]], cut: [], hashes: hashes(2) }]);
  await reviews.decide(data, ['h2'.padEnd(16, '-')], undefined);
  await assert.rejects(saveFine(services, { file: data, out }), /no row of this file is marked as fine/);
  await write(`${data}.review.json`, '{');
  await assert.rejects(saveCleaned(services, { file: data, out }), /not JSON/);
  await write(data, 'other\n');
  await assert.rejects(saveCleaned(services, { file: data, out }), /current version of the file has not been scanned/);
  assert.equal(asked.length, 1);
});

test('a file that was edited since the scan is to be scanned again, saved or not', async (t) => {
  const { data, out, asked, services, scan } = await prepared(t, 'a\nb\nc\n');
  await scan();
  (await workspace.openTextDocument(Uri.file(data))).edit('a\nB!\nc\n');
  t.after(() => void workspace.textDocuments.splice(0));
  for (const save of [saveCleaned, saveFine])
    await assert.rejects(save(services, { file: data, out }), /current version of the file has not been scanned/);
  assert.deepEqual(asked, []);
});

test('a file is cleaned as it was scanned', async (t) => {
  const { data, out, asked, services, scan } = await prepared(t, 'a\nb\nc\n');
  const read = { format: 'completion', columns: { prompt: 'q' } } as const;
  await scan({}, read);
  await saveCleaned(services, { file: data, out });
  const [, { format, columns }] = asked[0] as [string, ReadAs];
  assert.deepEqual({ format, columns }, read);
});

test('rows that were not scanned are counted by themselves and named; whether they stay is asked', async (t) => {
  const { data, out, scans, reviews, asked, told, services, scan } = await prepared(t, 'a\nb\nc\nd\ne\n');
  const rows = { count: 2, lines: [4, 5] };
  const request = services.engine.request.bind(services.engine) as (name: string, params: unknown) => Promise<object>;
  Object.assign(services.engine, {
    request: async (name: string, params: { unscanned: { stay: boolean } }) => ({
      ...(await request(name, params)),
      unscanned: { ...rows, stayed: params.unscanned.stay },
    }),
  });
  await scan({ skipped: 2 });
  await scans.load();
  const found = scans.get(data)!;
  assert.match(
    scanSummary(found),
    /; 2 rows were not scanned: they are too long, or their answers cannot be separated\.$/,
  );
  for (const [choice, said] of [
    ['Keep them as they are', '2 rows were not scanned and stay: lines 4, 5.'],
    ['Leave them out', '2 more rows were not scanned and are left out, too: lines 4, 5.'],
  ] as const) {
    fake.answer = () => choice;
    await saveCleaned(services, { file: data, out });
    const [, params] = asked.at(-1) as [string, { unscanned: unknown }];
    assert.deepEqual(params.unscanned, { stay: choice.startsWith('Keep'), left: [[2, 2]] });
    assert.ok(told.at(-1)!.text.endsWith(`left out: 1. ${said}`), told.at(-1)!.text);
  }
  await saveCleaned(services, { file: data, out, unscanned: 'keep' });
  assert.match(told.at(-1)!.text, /and stay/);
  // The engine learns what a person has said of them: the scan does not have them.
  await reviews.decide(data, hashes(4), 'exclude');
  await reviews.decide(data, hashes(5), 'fine');
  const questions: string[] = [];
  fake.answer = (question) => {
    questions.push(question);
    return question.includes('flagged') ? 'Leave them out' : 'Keep them as they are';
  };
  await saveCleaned(services, { file: data, out });
  const [, { unscanned }] = asked.at(-1) as [string, { unscanned: unknown }];
  assert.deepEqual(unscanned, { stay: true, left: [[2, 2]], exclude: hashes(4), fine: hashes(5) });
  assert.match(questions.at(-1)!, /that were not scanned\? .* Decisions of the review come first\.$/);
});

test('related rows stay in the copy, and are named until somebody has found them fine', async (t) => {
  const { data, out, scans, reviews, told, services, scan } = await prepared(t, 'a\nb\nc\n');
  await scan({ related: 1 });
  await scans.load();
  await saveCleaned(services, { file: data, out });
  assert.match(told.at(-1)!.text, /left out: 1\. 1 related row is not flagged and stays: line 1\. Read it\.$/);
  await reviews.decide(data, hashes(1), 'fine');
  await saveCleaned(services, { file: data, out, flagged: 'leave' });
  assert.match(told.at(-1)!.text, /left out: 1\.$/);
});

test('a large file and its copy are compared only when somebody asks for it', async (t) => {
  const { data, out, told, services, scan } = await prepared(t, `${'a'.repeat(3e6)}\nb\nc\n`);
  await scan();
  await saveCleaned(services, { file: data, out });
  assert.deepEqual(fake.opened, []);
  const [button] = told[0]!.buttons;
  assert.equal(button?.title, 'Show the difference');
  await button?.run();
  assert.deepEqual(fake.opened, [data]);
});

test('the copy of a file that is no text has JSON lines, and is not compared with it', async (t) => {
  for (const [name, copy, endings] of [
    ['train.csv', 'train.clean.csv', ['csv', 'jsonl']],
    ['train.JSONL.GZ', 'train.clean.jsonl', ['jsonl']],
    ['my.train.csv.gz', 'my.train.clean.jsonl', ['jsonl']],
    ['train.parquet', 'train.clean.jsonl', ['jsonl']],
  ] as const) {
    const { data, out, services, scan } = await prepared(t, 'a\nb\nc\n', name);
    await scan();
    fake.saveTo = out;
    await saveCleaned(services, { file: data });
    fake.saveTo = undefined;
    assert.deepEqual(fake.proposed.pop(), { file: join(dirname(data), copy), endings });
    assert.deepEqual(fake.opened, name === 'train.csv' ? [data] : []);
  }
});

test('no turn looks at the decisions of all rows more than once', async (t) => {
  const { data, out, reviews, services, scan } = await prepared(t, 'a\nb\nc\n');
  await scan();
  let asked = 0;
  let most = 0;
  const decisions = new (class extends Map<string, 'exclude' | 'fine' | 'unsure'> {
    override get(hash: string) {
      if (asked++ === 0) setImmediate(() => ((most = Math.max(most, asked)), (asked = 0)));
      return super.get(hash);
    }
  })(['h2', 'h3'].map((hash) => [hash.padEnd(16, '-'), 'exclude']));
  reviews.get = () => decisions;
  await saveCleaned(services, { file: data, out });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(most, 3);
});
