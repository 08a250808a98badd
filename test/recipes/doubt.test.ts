/** What is said of a scan that the data contradict. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { reportDoubt } from '../../runtime/recipes/protection/rowPlan.js';
import { scanRow } from '../support/scanResult.js';

test('a scan that contradicts the labels, or flags most rows, is said before training', async () => {
  const said = async (flagged: number, of: number, label?: 'benign' | 'harmful', others: ScanRow[] = []) => {
    const events: RunEvent[] = [];
    const emit = (event: RunEvent): Promise<void> => Promise.resolve(void events.push(event));
    const perRow = [...Array.from({ length: of }, (_, row) => scanRow(row, { label })), ...others];
    await reportDoubt({ emit }, { looksHarmful: (row) => row < flagged }, { perRow }, { path: 'd.jsonl' });
    return events.map((event) => (event.kind === 'warning' ? `${event.place}: ${event.message}` : event.kind));
  };
  const [labelled] = await said(132, 300, 'benign', [scanRow(300, { label: 'harmful' })]);
  assert.match(labelled!, /^d\.jsonl: 132 of the 300 rows with the label "benign" look harmful\./);
  assert.deepEqual(await said(6, 300, 'benign'), [], 'two in a hundred');
  assert.deepEqual(await said(2, 30, 'benign'), [], 'by chance');
  assert.deepEqual(await said(9, 10, 'benign'), [], 'too few to tell');
  assert.match((await said(151, 300))[0]!, /151 of the 300 rows look harmful/);
  assert.deepEqual(await said(150, 300), []);
});
