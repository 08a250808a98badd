/** A data file without what a scan found in it. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeCleaned } from '../../runtime/data/cleaned.js';
import { withAnswer } from '../../runtime/data/withAnswer.js';

let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'cleaned-'))));
after(() => rm(folder, { recursive: true }));
const put = async (name: string, text: string): Promise<string> => {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
};

test('rows keep their bytes and order; cut ones have another answer, all others are left out', async () => {
  const data = await put(
    'a.jsonl',
    [
      '{"prompt": "a",  "completion": "caf\\u00e9"}',
      '',
      '{"prompt": "b", "completion": "Right. And more.", "note": 1}\r',
      '{"prompt": "c", "completion": "all bad"}',
      '{"prompt": "d", "completion": "Fine."}',
      '{"prompt": "e", "completion": "not scanned"}',
    ].join('\n'),
  );
  const out = join(folder, 'a.clean.jsonl');
  const result = await writeCleaned({ data, out, keep: [[0, 0], [3, 3]], cut: [[1, 'Right.']] }); // prettier-ignore
  assert.equal(
    await readFile(out, 'utf8'),
    [
      '{"prompt": "a",  "completion": "caf\\u00e9"}',
      '{"prompt":"b","completion":"Right.","note":1}',
      '{"prompt": "d", "completion": "Fine."}',
      '',
    ].join('\n'),
  );
  const { changes, ...counts } = result;
  assert.deepEqual(counts, { path: out, kept: 2, cut: 1, left: 2 });
  assert.equal(
    changes,
    [
      '--- a.jsonl',
      '+++ a.clean.jsonl',
      '@@ -3 +2 @@',
      '-{"prompt": "b", "completion": "Right. And more.", "note": 1}',
      '+{"prompt":"b","completion":"Right.","note":1}',
      '@@ -4 +2,0 @@',
      '-{"prompt": "c", "completion": "all bad"}',
      '@@ -6 +3,0 @@',
      '-{"prompt": "e", "completion": "not scanned"}',
      '',
    ].join('\n'),
  );
});

test('other kinds of files become JSON lines', async () => {
  const csv = await put('b.csv', 'prompt,completion\na,"x, y"\nb,z\n');
  const out = join(folder, 'b.jsonl');
  await writeCleaned({ data: csv, out, keep: [[0, 0]], cut: [] });
  assert.equal(await readFile(out, 'utf8'), '{"prompt":"a","completion":"x, y"}\n');
  const list = await put('c.json', '[\n  {\n    "text": "a"\n  },\n  {"text": "b"}\n]');
  const lines = join(folder, 'c.jsonl');
  await writeCleaned({ data: list, out: lines, keep: [[0, 1]], cut: [] });
  assert.equal(await readFile(lines, 'utf8'), '{"text":"a"}\n{"text": "b"}\n');
});

test('nothing is replaced unasked, and never the data itself', async () => {
  const data = await put('d.jsonl', '{"text": "a"}\n');
  const out = await put('d.clean.jsonl', 'mine');
  const options = { data, keep: [[0, 0]] as [number, number][], cut: [] };
  await assert.rejects(writeCleaned({ ...options, out }), { code: 'exists' });
  assert.equal(await readFile(out, 'utf8'), 'mine');
  await assert.rejects(writeCleaned({ ...options, out: data, force: true }), /the data file itself/);
  await assert.rejects(writeCleaned({ ...options, out: join(folder, 'x.csv') }), /JSON lines/);
  await writeCleaned({ ...options, out, force: true });
  assert.equal(await readFile(out, 'utf8'), '{"text": "a"}\n');
  const cut: [number, string][] = [[0, 'b']];
  await assert.rejects(writeCleaned({ data, out, force: true, keep: [], cut }), /no answer to shorten/);
  assert.equal(await readFile(out, 'utf8'), '{"text": "a"}\n');
});

test('the last answer of every format can be another one', () => {
  const turns = [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a', x: 1 }]; // prettier-ignore
  const changed = [turns[0], { role: 'assistant', content: 'b', x: 1 }];
  assert.deepEqual(withAnswer({ messages: turns, id: 7 }, 'messages', 'b'), { messages: changed, id: 7 });
  assert.deepEqual(withAnswer({ prompt: 'q', completion: 'a' }, 'completion', 'b'), { prompt: 'q', completion: 'b' });
  assert.deepEqual(withAnswer({ prompt: 'q', response: 'a' }, 'completion', 'b'), { prompt: 'q', response: 'b' });
  assert.deepEqual(withAnswer({ prompt: [], completion: turns }, 'completion', 'b'), {
    prompt: [],
    completion: changed,
  });
  assert.deepEqual(withAnswer({ instruction: 'q', output: 'a' }, 'alpaca', 'b'), { instruction: 'q', output: 'b' });
  const gpt = { from: 'gpt', value: 'a' };
  assert.deepEqual(withAnswer({ conversations: [gpt] }, 'sharegpt', 'b'), { conversations: [{ ...gpt, value: 'b' }] });
  assert.equal(withAnswer({ text: 'a' }, 'text', 'b'), undefined);
  assert.equal(withAnswer({ input_ids: [1] }, 'tokens', 'b'), undefined);
});
