import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HumanError } from '../../runtime/errors.js';
import type { GgufValue } from '../../runtime/models/gguf.js';
import { readMetadata } from '../../runtime/models/ggufMetadata.js';
import { convertTokenizer } from '../../runtime/models/ggufTokenizer.js';
import { loadTokenizer } from '../../runtime/models/tokenizer.js';
import { random } from '../../runtime/random.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-tokenizer-'));
});
after(() => rm(dir, { recursive: true }));

interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens: { id: number; content: string; special: boolean; lstrip: boolean; rstrip: boolean }[];
}

/** The metadata that llama.cpp's converter makes of a tokenizer.json. */
function metadataOf(
  json: TokenizerJson,
  model: 'gpt2' | 'llama',
  more: Record<string, GgufValue> = {},
): Record<string, GgufValue> {
  const { vocab, merges } = json.model;
  const size = 1 + Math.max(...Object.values(vocab), ...json.added_tokens.map(({ id }) => id));
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = tokens.map(() => 5);
  const scores = tokens.map(() => -10000);
  for (const [token, id] of Object.entries(vocab)) {
    tokens[id] = token;
    types[id] = model === 'llama' && /^<0x[0-9A-F]{2}>$/.test(token) ? 6 : 1;
    scores[id] = 0;
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    types[id] = content === '<unk>' ? 2 : special ? 3 : 4;
  }
  const pairs = merges.map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge));
  // SentencePiece: a piece's score is the rank of the merge that makes it
  pairs.forEach(([left, right], rank) => {
    const id = vocab[left + right];
    if (scores[id] === 0) scores[id] = -1 - rank;
  });
  return {
    'tokenizer.ggml.model': model,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    ...(model === 'gpt2'
      ? { 'tokenizer.ggml.merges': pairs.map((pair) => pair.join(' ')) }
      : { 'tokenizer.ggml.scores': scores }),
    ...more,
  };
}

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
    // GGUF has no word for tokens that take the space beside them
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

const smol = (more: Record<string, GgufValue> = {}) =>
  metadataOf(readJson('tokenizers', 'starcoder', 'tokenizer.json'), 'gpt2', {
    'tokenizer.ggml.pre': 'smollm',
    ...more,
  });

test('special tokens, template and ends of a turn come from the metadata', () => {
  const chat = "{{ '<|end|>' }}";
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
  assert.deepEqual(full.eosIds, [1, end]);
  assert.equal(full.tokenizerConfig.chat_template, chat);
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
    assert.throws(
      () => convert(entries),
      (error) => {
        assert(error instanceof HumanError, error instanceof Error ? error.stack : String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  refused({ 'tokenizer.ggml.model': 'rwkv' }, /tokenizer.ggml.model: the tokenizer "rwkv"/);
  refused(
    smol({ 'tokenizer.ggml.pre': 'brand-new' }),
    /the pre-tokenizer "brand-new" is not known; known are .*llama-bpe/,
  );
  const { 'tokenizer.ggml.pre': _, ...withoutPre } = smol();
  refused(withoutPre, /does not say how text is cut/);
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

test('seeded damage of the metadata ends in a tokenizer or a HumanError', () => {
  const rng = random(23);
  const sources = [
    smol({ 'tokenizer.ggml.bos_token_id': 0, 'tokenizer.ggml.eos_token_id': 1 }),
    metadataOf(readJson('tokenizers', 'llama', 'tokenizer.json'), 'llama', { 'tokenizer.ggml.bos_token_id': 1 }),
  ];
  const values: GgufValue[] = [
    0,
    -1,
    2 ** 40,
    NaN,
    5n,
    true,
    '',
    'gpt2',
    'llama',
    'default',
    [],
    [1],
    ['a'],
    ['a', 'a'],
    [[1]],
    'x'.repeat(5000),
  ];
  const rounds = Number(process.env.FUZZ ?? 400);
  let valid = 0;
  for (let round = 0; round < rounds; round++) {
    const entries = { ...rng.pick(sources) };
    for (let n = 1 + rng.int(2); n > 0; n--) {
      const key = rng.pick(Object.keys(entries));
      const value = entries[key];
      if (Array.isArray(value) && rng.int(3)) {
        const copy = [...value];
        if (rng.int(2)) copy.splice(rng.int(copy.length), rng.int(3), rng.pick(values));
        else copy[rng.int(copy.length)] = rng.pick(copy);
        entries[key] = copy;
      } else if (rng.int(3)) entries[key] = rng.pick(values);
      else Reflect.deleteProperty(entries, key);
    }
    const began = cpuMs();
    try {
      convert(entries);
      valid++;
    } catch (error) {
      assert(error instanceof HumanError, error instanceof Error ? error.stack : String(error));
    }
    assert(cpuMs() - began < 1000, 'below a second');
  }
  assert(valid > 0 && valid < rounds, `${valid} of ${rounds} stayed valid`);
});

/** CPU time of this process: the wall clock says nothing on a busy machine. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
