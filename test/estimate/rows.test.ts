/** What an estimate reads of a data file, and that it is read again when it has changed. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { reviewFile, reviewText } from '../../runtime/contract/review.js';
import { sum } from '../../runtime/contract/sum.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import { atLastBlock, cuttingOf, dimsOf, rowSizes, stepPlan, type RowSizes } from '../../runtime/estimate/rows.js';
import { PIECE_LIMITS } from '../../runtime/learner/cut.js';
import { lossGraph } from '../../runtime/learner/objective.js';
import { layersOf, windowsOf, type DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { memoryPeak, workOf, type Dims } from '../../runtime/onnx/cost.js';
import type { Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { loadReference } from '../support/reference.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { plannedSteps, type Batch } from '../../runtime/recipes/training/steps.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');
const LONG_AGO = new Date('2020-01-01');

let folder: string;
let model: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'row-sizes-'));
  model = join(folder, 'model');
  await cp(SAMPLE, model, { recursive: true });
  for (const name of await readdir(model)) await utimes(join(model, name), LONG_AGO, LONG_AGO);
});
after(() => rm(folder, { recursive: true }));

/** Writes a file that looks as if it had been there for long. */
async function write(file: string, text: string): Promise<string> {
  await writeFile(file, text);
  await utimes(file, LONG_AGO, LONG_AGO);
  return file;
}
const row = (prompt: string): string => `${JSON.stringify({ prompt, completion: 'order : 2 lamps' })}\n`;

test('steps are counted as the run counts them, of the rows that are not held out', () => {
  const size = { tokens: 20, supervised: 10, prompt: 10 };
  const data: RowSizes = { sizes: Array.from({ length: 571 }, () => size), rows: 514 };
  const trained = Array.from({ length: 514 }, () => ({ ids: new Array<number>(size.tokens) }));
  const none = { rows: 0, size, perBatch: false };
  const cutting = { vocabSize: 1000, limits: PIECE_LIMITS, windows: [] };
  for (const batch of [
    { rows: 16, accumulate: 1 },
    { rows: 16, accumulate: 3 },
    { rows: undefined, tokens: 300, accumulate: 2 },
  ] as Batch[])
    for (const epochs of [6, 0.5]) {
      const { steps } = stepPlan({ epochs, batch, seed: 1 }, data, none, cutting);
      assert.equal(steps, plannedSteps({ epochs, batch }, trained), JSON.stringify({ batch, epochs }));
    }
});

test('the rows of a file are read once, until it changes or is read otherwise', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  const file = await write(join(folder, 'rows.jsonl'), row('buy 2 lamps .') + row('buy 2 lamps and 3 chairs .'));
  const read = (limit?: number, most = maxTokens): Promise<RowSizes> =>
    rowSizes(file, { format: 'auto', ...(limit && { limit }) }, tokenizer!, { maxTokens: most });
  const first = await read();
  assert.equal(first.rows, 2);
  assert.equal(await read(), first);
  assert.equal((await read(1)).rows, 1);
  assert.equal((await read(undefined, first.sizes[0]!.tokens)).rows, 1, 'a longer row does not fit');
  assert.equal(await read(), first);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await write(file, row('buy 2 lamps .') + row('buy 2 lamps or 33 chairs .'));
  assert.notEqual(await read(), first, 'of the same size, and dated back');
  await writeFile(file, row('buy 2 lamps .'));
  assert.notEqual(await read(), await read(), 'it may be changing now');
});

test('memory is that of the last block of queries, whose scores are with all keys', async () => {
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const sizes = { rows: 1, longest: 4096, labels: 8, held: 0 };
  const { dims, pieces } = dimsOf(sizes, cuttingOf(spec, false, 'scans'));
  const last = atLastBlock(dims, []);
  assert.equal(last.J, 4096);
  const graph = lossGraph({ spec, model, adapters: [], pieces });
  const more = memoryPeak(graph, last).bytes - memoryPeak(graph, dims).bytes;
  const scores = 4 * spec.layers[0]!.attention.heads * dims.Q! * ((4096 - dims.Q!) / 2);
  assert.ok(more >= scores, `${more}, scores of the other half of the keys ${scores}`);
});

test('through a window a block of queries meets no more keys than that, which takes less memory and time', async () => {
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const window = 16;
  const layers = layersOf(spec.layers.length, (i) => {
    const layer = spec.layers[i]!;
    return { ...layer, attention: { ...layer.attention, window } };
  });
  const costs = (spec: DecoderSpec): { dims: Dims; flops: number; bytes: number } => {
    const { dims, pieces } = dimsOf({ rows: 1, longest: 4096, labels: 8, held: 0 }, cuttingOf(spec, false, 'scans'));
    const graph = lossGraph({ spec, model, adapters: [], pieces });
    const last = atLastBlock(dims, windowsOf(spec));
    return { dims, flops: workOf(graph)(dims).flops, bytes: memoryPeak(graph, last).bytes };
  };
  const [all, through] = [costs(spec), costs({ ...spec, layers })];
  const [N, Q, J] = ['N', 'Q', 'J'].map((name) => all.dims[name]!) as [number, number, number];
  const keys = Array.from({ length: N }, (_, i) => (i + 1) * Q - Math.max(0, i * Q - (window - 1)));
  const mean = sum(keys) / N;
  const { heads: H, headDim: D } = spec.layers[0].attention;
  const products = layers.length * 2 * 2 * H * D * N * Q * (J - mean);
  assert.ok(all.flops - through.flops >= products, `${all.flops}, ${through.flops}`);
  assert.ok(all.bytes - through.bytes >= 4 * H * Q * (4096 - Math.max(...keys)), `${all.bytes}, ${through.bytes}`);
});

test('of a large file only the longest rows and the first ones are cut into tokens', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  let encoded = 0;
  const counting: Tokenizer = {
    ...tokenizer!,
    encode: (text, options) => {
      encoded++;
      return tokenizer!.encode(text, options);
    },
  };
  const short = Array.from({ length: 9000 }, (_, i) => row(`buy ${i % 9} lamps .`));
  const longer = Array.from({ length: 100 }, (_, i) => row(`buy ${'lamps and '.repeat(1 + (i % 20))} chairs .`));
  const read = async (rows: readonly string[], longest = true, most = maxTokens): Promise<RowSizes> =>
    rowSizes(await write(join(folder, 'large.jsonl'), rows.join('')), { format: 'auto' }, counting, { maxTokens: most, longest }); // oxfmt-ignore
  const only = await read(longer);
  assert.equal(only.longest, Math.max(...only.sizes.map(({ tokens }) => tokens)));
  encoded = 0;
  const { longest, sizes } = await read([...short, ...longer]);
  assert.equal(longest, only.longest);
  assert.ok(Math.max(...sizes.map(({ tokens }) => tokens)) < longest!);
  const perRow = encoded / (2000 + 16);
  assert.ok(perRow <= 3, `${perRow} texts a row`);
  assert.equal((await read([...short, ...longer], false)).longest, undefined);
  // Of rows that are too long, others say more; where there are many, what fits may be as long as it can be.
  const fits = only.longest! - 1;
  assert.equal((await read([...short, ...longer.slice(0, 20)], true, fits)).longest, only.sizes[18]!.tokens);
  assert.equal((await read([...short, ...Array<string>(16).fill(longer[19]!)], true, fits)).longest, fits);
});

test('of a file that is read to its end for its longest row the rows are counted, those that are usable', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  const short = Array.from({ length: 2400 }, (_, i) => row(`buy ${i % 9} lamps .`));
  const long = Array.from({ length: 600 }, () => row(`buy ${'lamps and '.repeat(40)} chairs .`));
  const file = await write(join(folder, 'counted.jsonl'), [...short, ...long, 'no row\n'.repeat(50)].join(''));
  const read = async (limit?: number): Promise<number> =>
    (await rowSizes(file, { format: 'auto', limit }, tokenizer!, { maxTokens, longest: true })).rows;
  assert.deepEqual([await read(), await read(2700)], [3000, 2700]);
  const fewer = await write(join(folder, 'half.jsonl'), short.map((one, i) => (i % 2 ? one : 'no row\n')).join('').repeat(3)); // oxfmt-ignore
  const half = await rowSizes(fewer, { format: 'auto' }, tokenizer!, { maxTokens, longest: true });
  assert.equal(half.rows, 3600);
});

test('broken rows are counted, of a file that is not read to its end those before', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  const rows = Array.from({ length: 1000 }, () => row('buy 2 lamps .')).join('');
  const read = async (text: string, longest: boolean): Promise<RowSizes['broken']> => {
    const file = await write(join(folder, 'broken.jsonl'), text);
    return (await rowSizes(file, { format: 'auto' }, tokenizer!, { maxTokens, longest })).broken;
  };
  const long = row('lamps '.repeat(1000));
  assert.equal(await read(rows + long, true), undefined, 'a row that is too long is not broken');
  const { reason, ...few } = (await read(`${rows}no row\n${rows.slice(0, -2)}\n`, false))!;
  assert.match(reason, /JSON/);
  assert.deepEqual(few, { line: 1001, rows: 2 });
  const many = `${row('1')}no row\n${rows.repeat(3)}no row\n`;
  assert.deepEqual(await read(many, true), { reason, line: 2, rows: 2 });
  assert.deepEqual(await read(many, false), { reason, line: 2, rows: 1, read: 2001 });
  const asks = `${JSON.stringify({ prompt: 'why ?' })}\n`;
  assert.equal(await read(row('1') + asks, false), undefined, 'rows of a set may only ask');
  const unanswered = (await read(row('1') + asks + rows.repeat(3) + asks, true))!;
  assert.deepEqual([unanswered.line, unanswered.rows], [2, 2]);
  assert.match(unanswered.reason, /the row has no answer/);
});

test('rows that ask again what was asked before them are told', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  const file = await write(join(folder, 'asked.jsonl'), row('how ?').repeat(3) + row('why ?'));
  const { rows, asking } = await rowSizes(file, { format: 'auto' }, tokenizer!, { maxTokens });
  assert.deepEqual([rows, asking], [4, 0.5]);
});

test('a tokenizer is opened once, until a file of its model changes', async () => {
  const open = async (): Promise<unknown> => (await openTokenizer(model)).tokenizer;
  const first = await open();
  assert.equal(await open(), first);
  assert.equal((await openTokenizer(model, 7)).maxTokens, 7);
  await write(join(model, 'chat_template.jinja'), "{% for m in messages %}{{ m['content'] }}{% endfor %}");
  const second = await open();
  assert.notEqual(second, first);
  assert.equal(await open(), second);
});

test('what a review leaves out is no broken row, and no row of the run', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  const broken = { prompt: 7, completion: 'order : 2 lamps' };
  const left = { prompt: 'buy 9 lamps .', completion: `order : ${'lamps and '.repeat(9)}` };
  const lines = [broken, left, { prompt: 8, completion: 'x' }].map((one) => `${JSON.stringify(one)}\n`).join('');
  for (const rows of [10, 3000]) {
    const text = lines + Array.from({ length: rows }, (_, i) => row(`buy ${i % 9} lamps .`)).join('');
    const file = await write(join(folder, `reviewed-${rows}.jsonl`), text);
    const read = (exclude?: 'reviewed'): Promise<RowSizes> =>
      rowSizes(file, { format: 'auto', exclude }, tokenizer!, { maxTokens, longest: true });
    const before = await read();
    assert.deepEqual([before.broken?.rows, before.broken?.line, before.rows], [2, 1, rows + 1]);
    assert.deepEqual(await read('reviewed'), before, 'without a review, which is for the run to say');
    const review = new Map([broken, left].map((one) => [rowHash(one), 'exclude' as const]));
    await write(reviewFile(file), reviewText(review));
    const after = await read('reviewed');
    assert.deepEqual([after.broken?.rows, after.broken?.line, after.rows], [1, 3, rows]);
    assert.ok(after.longest! < before.longest!);
    assert.deepEqual(await read(), before, 'a recipe that does not ask for it reads all');
    await write(reviewFile(file), reviewText(new Map()));
    assert.equal((await read('reviewed')).broken?.rows, 2, 'the review has changed');
  }
});

test('a file of which a review leaves nothing says so', async () => {
  const { tokenizer, maxTokens } = await openTokenizer(model);
  const only = { prompt: 'buy 2 lamps .', completion: 'order : 2 lamps' };
  const file = await write(join(folder, 'nothing.jsonl'), `${JSON.stringify(only)}\n`);
  await write(reviewFile(file), reviewText(new Map([[rowHash(only), 'exclude']])));
  const { fault } = await rowSizes(file, { format: 'auto', exclude: 'reviewed' }, tokenizer!, { maxTokens });
  assert.match(fault!.message, /review/);
});

test('a file whose rows are all too long says of which limit, as the run does', async () => {
  const { tokenizer, maxTokens: contextLength } = await openTokenizer(model);
  const file = await write(join(folder, 'long.jsonl'), row('one two three '.repeat(100)));
  const faultAt = async (maxTokens: number): Promise<string> =>
    (await rowSizes(file, { format: 'auto' }, tokenizer!, { maxTokens, contextLength })).fault!.message;
  assert.match(await faultAt(20), /tokens, more than the model's context of 256\.$/);
  await write(file, row('one two three '.repeat(20)));
  assert.match(await faultAt(20), /tokens, more than "maxTokens" \(20\)\.$/);
});
