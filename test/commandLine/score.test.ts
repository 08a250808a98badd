/** `score` prints a line of JSON for each row. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, ROOT } from '../calls/support.js';
import { temporary } from '../extension/support.js';

test('the losses of rows are JSON lines, with --json and without', async (t) => {
  const data = join(await temporary(t), 'rows.jsonl');
  const row = { instruction: 'Sort 3 1 2 .', output: '1 2 3 .' };
  await writeFile(data, `${JSON.stringify(row)}\n`.repeat(2));
  const scored = async (...flags: string[]): Promise<string> => {
    const asked = ['score', '--model', join(ROOT, 'media/sample/tiny-assistant'), '--data', data, ...flags];
    const { code, stdout, stderr } = await cli(asked);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const lines = await scored();
  assert.equal(await scored('--json'), lines);
  const rows = lines.trimEnd().split('\n').map((line) => JSON.parse(line) as { row: number; nll: number }); // oxfmt-ignore
  assert.deepEqual(rows.map((one) => one.row), [0, 1]); // oxfmt-ignore
  assert.equal(rows[0]!.nll, rows[1]!.nll);
  assert.ok(rows[0]!.nll > 0);
});
