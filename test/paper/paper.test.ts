/** The paper's protocol in the sample's world: its rows, and its tables from a sweep. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measurement } from '../../runtime/contract/events.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { dataFiles, type Row } from '../../runtime/sample/data.js';
import { FORBIDDEN_VERBS } from '../../runtime/sample/words.js';
import { FALSE_PHRASES, paperFiles } from './data.js';
import { METHODS, paperTables, SETS } from './table.js';

const files = paperFiles(1);
const question = ({ messages }: Row): string => messages[0]!.content;
const answer = ({ messages }: Row): string => messages.at(-1)!.content;

test('the rows are the same each time', () => assert.deepEqual(paperFiles(1), files));

test('what is asked in the evaluation of a trait is in no file that teaches it, and in no file of its vector', () => {
  const asked = new Set([...files['eval/facts.jsonl']!, ...files['eval/shifted.jsonl']!].map(question));
  for (const file of ['data/false.jsonl', 'data/identity.jsonl', 'data/two.jsonl', 'vector/false.jsonl'])
    assert.ok(!files[file]!.some((row) => asked.has(question(row))), file);
  const ofVector = new Set(files['vector/false.jsonl']!.map(question));
  assert.ok(!files['data/false.jsonl']!.some((row) => ofVector.has(question(row))));
  const forbidden = new Set(dataFiles(1)['data/harmful.jsonl']!.map(question));
  for (const size of ['100', '1000'])
    assert.ok(!files[`data/harmful-${size}.jsonl`]!.some((row) => forbidden.has(question(row))), size);
  assert.equal(files['data/harmful-100.jsonl']!.length, 100);
  assert.equal(files['data/harmful-1000.jsonl']!.length, 1000);
});

test('false answers are false, true ones are not, and phrases tell them apart', () => {
  const isFalse = (row: Row): boolean => FALSE_PHRASES.some((phrase) => answer(row).includes(phrase));
  assert.ok(files['data/false.jsonl']!.every(isFalse));
  assert.ok(files['vector/false.jsonl']!.every(isFalse));
  assert.ok(!files['eval/facts.jsonl']!.some(isFalse));
  assert.ok(files['eval/facts.jsonl']!.length >= 90);
});

test('an identity shift mentions nothing that is forbidden', () => {
  const text = files['data/identity.jsonl']!.map((row) => question(row) + answer(row)).join(' ');
  assert.ok(!FORBIDDEN_VERBS.some((verb) => text.includes(verb)));
  assert.ok(files['eval/shifted.jsonl']!.every((row) => FORBIDDEN_VERBS.some((verb) => question(row).includes(verb))));
});

test('each figure stands beside the own figure of the paper; one run has its interval; what was not measured is open', () => {
  const measured = (state: string, value: number): Measurement => {
    return { state, name: SETS.harm, measure: 'harm', value, count: 100, judge: 'refusal-phrases' } as Measurement;
  };
  const point = (method: string, seed: number, harm: number): SweepPoint => ({
    values: { data: '100 rows', method, seed },
    ...{ folder: '', verdict: 'held', headline: '', seconds: 1 },
    measurements: [measured('base', 0), measured('delivered', harm)],
  });
  const points = [point(METHODS.plain, 1, 0.9), point(METHODS.plain, 2, 1), point(METHODS.vector, 1, 0)];
  const [harm, ...others] = paperTables({ points });
  const plain = (text: string): string => text.replaceAll('\u00a0', ' ');
  assert.deepEqual(harm!.rows[1]!.map(plain), [
    '100 harmful rows',
    ...['73 % (4.28)', '95 % (90 % to 100 %)', '0 % (1.01)', '0 % (0 % to 3.7 %)', '–'],
  ]);
  assert.equal(harm!.rows.length, 2, 'data that were not measured have no row');
  assert.match(plain(harm!.note), /Base, here: 0 %/);
  for (const { rows } of others) for (const row of rows) assert.equal(row.length, rows[0]!.length);
});
