/** Rows of every format, damaged, and what a load of them must keep. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { streamExamples } from '../../runtime/data/examples.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import type { Random } from '../../runtime/support/random.js';
import { damageBytes, damageJsonText, damageText, JSON_WORDS } from './damage.js';

const chat = (user: string, answer: string) => ({
  messages: [
    { role: 'user', content: user },
    { role: 'assistant', content: answer },
  ],
});

const call = { name: 'f', arguments: '{"a": 1.0}' };
const called = (answer: object) => [{ role: 'user', content: 'x' }, answer, { role: 'tool', content: 'y' }, { role: 'assistant', content: 'z' }]; // oxfmt-ignore

export const ROWS: readonly object[] = [
  chat('What is 2 + 2?', 'It is 4.'),
  { ...chat('é', 'ü'), label: 'benign' },
  { messages: [{ role: 'system', content: 'Be brief.' }, ...chat('Hi', 'Hello').messages, ...chat('And?', 'Bye').messages] },
  { prompt: 'Hi', completion: ' Hello', label: 'harmful' },
  { prompt: chat('Hi', '').messages.slice(0, 1), completion: [{ role: 'assistant', content: 'Hello' }] },
  { text: 'The fox 🙂' },
  { instruction: 'Add', input: '1 2', output: '3' },
  { input_ids: [1, 2, 3], labels: [-100, 2, 3], attention_mask: [1, 1, 1] },
  { conversations: [{ from: 'human', value: 'x' }, { from: 'gpt', value: 'y' }] },
  { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }, { role: 'assistant', content: 'b' }] },
  { messages: called({ role: 'assistant', content: null, tool_calls: [{ id: 'i', type: 'function', function: call }] }), tools: [{ type: 'function', function: { name: 'f' } }] },
  { messages: called({ role: 'assistant', function_call: { ...call, arguments: { b: [1e5, null] } } }), functions: [{ name: 'f' }] },
  { conversations: [{ from: 'human', value: 'x' }, { from: 'function_call', value: JSON.stringify(call) }], tools: '[{"name": "f"}]' },
]; // oxfmt-ignore

const VALUES: readonly unknown[] = [
  ...['user', 'assistant', 'system', 'tool', 'human', 'gpt', 'harmful', '<|im_end|>', '<|im_start|>assistant\n', ' ', '\n'],
  ...[-100, 49151, 49152, [49152], [-1], [-100, -100, -100], [1e300], [1, 1, 0], { type: 'text', text: 'x' }, { type: 'image' }],
  ...[{ role: 'user', content: 'x' }, chat('a', 'b').messages, 'word '.repeat(400), 'function_call', 'observation', [call], call, '{}', '[', { name: 'f' }],
]; // oxfmt-ignore

/** The bytes of a row: every second one is only changed as JSON, the others as text or bytes too. */
export function damagedRow(rng: Random, row = JSON.stringify(rng.pick(ROWS))): Buffer {
  const kind = rng.int(8);
  const json = kind < 6 ? damageJsonText(row, rng, VALUES) : row;
  if (kind < 4) return Buffer.from(json);
  return rng.int(2) ? Buffer.from(damageText(json, rng, JSON_WORDS)) : damageBytes(Buffer.from(json), rng);
}

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const { tags } = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates', 'tools.json'), 'utf8')) as {
  tags: { template: string };
};
const TOKENIZER = {
  ...(await loadTokenizer(join(FIXTURES, 'smollm2'))),
  chatTemplate: chatTemplate(tags.template, 'tags', { eos_token: '<|im_end|>' }),
};

/** Every row becomes an example or a reason with its line. False when no row is an example. */
export async function loadRows(bytes: Uint8Array, extension: string, folder: string): Promise<boolean> {
  const file = join(folder, `rows.${extension}`);
  writeFileSync(file, bytes);
  let [rows, examples] = [0, 0];
  for await (const [, item] of streamExamples(file, TOKENIZER, { maxTokens: 200, contextLength: 300 })) {
    assert.equal(item.row, rows++, 'every row is told of once, in order');
    assert(item.line >= 1);
    if ('reason' in item) {
      assert(item.reason.length > 5 && item.reason.length < 2000, item.reason);
      continue;
    }
    examples++;
    const { ids, labels } = item;
    assert.equal(ids.length, labels.length);
    assert(ids.length <= 200 && ids.every((id) => Number.isInteger(id) && id >= 0 && id < 49_152));
    assert(labels.every((label) => label === -100 || (Number.isInteger(label) && label >= 0 && label < 49_152)));
  }
  return examples > 0;
}
