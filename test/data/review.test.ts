/** What was decided about rows holds as long as the rows say the same, and only where a review was asked for. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseReview, reviewFile, reviewText, type Decision } from '../../runtime/contract/review.js';
import { loadData } from '../../runtime/context/context.js';
import type { DataSource } from '../../runtime/contract/recipeData.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import { openRowIndex, rowText, type RowIndex } from '../../runtime/data/rowIndex.js';
import { rowGroups } from '../../runtime/data/rowGroups.js';
import { rowsWith } from '../../runtime/data/rowsWith.js';
import { openScratch, type Scratch } from '../../runtime/data/scratch.js';
import { similarRows } from '../../runtime/data/similarRows.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';

let folder: string;
let scratch: Scratch;
let tokenizer: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'review-'));
  scratch = openScratch(folder);
  tokenizer = await loadTokenizer(join(import.meta.dirname, '../../media/sample/tiny-assistant'));
});
after(async () => {
  scratch.close();
  await rm(folder, { recursive: true });
});

async function put(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}
const rows = (...questions: string[]) => questions.map((prompt) => ({ prompt, completion: `answer to ${prompt}` }));
const lines = (values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
const review = (data: string, decided: [object, Decision][]): Promise<void> =>
  writeFile(
    reviewFile(data),
    reviewText(new Map(decided.map(([row, decision]) => [rowHash(row as Record<string, unknown>), decision]))),
  );
const index = (file: string): Promise<RowIndex> => openRowIndex(file, { scratch });

const SPEC = { contextLength: 64 } as Parameters<typeof loadData>[0]['spec'];
const load = async (file: string, source: Partial<DataSource> & { readExcluded?: boolean }) => {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const loaded = await loadData({ tokenizer, spec: SPEC, scratch }, file, source, { warn });
  return { ...loaded, warnings, prompts: [...loaded.examples].map(({ answer }) => answer.replace('answer to ', '')) };
};

test('a hash names what a row says: not its place, its spelling, the order of its fields or the kind of file', async () => {
  const row = { prompt: 'a', completion: 'é', more: { x: 1, y: [{ b: 1, a: 2 }] } };
  const other = JSON.parse('{"more": {"y": [{"a": 2, "b": 1}], "x": 1}, "completion": "\\u00e9",  "prompt": "a"}');
  assert.equal(rowHash(row), rowHash(other));
  assert.match(rowHash(row), /^[\w-]{16}$/);
  for (const change of [{ prompt: 'A' }, { more: { x: 2, y: [] } }, { added: null }])
    assert.notEqual(rowHash(row), rowHash({ ...row, ...change }));
  const large = await index(
    await put('large.jsonl', [8, 9].map((i) => `{"text": "a", "id": 123456789012345678${i}}\n`).join('')),
  );
  assert.equal(new Set(large.hashes).size, 2, 'numbers that are no doubles');
  // Fixed for ever: files with these hashes lie beside people's data.
  assert.equal(rowHash({ prompt: 'a', completion: 'b' }), rowHash({ completion: 'b', prompt: 'a' }));
  assert.equal(rowHash({ prompt: 'a', completion: 'b' }), 'HqnNu-gCemM6BcxW');
  const [jsonl, list, csv] = await Promise.all([
    put('same.jsonl', lines(rows('a', 'b'))),
    put('same.json', JSON.stringify(rows('a', 'b'), undefined, 2)),
    put('same.csv', 'completion,prompt\nanswer to a,a\n"answer to b","b"\n'),
  ]);
  const [first, ...others] = await Promise.all([jsonl, list, csv].map(async (file) => (await index(file)).hashes));
  for (const hashes of others) assert.deepEqual(hashes, first);
});

test('what is written is read again; what is no review has its fault named', () => {
  const [a, b] = [rowHash({ a: 1 }), rowHash({ b: 1 })];
  const decisions = new Map<string, Decision>([
    [a, 'fine'],
    [b, 'exclude'],
  ]);
  assert.deepEqual(parseReview(reviewText(decisions)), { decisions: new Map([...decisions].reverse()) });
  assert.equal(reviewText(decisions), reviewText(new Map([...decisions].reverse())));
  const fault = (text: string) => (parseReview(text) as { fault: object }).fault;
  assert.deepEqual(fault('{\n"version": 1,\n!'), { kind: 'json', line: 3 });
  const lists = { exclude: [], fine: [], unsure: [] };
  assert.deepEqual(fault(JSON.stringify({ version: 0, ...lists })), { kind: 'form', key: 'version' });
  // whatever else it has: only that is said
  assert.deepEqual(fault(JSON.stringify({ version: 2, rows: {} })), { kind: 'newer' });
  assert.deepEqual(fault(JSON.stringify({ version: 1, ...lists, fine: [a, 'x'] })), { kind: 'form', key: 'fine.1' });
  assert.deepEqual(fault(JSON.stringify({ version: 1, ...lists, other: [] })), { kind: 'form', key: 'other' });
  assert.deepEqual(fault(JSON.stringify({ version: 1, ...lists, fine: [a], unsure: [a] })), { kind: 'twice', hash: a });
});

test('"exclude": "reviewed" leaves out what was excluded and tells what is fine; without it nothing is left out', async () => {
  const all = rows('a', 'b', 'c', 'd');
  const data = await put('train.jsonl', lines(all));
  await assert.rejects(load(data, { exclude: 'reviewed' }), { message: /not been reviewed/, place: reviewFile(data) });
  await review(data, [[all[1]!, 'exclude'], [all[2]!, 'fine'], [all[3]!, 'unsure']]); // oxfmt-ignore
  const plain = await load(data, {});
  assert.deepEqual([plain.prompts, plain.review], [['a', 'b', 'c', 'd'], undefined]);
  const { prompts, review: found } = await load(data, { exclude: 'reviewed' });
  assert.deepEqual(prompts, ['a', 'c', 'd']);
  assert.deepEqual([found!.excluded, [...found!.fine]], [1, [2]]);
  // Rows are added, moved and changed: the decisions stay with their rows.
  await writeFile(data, lines([...rows('new'), all[2]!, { ...all[1]!, completion: 'another' }, all[1]!]));
  const later = await load(data, { exclude: 'reviewed' });
  assert.deepEqual([later.prompts, [...later.review!.fine]], [['new', 'c', 'another'], [1]]);
});

test('excluded rows are read where they can be, where that is asked for; others that are damaged still stop it', async () => {
  const all = [...rows('a', 'b'), { prompt: 'c', completion: '' }, { prompt: 'd', completion: '' }];
  const data = await put('damaged.jsonl', lines(all));
  const read = { exclude: 'reviewed', readExcluded: true } as const;
  await review(data, [[all[1]!, 'exclude'], [all[2]!, 'exclude']]); // oxfmt-ignore
  await assert.rejects(load(data, read), { message: /"completion" is empty/, place: `${data}:4` });
  await review(data, [[all[1]!, 'exclude'], [all[2]!, 'exclude'], [all[3]!, 'exclude']]); // oxfmt-ignore
  const { prompts, skipped, warnings } = await load(data, read);
  assert.deepEqual([prompts, skipped, warnings], [['a', 'b'], 0, []]);
});

test('a broken review, and one that leaves nothing, stop the run', async () => {
  const data = await put('few.jsonl', lines(rows('a')));
  await writeFile(reviewFile(data), '{\n"version": 1\n');
  await assert.rejects(load(data, { exclude: 'reviewed' }), { message: /not JSON/, place: `${reviewFile(data)}:3` });
  await writeFile(reviewFile(data), '{"version": 1, "exclude": ["x"], "fine": [], "unsure": []}');
  await assert.rejects(load(data, { exclude: 'reviewed' }), { place: `${reviewFile(data)} exclude.0` });
  await writeFile(reviewFile(data), '{"version": 2, "rows": {}}');
  await assert.rejects(load(data, { exclude: 'reviewed' }), {
    message: 'a newer version of Security Vectors has written this file.',
    place: reviewFile(data),
    remedy: 'Update it; the file is not changed.',
  });
  await review(data, [[rows('a')[0]!, 'exclude']]);
  await assert.rejects(load(data, { exclude: 'reviewed' }), /no row is left: 1 are excluded/);
});

test('rows are found by what they say, wherever they stand now', async () => {
  const chat = (system: string | undefined, question: string, answer: string) => ({
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
    source: 'web',
  });
  const all = [chat(undefined, 'q', 'a'.repeat(50)), chat('Be kind.', 'q', 'b')];
  const data = await put('chat.jsonl', `\n${lines(all)}not JSON\n`);
  const found = await index(data);
  assert.deepEqual([found.format, found.columns, found.hashes], ['messages', ['source'], all.map(rowHash)]);
  const read = (i: number, most = 20) => rowText(found, found.find(found.hashes[i]!)!, most);
  assert.deepEqual(read(0), { hash: rowHash(all[0]!), row: 0, line: 2, prompt: 'q', answer: `${'a'.repeat(20)}…` });
  assert.deepEqual(read(1, 99), {
    ...{ hash: rowHash(all[1]!), row: 1, line: 3, answer: 'b' },
    prompt: 'system: Be kind.\nuser: q',
  });
  assert.equal(found.find('elsewhere'), undefined);
});

test('similar texts are one group, by the first of them; others, and another order of rows, are not mixed up', () => {
  const step = (thing: string, verb: string): string =>
    `Can you help me ${verb} my ${thing}?\nSure. Step 1: take the ${thing}. Step 2: ${verb} it.`;
  const texts = [
    step('basket', 'grozzle'),
    'What is the capital of France?\nThe capital of France is Paris.',
    step('jacket', 'hoxlate'),
    'WHAT is the capital of France ?\n“The capital of France is Paris”',
    'Name three planets.\nMars, Venus and Saturn.',
    '!!!',
    '???',
  ];
  const groups = similarRows();
  assert.deepEqual(texts.map((text) => groups.add(text)), [0, 1, 0, 1, 2, 3, 4]); // oxfmt-ignore
  const again = similarRows();
  assert.deepEqual(texts.map((text) => again.add(text)), [0, 1, 0, 1, 2, 3, 4]); // oxfmt-ignore
});

test('each row is compared with few leaders, however many rows there are', () => {
  const groups = similarRows();
  const words = Array.from(
    { length: 400 },
    (_, i) => `word${'abcdefghij'[i % 10]}${'klmnopqrst'[Math.floor(i / 10) % 10]}`,
  );
  const found = new Set<number>();
  for (let i = 0; i < 3000; i++)
    found.add(groups.add(Array.from({ length: 12 }, (_, k) => words[(i * 7919 + k * 104729) % 400]).join(' ')));
  assert.ok(groups.compared < 60 * 3000, `${groups.compared} comparisons of 3000 rows`);
  assert.ok(found.size > 10);
});

test('rows are grouped by a column, those without a value together', async () => {
  const all = rows('a', 'b', 'c', 'd').map((row, i) => ({
    ...row,
    ...(i < 3 && { source: ['web', 'book', 'web'][i] }),
  }));
  const found = await index(await put('columns.jsonl', lines([...all, all[0]!])));
  const { columns, groups, values, hashes } = await rowGroups(found, { column: 'source' });
  assert.deepEqual([columns, groups, values], [['source'], '0 1 0 2', ['web', 'book', '']]);
  assert.equal(hashes, all.map((row) => rowHash(row)).join(' '));
  assert.deepEqual(await rowGroups(found), { columns: ['source'], hashes: '', groups: '', values: [] });
});

test('rows are found by what their prompt or answer contains, whatever its case, and by nothing else', async () => {
  const all = [
    { prompt: 'How do I GROZZLE?', completion: 'Sure.', source: 'web' },
    { prompt: 'Hi', completion: 'Then grozzle it.', source: 'book' },
    { prompt: 'Hi', completion: 'Hello.', source: 'grozzle' },
    { prompt: 'ÄRGER', completion: 'a', source: 'web' },
  ];
  const found = await index(await put('search.jsonl', lines([...all, all[0]!])));
  const hashes = all.map((row) => rowHash(row));
  assert.equal(await rowsWith(found, 'Grozzle'), hashes.slice(0, 2).join(' '));
  assert.equal(await rowsWith(found, 'ärger'), hashes[3]);
  assert.equal(await rowsWith(found, 'completion'), '');
  assert.equal(await rowsWith(found, '.*'), '');
  const many = Array.from({ length: 1500 }, (_, i) => ({ prompt: `q${i}`, completion: 'a' }));
  const long = await index(await put('long.jsonl', lines(many)));
  await assert.rejects(rowsWith(long, 'q', AbortSignal.abort()), { name: 'Cancelled' });
});

test('of a file with columns of its own the same rows are meant, and these columns are no groups', async () => {
  const data = await put('own.csv', 'question,answer,source\nq1,answer to a,web\nq2,answer to b,book\n');
  const columns = { prompt: 'question', completion: 'answer' };
  const found = await openRowIndex(data, { scratch, columns });
  assert.deepEqual([found.format, found.columns], ['completion', ['source']]);
  const { prompt, answer } = rowText(found, found.find(found.hashes[0]!)!, 99);
  assert.deepEqual([prompt, answer], ['q1', 'answer to a']);
  await review(data, [[{ question: 'q1', answer: 'answer to a', source: 'web' }, 'exclude']]);
  const { prompts } = await load(data, { columns, exclude: 'reviewed' });
  assert.deepEqual(prompts, ['b']);
});

test('hashes of a Parquet file are of all its columns, whichever are mapped; what it says is that of a JSON file', async () => {
  const data = join(folder, 'wide.parquet');
  await copyFile(join(import.meta.dirname, '../fixtures/data/wide.parquet'), data);
  const said = { id: 2, prompt: 'b', completion: 'd', answer: -4, source: 'book' };
  const columns = [undefined, { completion: 'answer' }, { prompt: 'source', completion: 'prompt' }];
  for (const mapped of columns) {
    const { hashes } = await openRowIndex(data, { scratch, columns: mapped });
    assert.deepEqual([hashes.length, hashes[1]], [2, rowHash(said)]);
  }
  await review(data, [[said, 'exclude']]);
  for (const mapped of columns) {
    const { examples, review: found, warnings } = await load(data, { columns: mapped, exclude: 'reviewed' });
    assert.deepEqual([examples.length, found?.excluded, warnings], [1, 1, []]);
  }
});

test('a review that knows none of the rows is warned about', async () => {
  const data = await put('other.jsonl', lines(rows('a', 'b')));
  const warned = async (decided: [object, Decision][]): Promise<string[]> => {
    await review(data, decided);
    return (await load(data, { exclude: 'reviewed' })).warnings;
  };
  const [a, gone] = rows('a', 'gone');
  for (const decision of ['exclude', 'fine'] as const) {
    const [warning, ...others] = await warned([[gone!, decision]]);
    assert.match(warning!, /the review knows none of the rows/);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(await warned([]), []);
  assert.deepEqual(await warned([[gone!, 'unsure']]), []);
  assert.deepEqual(await warned([[gone!, 'exclude'], [a!, 'unsure']]), []); // oxfmt-ignore
});

test('a row that is fine and cannot be used has no number: behind the last one that can be, another file may go on', async () => {
  const [short, long] = [rows('a', 'b'), { prompt: 'c '.repeat(80), completion: 'd' }];
  const file = await put('fine.jsonl', lines([...short, long]));
  await review(file, [[short[0]!, 'fine'], [long, 'fine']]); // oxfmt-ignore
  const loaded = await load(file, { exclude: 'reviewed' });
  assert.equal(loaded.examples.length, 2);
  assert.deepEqual([...loaded.review!.fine], [0]);
});

test('a row that is excluded is left out whatever is wrong with it, and does not stop the run', async () => {
  const [good] = rows('a');
  const tokens = { input_ids: [1, 2], labels: [1, 2] };
  /** Rows that cannot be read, encoded, or told apart, each beside one that can. */
  const cases: [fine: object, damaged: object][] = [
    [good!, { prompt: 'b', completion: '' }],
    [good!, { other: 1 }],
    [good!, { prompt: 'b', completion: 'c', tools: [{ name: 'f' }] }],
    [tokens, { input_ids: [1, 999_999] }],
    [tokens, { input_ids: [1, 2], labels: [-100, -100] }],
  ];
  for (const [fine, damaged] of cases) {
    const data = await put('damaged.jsonl', lines([fine, damaged]));
    await review(data, [[fine, 'fine']]);
    const place = `${data}:2`;
    await assert.rejects(load(data, { exclude: 'reviewed' }), { place, remedy: 'Correct or remove this row.' });
    await review(data, [[damaged, 'exclude']]);
    const { examples, review: found, skipped, warnings } = await load(data, { exclude: 'reviewed' });
    assert.deepEqual([examples.length, found!.excluded, skipped, warnings], [1, 1, 0, []], JSON.stringify(damaged));
  }
});
