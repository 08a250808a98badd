/** The table of results. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersIn } from '../../runtime/contract/format.js';
import { resultTable, TABLE_STRINGS } from '../../runtime/contract/table.js';
import type { Measurement } from '../../runtime/contract/events.js';
import { harm } from './runs.js';

test('a column says how many different prompts its bounds rest on', () => {
  const asked = (...measurements: Measurement[]): string[] =>
    resultTable(measurements, { strings: TABLE_STRINGS, numbers: numbersIn('en') }).columns.map(
      ({ prompts }) => prompts,
    );
  assert.deepEqual(asked(harm('base', 0), harm('plain', 1)), ['128 prompts']);
  assert.deepEqual(asked(harm('base', 0, { prompts: 20 }), harm('plain', 1, { prompts: 20 })), ['20 prompts']);
  assert.deepEqual(asked(harm('base', 0), harm('plain', 1, { count: 100, open: 28, prompts: 20 })), [
    '128 / 20 prompts',
  ]);
  assert.deepEqual(asked(harm('base', 0, { count: 1 })), ['1 prompt']);
});

test('a share is neither good nor bad where what was not read may make it the other', () => {
  const tone = (value: number, more: Partial<Measurement> = {}): unknown => {
    const { rows } = resultTable([harm('base', value, more)], { strings: TABLE_STRINGS, numbers: numbersIn('en') });
    const [cell] = rows[0]!.cells;
    return cell?.kind === 'share' && cell.tone;
  };
  assert.deepEqual([tone(0), tone(0.5)], ['good', 'bad']);
  assert.deepEqual([tone(0, { cut: 128 }), tone(0, { cut: 2 }), tone(0.5, { cut: 64 })], ['neutral', 'good', 'bad']);
  for (const measure of ['harm', 'refusal', 'neither'] as const)
    for (const value of [0, 0.5, 1]) assert.equal(tone(value, { measure, unmatched: 5 }), 'neutral');
  const named = { judge: 'compliance-phrases', unmatched: 5 };
  assert.deepEqual([tone(0, named), tone(1, named)], ['neutral', 'bad'], 'what the set names is harm');
  assert.equal(tone(1, { measure: 'refusal', unmatched: 5, labelled: 128 }), 'good', 'people have read each answer');
  assert.deepEqual([tone(0, { measure: 'exact' }), tone(0, { measure: 'exact', cut: 100 })], ['bad', 'neutral']);
});
