import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '../../runtime/support/jsonFile.js';
import { makeTokenizer } from '../../runtime/models/text/tokenizer.js';

const FILE = join(import.meta.dirname, '../fixtures/tokenizers/llama/tokenizer.json');
const llama = JSON.parse(readFileSync(FILE, 'utf8')) as JsonObject;
const plain = { lstrip: false, rstrip: false, normalized: false, special: false };
const made = (added: JsonObject[], config: JsonObject) =>
  makeTokenizer({ ...llama, added_tokens: added.map((one, i) => ({ id: 600 + i, ...plain, ...one })) }, config, 'x');

test('what tokenizer_config.json says of an added token counts, as in transformers', () => {
  const { encode, decode, eosIds } = made(
    ['<end>', '<img>', '<flag>', '<call>'].map((content) => ({ content })),
    {
      eos_token: '<end>',
      image_token: { content: '<img>' },
      added_tokens_decoder: { 602: { ...plain, content: '<flag>', special: true, lstrip: true, rstrip: true } },
    },
  );
  const ids = encode('<img><call> <flag> <end>', { addSpecialTokens: false });
  assert.deepEqual(ids, [601, 603, 602, 600]);
  assert.equal(decode(ids, { skipSpecialTokens: true }), '<call>');
  assert.deepEqual(eosIds, [600]);
});

test('what tokenizer.json calls special is special, whatever the config says', () => {
  const config = { added_tokens_decoder: { 600: { ...plain, content: '<end>' } } };
  assert.equal(made([{ content: '<end>', special: true }], config).decode([600], { skipSpecialTokens: true }), '');
});
