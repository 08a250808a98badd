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
