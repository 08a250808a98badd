/** Reading ends where it is to stop: between two rows, also of a file whose rows are all there at once. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { calls } from '../../runtime/calls/calls.js';
import { readRows } from '../../runtime/data/rows.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { temporary } from '../extension/support.js';
import { silent } from '../support/silent.js';

const ROWS = 20_000;

async function files(t: TestContext): Promise<string[]> {
  const folder = await temporary(t);
  const lines = '{"text":"a"}\n'.repeat(ROWS);
  const list = JSON.stringify(Array.from({ length: ROWS }, () => ({ text: 'a' })));
  const contents = {
    'a.jsonl': lines,
    'a.json': list,
    'a.csv': `text\n${'a\n'.repeat(ROWS)}`,
    'a.jsonl.gz': gzipSync(lines),
  };
  for (const [name, content] of Object.entries(contents)) await writeFile(join(folder, name), content);
  return Object.keys(contents).map((name) => join(folder, name));
}

test('between two rows', async (t) => {
  for (const file of await files(t)) {
    const abort = new AbortController();
    let rows = 0;
    const reading = async (): Promise<void> => {
      for await (const _ of readRows(file, { signal: abort.signal }))
        if (++rows === 1) setImmediate(() => abort.abort());
    };
    await assert.rejects(reading(), Cancelled, file);
    assert.ok(rows > 0 && rows < ROWS, `${file}: ${rows} rows`);
  }
});

test('while a file is inspected', async (t) => {
  const [path] = await files(t);
  await assert.rejects(calls.inspectData({ path }, { ...silent, signal: AbortSignal.abort() }), Cancelled);
});

test('what ends it is not taken for damage of a packed file', async (t) => {
  const file = (await files(t)).at(-1)!;
  const why = new Error('enough');
  const onProgress = (): void => {
    throw why;
  };
  await assert.rejects(async () => {
    for await (const _ of readRows(file, { onProgress })) continue;
  }, why);
});
