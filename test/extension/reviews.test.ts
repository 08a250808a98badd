/** Decisions in the file beside the data: the only truth, written whole, and never over something else. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Problems } from '../../extension/data/problems.js';
import { reviewedRows } from '../../extension/data/reviewedRows.js';
import { Reviews, type ReviewChange } from '../../extension/data/reviews.js';
import type { Scan } from '../../extension/data/scans.js';
import { reviewFile } from '../../runtime/contract/review.js';
import { temporary, write } from './support.js';

const [A, B, C] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb', 'cccccccccccccccc'] as const;

async function reviewed(t: TestContext) {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'a\n');
  const problems = new Problems();
  const reviews = new Reviews(problems);
  const changes: ReviewChange[] = [];
  reviews.onDidChange((change) => changes.push(change));
  const file = reviewFile(data);
  const kept = async () => JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  return { root, data, file, problems, reviews, changes, kept };
}

test('decisions are kept beside the data, changed and taken back; what is decided at once is written at once', async (t) => {
  const { root, data, reviews, changes, kept, problems } = await reviewed(t);
  await Promise.all([
    reviews.decide(data, [A, B], 'exclude'),
    reviews.decide(data, [B], 'fine'),
    reviews.decide(data, [C], 'unsure'),
  ]);
  assert.deepEqual(await kept(), { version: 1, exclude: [A], fine: [B], unsure: [C] });
  const scans = { get: () => undefined };
  assert.deepEqual(reviewedRows(data, { reviews, scans }), { exclude: 1, fine: 1, unsure: 1 });
  // of the scan it is known that three rows have the text B
  const scan = { table: { hashes: [B, C, B, B].join(' ') } } as Scan;
  assert.deepEqual(reviewedRows(data, { reviews, scans: { get: () => scan } }), { exclude: 1, fine: 3, unsure: 1 });
  await reviews.decide(data, [A, C], undefined);
  assert.deepEqual(await kept(), { version: 1, exclude: [], fine: [B], unsure: [] });
  assert.deepEqual([...reviews.get(data)], [[B, 'fine']]);
  assert.deepEqual(changes.at(-1), { data, rows: { hashes: [A, C], decision: undefined } });
  assert.deepEqual((await readdir(root)).sort(), ['train.jsonl', 'train.jsonl.review.json'], 'nothing is left beside');
  const again = new Reviews(problems);
  await again.look(data);
  assert.deepEqual([...again.get(data)], [[B, 'fine']]);
});

test('what is wrong with the file beside the data is told once, until it is another thing', async (t) => {
  const { data, file, problems, reviews } = await reviewed(t);
  let told = 0;
  problems.onDidChange(() => told++);
  await writeFile(file, '<<<<<<< HEAD\n{}');
  for (let i = 0; i < 2; i++) await reviews.look(data);
  assert.deepEqual([told, problems.get(file)!.place], [1, `${file}:1`]);
  await writeFile(file, '{}\n<<<<<<< HEAD');
  for (let i = 0; i < 2; i++) await reviews.look(data);
  assert.equal(told, 2);
  await rm(file);
  for (let i = 0; i < 2; i++) await reviews.look(data);
  assert.deepEqual([told, problems.get(file)], [3, undefined]);
});

test('what is decided while the file is looked at is known at once, and nothing older is told', async (t) => {
  const { data, file, reviews, changes } = await reviewed(t);
  await reviews.decide(data, [A], 'exclude');
  const first = reviews.decide(data, [B], 'fine');
  const look = reviews.look(data); // as the file's watcher does after each change
  const second = reviews.decide(data, [C], 'unsure');
  assert.deepEqual([...reviews.get(data).keys()], [A, B, C]);
  await Promise.all([first, look, second]);
  assert.deepEqual(
    changes.filter(({ rows }) => rows === undefined),
    [],
  );
  // somebody else's change is told with what is still to be written
  await writeFile(file, JSON.stringify({ version: 1, exclude: [B], fine: [], unsure: [] }));
  const told: string[][] = [];
  reviews.onDidChange(({ rows }) => rows ?? told.push([...reviews.get(data).keys()].sort()));
  await Promise.all([reviews.look(data), reviews.decide(data, [A], 'fine')]);
  assert.deepEqual(told, [[A, B]]);
});

test('two windows that decide at once lose nothing of each other', async (t) => {
  const { root, data, reviews, kept } = await reviewed(t);
  const hashes = Array.from({ length: 16 }, (_, i) => String.fromCharCode(97 + i).repeat(16));
  await Promise.all(
    [reviews, new Reviews()].map(async (window, k) => {
      for (const hash of hashes.filter((_, i) => i % 2 === k)) await window.decide(data, [hash], 'exclude');
    }),
  );
  assert.deepEqual(((await kept())['exclude'] as string[]).sort(), hashes);
  assert.deepEqual((await readdir(root)).sort(), ['train.jsonl', 'train.jsonl.review.json'], 'nothing is left beside');
});

test('what somebody else has written meanwhile stays', async (t) => {
  const { data, file, reviews, changes, kept } = await reviewed(t);
  await reviews.decide(data, [A], 'exclude');
  await writeFile(file, JSON.stringify({ version: 1, exclude: [A], fine: [C], unsure: [] }));
  await reviews.decide(data, [B], 'exclude');
  assert.deepEqual(await kept(), { version: 1, exclude: [A, B], fine: [C], unsure: [] });
  assert.ok(
    changes.some(({ rows }) => rows === undefined),
    'what came with it is told',
  );
  const before = changes.length;
  await reviews.look(data);
  assert.equal(changes.length, before, 'its own file says nothing new');
  await rm(file);
  await reviews.look(data);
  assert.deepEqual(changes.slice(before), [{ data }]);
  assert.equal(reviews.get(data).size, 0);
});

test('a file that is no review is a problem with its place, and is never written over', async (t) => {
  const { data, file, reviews, problems } = await reviewed(t);
  await reviews.decide(data, [A], 'exclude');
  for (const [text, place, message] of [
    ['{\n "version": 1,\n', `${file}:3`, /not JSON/],
    ['{"version": 9}', file, /newer version of the extension has written this file/],
    ['{"version": 0}', file, /"version" is not what a review has there/],
    [`{"version": 1, "exclude": ["${A}"], "fine": ["${A}"], "unsure": []}`, file, /two decisions/],
  ] as const) {
    await writeFile(file, text);
    await reviews.look(data);
    assert.match(problems.get(file)!.message, message);
    assert.equal(problems.get(file)!.place, place);
    await assert.rejects(reviews.decide(data, [B], 'fine'), message);
    await assert.rejects(reviews.require(data), message);
    assert.equal(await readFile(file, 'utf8'), text);
    assert.equal(reviews.get(data).size, 0, 'what is not sure is not shown');
  }
  await writeFile(file, '{"version": 1, "exclude": [], "fine": [], "unsure": []}');
  await reviews.decide(data, [B], 'fine');
  assert.equal(problems.get(file), undefined);
  assert.deepEqual([...(await reviews.require(data))], [[B, 'fine']]);
});

test('two decisions that are written together fail together', async (t) => {
  const { data, file, reviews } = await reviewed(t);
  await writeFile(file, 'no');
  const both = await Promise.allSettled([reviews.decide(data, [A], 'fine'), reviews.decide(data, [B], 'fine')]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  await rm(file);
  await reviews.decide(data, [C], 'fine');
  assert.deepEqual([...reviews.get(data)], [[C, 'fine']], 'what failed is not written later');
});
