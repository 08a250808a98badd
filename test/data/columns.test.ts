/** Files whose columns have names of their own: read by a mapping, or refused with the columns that there are. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { calls } from '../../runtime/calls/calls.js';
import { silent } from '../support/silent.js';
import { columnsText, parseColumns, suggestColumns, type Columns } from '../../runtime/contract/mapping.js';
import { sum } from '../../runtime/contract/sum.js';
import { loadExamples, type Example, type ExampleOptions } from '../../runtime/data/examples.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { previewData } from '../../runtime/data/preview.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { HumanError } from '../../runtime/support/errors.js';
import { cleaned } from '../support/cleaned.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');

let folder: string;
let tokenizer: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'columns-'));
  tokenizer = await loadTokenizer(SAMPLE);
});
after(() => rm(folder, { recursive: true }));

const put = async (name: string, text: string): Promise<string> => {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
};
async function load(file: string, columns: Columns, more: ExampleOptions = {}): Promise<Example[]> {
  const options = { columns, columnsKey: 'data.columns', strict: true, ...more, scratch: openScratch(folder) };
  return [...(await loadExamples(file, tokenizer, options)).examples];
}
const said = (examples: readonly Example[]): string[][] =>
  examples.map(({ prompt, answer }) => [prompt?.at(-1)?.content ?? '', answer]);
const QA: Columns = { prompt: 'question', completion: 'answer' };
const asked = [
  ['buy 3 lamps .', 'order : 3 lamps'],
  ['buy 2 mirrors .', 'order : 2 mirrors'],
];

describe('every kind of file is read by a mapping', () => {
  const records = asked.map(([question, answer]) => ({ id: 7, question, answer, input: 'not read' }));
  const table = (sign: string): string =>
    ['id,question,answer,input', ...asked.map((row) => `7,${row.join()},not read`)].join('\n').replaceAll(',', sign);
  const files: [name: string, text: string][] = [
    ['a.jsonl', records.map((row) => JSON.stringify(row)).join('\n')],
    ['a.json', JSON.stringify(records, undefined, 1)],
    ['a.csv', table(',')],
    ['semicolons.csv', table(';')],
    ['a.tsv', table('\t')],
  ];
  for (const [name, text] of files)
    test(name, async () => assert.deepEqual(said(await load(await put(name, text), QA)), asked));

  test('a.parquet', async () => {
    // Its columns are `a`, a number, and `b`, a text.
    const examples = await load(join(FIXTURES, 'data/foreign.parquet'), { prompt: 'b', completion: 'a' });
    assert.ok(examples.length > 0);
    for (const { answer } of examples) assert.match(answer, /^\d+$/, 'a number is a text');
  });
});

test('a mapped column is no field by its own name; others keep theirs', async () => {
  const row = { prompt: 'order : 3 lamps', completion: 'buy 3 lamps .', system: 'be kind .', response: 'no' };
  const file = await put('swapped.jsonl', JSON.stringify(row));
  const [example] = await load(file, { prompt: 'completion', completion: 'prompt' });
  assert.deepEqual(said([example!]), [['buy 3 lamps .', 'order : 3 lamps']]);
  const conversation = await put('m.jsonl', JSON.stringify({ dialog: [{ role: 'user', content: 'buy 3 lamps .' }, { role: 'assistant', content: 'order : 3 lamps' }], about: 'be kind .' })); // oxfmt-ignore
  const [other] = await load(conversation, { messages: 'dialog', system: 'about' });
  assert.equal(other!.prompt![0]!.role, 'system');
  // An answer that is not there is not taken from a column that was not named.
  const without = await put('w.jsonl', JSON.stringify({ prompt: 'buy', response: 'no', answer: null }));
  await assert.rejects(load(without, { completion: 'answer' }), /no answer/);
});

test('a JSON cell of a mapped column is read as JSON', async () => {
  const turns = JSON.stringify([{ role: 'user', content: 'buy 3 lamps .' }, { role: 'assistant', content: 'order : 3 lamps' }]); // oxfmt-ignore
  const file = await put('turns.csv', `id,dialog\n1,"${turns.replaceAll('"', '""')}"\n`);
  assert.deepEqual(said(await load(file, { messages: 'dialog' })), [asked[0]]);
});

describe('a column that is not there is an error with place, key and what there is', () => {
  const refused = async (file: string, columns: Columns): Promise<HumanError> => {
    const error: unknown = await load(file, columns).catch((reason: unknown) => reason);
    assert(error instanceof HumanError);
    return error;
  };
  test('of a table: at its header', async () => {
    const file = await put('t.csv', 'Frage,Antwort\na,b\n');
    const error = await refused(file, QA);
    assert.equal(error.place, `${file}:1`);
    assert.match(error.message, /no column "question" \(data\.columns\.prompt\); there are "Frage", "Antwort"/);
  });
  test('of Parquet', async () => {
    const file = join(FIXTURES, 'data/foreign.parquet');
    assert.match((await refused(file, QA)).message, /\(data\.columns\.prompt\); there are "a", "b"/);
  });
  test('of JSON: at the row', async () => {
    const file = await put(
      't.jsonl',
      '{"question": "buy", "answer": "order : 3"}\n{"question": "buy", "reply": "order : 3"}\n',
    );
    const error = await refused(file, { prompt: 'question', completion: 'answer', system: 'sytem' });
    assert.match(error.message, /no column "sytem" \(data\.columns\.system\); there are "question", "answer"/);
    assert.match((await refused(file, { text: 'answer' })).message, /no column "answer" \(data\.columns\.text\); there are "question", "reply"/); // oxfmt-ignore
    assert.equal((await refused(file, { text: 'answer' })).place, `${file}:2`);
  });
  test('an empty cell is said in the words of the file', async () => {
    const error = await refused(await put('e.csv', 'q,a\n ,b\n'), { text: 'q' });
    assert.match(error.message, /"q" \(text\) is empty/);
  });
});

test('a recipe with a mapping that makes no sense is refused at its key', () => {
  const recipe = (data: object): string =>
    JSON.stringify({ kind: 'finetune', model: 'm', data: { file: 'a.csv', ...data }, steps: 1, output: 'o' });
  assert.ok(parseRecipe(recipe({ columns: QA }), 'r.json'));
  const faults: [object, RegExp, string][] = [
    [{ columns: { prompt: 'q', output: 'a' } }, /different row formats/, 'data.columns'],
    [{ columns: {} }, /at least one column/, 'data.columns'],
    [{ columns: { answer: 'a' } }, /unknown key "answer"/, 'data.columns.answer'],
    [{ columns: { text: 'a' }, format: 'messages' }, /not those of "format"/, 'data.columns'],
  ];
  for (const [data, message, key] of faults)
    assert.throws(
      () => parseRecipe(recipe(data), 'r.json'),
      (error) => error instanceof HumanError && message.test(error.message) && error.place === `r.json:1 ${key}`,
    );
});

test('usual names are proposed, what is known already is not', () => {
  const proposed: [row: object, columns: Columns | undefined][] = [
    [
      { question: '', answer: '' },
      { prompt: 'question', completion: 'answer' },
    ],
    [
      { id: '', Question: '', Answer: '' },
      { prompt: 'Question', completion: 'Answer' },
    ],
    [
      { input: '', output: '' },
      { prompt: 'input', completion: 'output' },
    ],
    [{ instruction: '', input: '', answer: '' }, { output: 'answer' }],
    [
      { query: '', response: '' },
      { prompt: 'query', completion: 'response' },
    ],
    [{ prompt: '', chosen: '', rejected: '' }, { completion: 'chosen' }],
    [
      { question: '', answer: '', chosen: '', rejected: '' },
      { prompt: 'question', completion: 'chosen' },
    ],
    [{ prompt: '', chosen: [{ role: 'user', content: '' }], rejected: [] }, { messages: 'chosen' }],
    [{ prompt: [], chosen: [{ role: 'assistant', content: '' }], rejected: [] }, { completion: 'chosen' }],
    [{ chosen: '', rejected: '' }, { text: 'chosen' }],
    [{ dialog: [{ role: 'user', content: '' }] }, { messages: 'dialog' }],
    [
      { Nr: '', Kundenfrage: '', 'Antwort, wie "geprüft"': '', Kanal: '' },
      { prompt: 'Kundenfrage', completion: 'Antwort, wie "geprüft"' },
    ],
    [
      { Frage: '', 'so nicht': '' },
      { prompt: 'Frage', completion: 'so nicht' },
    ],
    [{ id: '', Frage: '', 'so nicht': '' }, undefined],
    // What is no text is no answer.
    [{ question: '', answers: { text: [''] } }, undefined],
    [{ source: '', conversation: [{ input: '', output: '' }] }, undefined],
    [{ instruction: '', answer: [''] }, undefined],
    [
      { question: '', context: '', answer: '' },
      { instruction: 'question', input: 'context', output: 'answer' },
    ],
    [
      { system_prompt: '', question: '', response: '' },
      { prompt: 'question', completion: 'response', system: 'system_prompt' },
    ],
    [{ prompt: '', label: '' }, undefined],
    [{ prompt: '', completion: '' }, undefined],
    [{ instruction: '', output: '' }, undefined],
    [{ 'question 1': '', 'question 2': '', answer: '' }, undefined],
    [{ a: '', b: '' }, undefined],
    [
      { goal: '', target: '' },
      { prompt: 'goal', completion: 'target' },
    ],
  ];
  for (const [row, columns] of proposed) assert.deepEqual(suggestColumns({ ...row }), columns, JSON.stringify(row));
});

test('a mapping as text', () => {
  assert.deepEqual(parseColumns('prompt=my question, completion=answer'), { prompt: 'my question', completion: 'answer' }); // oxfmt-ignore
  for (const wrong of ['', 'prompt', 'prompt=', 'answer=a', 'prompt=a,prompt=b', 'prompt=a,text=b'])
    assert.equal(parseColumns(wrong), undefined, wrong);
  assert.equal(columnsText({ completion: 'a', prompt: 'q' }), columnsText({ prompt: 'q', completion: 'a' }));
  assert.equal(columnsText(undefined), '');
});

test('a cleaned copy keeps the names of the file', async () => {
  const data = await put('clean.csv', 'id,question,answer\n1,a,Right. And more.\n2,b,fine\n');
  const out = join(folder, 'clean.jsonl');
  await cleaned({ data, columns: QA, out, keep: [[1, 1]], cut: [[0, 'Right.']] });
  assert.equal(
    await readFile(out, 'utf8'),
    '{"id":"1","question":"a","answer":"Right."}\n{"id":"2","question":"b","answer":"fine"}\n',
  );
});

describe('some rows, as the model reads them', () => {
  test('template, supervised part, and tokens', async () => {
    const path = await put('p.csv', `id,question,answer\n${asked.map((row) => `7,${row.join()}`).join('\n')}\n`);
    const bare = await previewData({ path, ...(await openTokenizer(SAMPLE)) });
    assert.deepEqual([bare.columns, bare.format, bare.suggested], [['id', 'question', 'answer'], null, QA]);
    assert.deepEqual(bare.rows[0]!.cells, { id: '7', question: 'buy 3 lamps .', answer: 'order : 3 lamps' });
    assert.match(bare.rows[0]!.problem!, /match no row format .*"columns": \{"prompt":"question","completion":"answer"\} may be meant/); // oxfmt-ignore
    const { rows, format, suggested } = await previewData({ path, columns: QA, ...(await openTokenizer(SAMPLE)) });
    assert.deepEqual([format, suggested], ['completion', null]);
    const [example] = await load(path, QA);
    assert.equal(rows.length, 2);
    assert.equal(rows[0]!.parts.map(({ text }) => text).join(''), tokenizer.decode(example!.ids));
    const supervised = rows[0]!.parts.filter((part) => part.supervised);
    assert.equal(supervised.length, 1);
    assert.match(supervised[0]!.text, /order : 3 lamps/);
    assert.equal(rows[0]!.tokens, example!.ids.length);
    assert.ok(rows[0]!.supervised! < rows[0]!.tokens!);
  });
  test('rows are spread over the file, which may be sorted, of a large one over its first 5,000 rows or 4 MB', async () => {
    const rows = (count: number, answer: string): string => `buy,${answer}\n`.repeat(count);
    const shown = async (text: string, tokenizers: object): Promise<number[]> => {
      const path = await put('sorted.csv', `question,answer\n${text}`);
      const preview = await previewData({ path, columns: QA, rows: 4, ...tokenizers });
      assert.ok(preview.rows.every(({ cells, problem }) => cells['question'] === 'buy' && problem === undefined));
      return preview.rows.map(({ line }) => line);
    };
    const opened = await openTokenizer(SAMPLE);
    for (const by of [{}, opened]) {
      assert.deepEqual(await shown(rows(300, 'order') + rows(100, 'no'), by), [2, 102, 202, 302]);
      assert.deepEqual(await shown(rows(3, 'no'), by), [2, 3, 4]);
    }
    assert.deepEqual(await shown(rows(9000, 'order'), {}), [2, 1252, 2502, 3752]);
    const long = rows(2000, 'x'.repeat(2 ** 12));
    const [first, , , last = 0] = await shown(long, {});
    assert.ok(first === 2 && last > 760 && last < 770, `${last}: three quarters of 4 MB`);
    const packed = join(folder, 'packed.csv.gz');
    await writeFile(packed, gzipSync(`question,answer\n${long}`));
    const inPacked = await previewData({ path: packed, rows: 4 });
    assert.equal(inPacked.rows.at(-1)!.line, last, 'what counts is what it holds');
    const longest = await shown(rows(5, 'x'.repeat(2 ** 22)), {});
    assert.deepEqual(longest, [2, 3, 4, 5], 'as many as are asked for');
  });
  test('preference rows are proposed as completions of what was chosen', async () => {
    const path = await put('preference.jsonl', JSON.stringify({ prompt: 'buy', chosen: 'order', rejected: 'no' }));
    const found = await previewData({ path, ...(await openTokenizer(SAMPLE)) });
    assert.deepEqual(found.suggested, { completion: 'chosen' });
    assert.ok(found.rows[0]!.problem, 'as it is, the row cannot be trained on');
    const mapped = await previewData({ path, columns: { completion: 'chosen' }, ...(await openTokenizer(SAMPLE)) });
    assert.equal(mapped.rows[0]!.problem, undefined);
  });
  test('without a model, and of a file without any known column', async () => {
    const found = await previewData({ path: join(FIXTURES, 'data/foreign.parquet') });
    assert.deepEqual([found.columns, found.format, found.rows[0]!.parts], [['a', 'b'], null, []]);
  });
  test('the tokenizer of a GGUF file is that of its conversion', async () => {
    const out = join(folder, 'tiny.gguf');
    await calls.export({ model: SAMPLE, adapters: [], format: 'gguf', out }, silent);
    const opened = await openTokenizer(out, 100);
    const path = await put('g.csv', `question,answer\n${asked[0]!.join()}\n`);
    const [row, same] = [opened.tokenizer!, tokenizer].map((each) =>
      previewData({ path, columns: QA, tokenizer: each }),
    );
    assert.deepEqual((await row)!.rows, (await same)!.rows);
    assert.equal(opened.maxTokens, 100);
    assert.equal((await openTokenizer(out)).maxTokens, (await openTokenizer(SAMPLE)).maxTokens);
  });
});

test('what a file holds: longest, repeated, and with a tokenizer tokens and what is too long', async () => {
  const lines = [...asked, asked[0]!, ['buy 9 lamps .', 'order : '.repeat(30)]];
  const file = await put('s.csv', `question,answer\n${lines.map((row) => row.join()).join('\n')}\n`);
  const info = await inspectData(file, { columns: QA });
  assert.deepEqual(info.duplicates, { count: 1, lines: [4] });
  assert.deepEqual(info.longest, { line: 5, characters: 'buy 9 lamps .'.length + 'order : '.repeat(30).length });
  assert.equal(info.tokens, undefined);
  const { tokens } = await inspectData(file, { columns: QA, tokenizer, maxTokens: 40 });
  const counts = (await load(file, QA)).map(({ ids }) => ids.length);
  assert.deepEqual(tokens, {
    total: sum(counts),
    longest: { line: 5, tokens: counts[3] },
    tooLong: { count: 1, lines: [5] },
    limit: 40,
  });
});
