import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { GgufValue } from '../../runtime/models/gguf/file/gguf.js';
import { readMetadata } from '../../runtime/models/gguf/file/metadata.js';
import { tokenizerFiles } from '../../runtime/models/gguf/convert.js';
import { convertTokenizer } from '../../runtime/models/gguf/tokenizer.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { likePhi3, metadataOf, PHI3_TEXTS } from '../support/ggufTokenizer.js';
import type { JsonObject } from '../../runtime/support/jsonFile.js';
import type { TokenizerJson } from '../support/ggufTokenizer.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-tokenizer-'));
});
after(() => rm(dir, { recursive: true }));

const convert = (entries: Record<string, GgufValue>) =>
  convertTokenizer(
    readMetadata({ file: 'x.gguf', size: 0, metadata: new Map(Object.entries(entries)), tensors: new Map() }),
    512,
  );

const readJson = <T>(...path: string[]): T => JSON.parse(readFileSync(join(FIXTURES, ...path), 'utf8')) as T;

/** Name of the fixture, kind, and what the file says beside it. */
const KINDS: [fixture: string, model: 'gpt2' | 'llama', more: Record<string, GgufValue>][] = [
  ['llama', 'llama', { 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.unknown_token_id': 0 }],
  ['gemma', 'llama', { 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.add_space_prefix': false }],
  ['llama3', 'gpt2', { 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.bos_token_id': 0 }],
  ['qwen2', 'gpt2', { 'tokenizer.ggml.pre': 'qwen2' }],
  ['gpt2', 'gpt2', { 'tokenizer.ggml.pre': 'gpt-2' }],
  ['gpt-neox', 'gpt2', { 'tokenizer.ggml.pre': 'olmo' }],
  ['starcoder', 'gpt2', { 'tokenizer.ggml.pre': 'smollm' }],
  ['falcon', 'gpt2', { 'tokenizer.ggml.pre': 'falcon' }],
  ['tekken', 'gpt2', { 'tokenizer.ggml.pre': 'tekken', 'tokenizer.ggml.add_bos_token': false }],
];

for (const [fixture, model, more] of KINDS) {
  test(`${fixture}: the converted tokenizer gives the same ids and texts`, async () => {
    const original = readJson<TokenizerJson>('tokenizers', fixture, 'tokenizer.json');
    // GGUF cannot express tokens that take the space beside them; for Phi-3 see below
    const stripping = original.added_tokens
      .filter(({ lstrip, rstrip }) => lstrip || rstrip)
      .map(({ content }) => content);
    const converted = convert(metadataOf(original, model, more))!;
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(converted.tokenizer));
    await writeFile(join(dir, 'tokenizer_config.json'), JSON.stringify(converted.tokenizerConfig));
    const tokenizer = await loadTokenizer(dir);
    const { strings } = readJson<{ strings: { text: string; ids: number[]; special?: number[]; decoded: string }[] }>(
      'tokenizers',
      fixture,
      'cases.json',
    );
    assert(strings.length > 50);
    for (const { text, ids, special, decoded } of strings) {
      if (stripping.some((token) => text.includes(token))) continue;
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids, JSON.stringify(text));
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: true }), special ?? ids, JSON.stringify(text));
      assert.equal(tokenizer.decode(ids), decoded, JSON.stringify(text));
    }
  });
}

test('Phi-3: tokens take the white space behind them where the model’s name says so', async () => {
  const original = likePhi3(readJson<TokenizerJson>('tokenizers', 'llama', 'tokenizer.json'));
  const load = async (tokenizer: unknown) => {
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(tokenizer));
    return loadTokenizer(dir);
  };
  const { encode } = await load(original);
  const named = (name: string, json = original) => {
    const more = { 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.unknown_token_id': 0, 'general.name': name };
    return convert(metadataOf(json, 'llama', more))!.tokenizer;
  };
  for (const name of ['Phi3', 'Microsoft Phi-3 Mini', 'PHI-3.5-mini-instruct']) {
    const converted = await load(named(name));
    for (const text of PHI3_TEXTS) assert.deepEqual(converted.encode(text), encode(text), text);
  }
  const stripping = (tokenizer: JsonObject): boolean =>
    (tokenizer.added_tokens as { rstrip: boolean }[]).some(({ rstrip }) => rstrip);
  assert.equal(stripping(named('Phi 4')), false);
  // llama.cpp does not load a file of that name without these tokens
  const without = {
    ...original,
    added_tokens: original.added_tokens.filter(({ content }) => content !== '<|endoftext|>'),
  };
  assert.equal(stripping(named('Phi-3', without)), false);
});

const smol = (more: Record<string, GgufValue> = {}) =>
  metadataOf(readJson('tokenizers', 'starcoder', 'tokenizer.json'), 'gpt2', {
    'tokenizer.ggml.pre': 'smollm',
    ...more,
  });

test('special tokens, template and ends of a turn come from the metadata', async () => {
  const chat = "{{ messages[1].content }}{{ '<|end|>' }}";
  const more = {
    'tokenizer.ggml.bos_token_id': 0,
    'tokenizer.ggml.eos_token_id': 1,
    'tokenizer.ggml.padding_token_id': 1,
  };
  const plain = convert(smol(more))!;
  assert.deepEqual([plain.bosId, plain.eosIds, plain.padId], [0, [1], 1]);
  assert.equal(plain.tokenizer.post_processor, null);
  assert.equal(plain.tokenizerConfig.chat_template, undefined);
  assert.equal(plain.tokenizerConfig.pad_token, '</s>');
  const entries = smol({
    ...more,
    'tokenizer.chat_template': chat,
    'tokenizer.ggml.add_eos_token': true,
    'tokenizer.ggml.add_bos_token': true,
  });
  const end = (entries['tokenizer.ggml.tokens'] as string[]).push('<|end|>') - 1;
  (entries['tokenizer.ggml.token_type'] as number[]).push(3);
  const full = convert(entries)!;
  assert.deepEqual(full.eosIds, [1]);
  assert.equal(full.tokenizerConfig.chat_template, chat);
  for (const [name, content] of Object.entries(tokenizerFiles(full)))
    await writeFile(join(dir, name), JSON.stringify(content));
  assert.deepEqual((await loadTokenizer(dir)).eosIds, [1, end]);
  const named = convert({ ...entries, 'tokenizer.ggml.eot_token_id': 2, 'tokenizer.ggml.eom_token_id': 3 })!;
  assert.deepEqual(named.eosIds, [1, 2, 3]);
  const { tokenizerConfig } = convert({ ...entries, 'tokenizer.chat_template.tool_use': 'x' })!;
  const both = [{ name: 'default', template: chat }, { name: 'tool_use', template: 'x' }]; // oxfmt-ignore
  assert.deepEqual(tokenizerConfig.chat_template, both);
  const { single } = full.tokenizer.post_processor as { single: unknown[] };
  assert.deepEqual(single, [
    { SpecialToken: { id: '<s>', type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { SpecialToken: { id: '</s>', type_id: 0 } },
  ]);
  assert.equal(convert({}), undefined);
});

test('what is unknown or wrong is refused, naming the key', () => {
  const refused = (entries: Record<string, GgufValue>, message: RegExp) =>
    assert.throws(() => convert(entries), { name: 'HumanError', message });
  refused({ 'tokenizer.ggml.model': 'rwkv' }, /tokenizer.ggml.model: the tokenizer "rwkv"/);
  refused(
    smol({ 'tokenizer.ggml.pre': 'brand-new' }),
    /the pre-tokenizer "brand-new" is not known; known are .*llama-bpe/,
  );
  const { 'tokenizer.ggml.pre': _, ...withoutPre } = smol();
  refused(withoutPre, /does not name the rule that cuts text/);
  refused(smol({ 'tokenizer.ggml.eos_token_id': 100000 }), /100000 is not one of/);
  refused(smol({ 'tokenizer.ggml.bos_token_id': -1 }), /whole number/);
  refused(smol({ 'tokenizer.ggml.token_type': [1] }), /1 types for/);
  refused(smol({ 'tokenizer.ggml.tokens': 'abc' }), /a list of texts/);
  refused(smol({ 'tokenizer.ggml.merges': ['zz qq'] }), /"zz qq" does not join/);
  refused(smol({ 'tokenizer.ggml.merges': ['nospace'] }), /"nospace" does not join/);
  refused(smol({ 'tokenizer.ggml.add_bos_token': true }), /no bos_token_id/);
  const spm = metadataOf(readJson('tokenizers', 'llama', 'tokenizer.json'), 'llama');
  refused({ ...spm, 'tokenizer.ggml.scores': [1] }, /1 scores for/);
  refused({ ...spm, 'tokenizer.ggml.remove_extra_whitespaces': true }, /remove_extra_whitespaces/);
});
