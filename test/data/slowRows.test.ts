/** Rows that take too long to cut into tokens: one of them does not keep the others from being counted. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { loadExamples, streamExamples } from '../../runtime/data/examples.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { longestRow } from '../../runtime/estimate/longestRow.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { Cancelled, HumanError } from '../../runtime/support/errors.js';
import { lines, temporary, write } from '../extension/support.js';

const smollm = (): Promise<Tokenizer> => loadTokenizer(join(import.meta.dirname, '../fixtures/smollm2'));
const chat = (turns: number, question = 'Hi') => ({
  messages: Array.from({ length: turns }, () => [
    { role: 'user', content: question },
    { role: 'assistant', content: 'Hello' },
  ]).flat(),
});
const put = async (t: TestContext, rows: readonly object[]): Promise<string> =>
  write(join(await temporary(t), 'train.jsonl'), lines(rows));

test('of a row that is too long the tokens are counted, and its answers not looked for', async (t) => {
  const tokenizer = await smollm();
  const file = await put(t, [chat(1), chat(100), chat(1, 'Hi there')]);
  const { tokens } = await inspectData(file, { tokenizer });
  let asked = 0;
  const counting: Tokenizer = { ...tokenizer, encode: (...given) => (asked++, tokenizer.encode(...given)) };
  const limited = await inspectData(file, { tokenizer: counting, maxTokens: 100 });
  assert.equal(tokens!.longest.line, 2);
  assert.deepEqual(limited.tokens, { ...tokens, tooLong: { count: 1, lines: [2] }, limit: 100 });
  assert.ok(asked < 50, `${asked} texts are cut into tokens`);
});

const loop = '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}'.repeat(9);
/** With a template that never ends where somebody asks "slow". */
async function slow(): Promise<Tokenizer> {
  const written = `{% for m in messages %}{% if m.content == 'slow' %}${loop}{% endif %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}`;
  return { ...(await smollm()), chatTemplate: chatTemplate(written, 'template') };
}

test('a row that takes too long cannot be used, and the others are counted', async (t) => {
  const tokenizer = await slow();
  const file = await put(t, [chat(1), chat(1, 'slow'), chat(2)]);
  const { rows, refused, tokens } = await inspectData(file, { tokenizer, rowMs: 300 });
  assert.deepEqual([rows, refused], [3, [{ line: 2, reason: 'the row takes too long to tokenize' }]]);
  assert.equal(tokens!.longest.line, 3);
  // A run stops at it, as at any row that is wrong: which rows are learned does not depend on the machine.
  const scratch = openScratch(await temporary(t));
  t.after(() => scratch.close());
  await assert.rejects(
    loadExamples(file, tokenizer, { scratch, rowMs: 300, strict: true }),
    (error) =>
      error instanceof HumanError && error.place === `${file}:2` && /takes too long to tokenize/.test(error.message),
  );
});

test('a file of such rows is given up at the third of them', async (t) => {
  const file = await put(t, [chat(1), ...Array.from({ length: 100 }, () => chat(1, 'slow'))]);
  const read: number[] = [];
  const reading = async (): Promise<void> => {
    for await (const [{ line }] of streamExamples(file, await slow(), { rowMs: 300 })) read.push(line);
  };
  await assert.rejects(reading(), (error) => error instanceof HumanError && error.place === `${file}:4`);
  assert.deepEqual(read, [1, 2, 3]);
});

describe('of the longest rows of a file, which are cut one by one,', () => {
  const texts = Array.from({ length: 20 }, (_, i) => ({ text: 'many words '.repeat(20 + i) }));
  test('the first that takes too long is the last: any may be as long as fits', async (t) => {
    const tried = new Set<string>();
    const endless = (text: string): number[] => {
      for (;;) tried.add(text);
    };
    const tokenizer: Tokenizer = { ...(await smollm()), encode: endless };
    const { longest, rows } = await longestRow(await put(t, texts), tokenizer, {
      format: 'text',
      maxTokens: 512,
      rowMs: 100,
    });
    assert.deepEqual([longest, rows, tried.size], [512, 20, 1]);
  });
  test('no other is looked at after a request to stop', async (t) => {
    const stop = new AbortController();
    let cut = 0;
    const stopping = (): number[] => {
      cut++;
      setImmediate(() => stop.abort());
      return [1, 2, 3];
    };
    const tokenizer: Tokenizer = { ...(await smollm()), encode: stopping };
    const file = await put(t, texts);
    await assert.rejects(
      longestRow(file, tokenizer, { format: 'text', maxTokens: 512, signal: stop.signal }),
      Cancelled,
    );
    assert.equal(cut, 1);
  });
});
