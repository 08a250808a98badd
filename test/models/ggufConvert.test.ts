import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, win32 } from 'node:path';
import { after, before, test } from 'node:test';
import { Cancelled, HumanError } from '../../runtime/support/errors.js';
import { driveOf } from '../../runtime/support/files.js';
import { openModel } from '../../runtime/models/folder.js';
import { readGguf, readGgufTensor } from '../../runtime/models/gguf/file/gguf.js';
import type { GgufValue } from '../../runtime/models/gguf/file/gguf.js';
import { convertGguf, mappedTensors, planConversion } from '../../runtime/models/gguf/convert.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { readBytes } from '../../runtime/models/weights/safetensors.js';
import { bytesOf, partsOf } from '../fuzz/ggufBytes.js';
import type { GgufParts } from '../fuzz/ggufBytes.js';
import { watch } from '../support/faults.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'gguf');
const FAMILIES = JSON.parse(readFileSync(join(FIXTURES, 'families.json'), 'utf8')) as Record<
  string,
  { config: Record<string, unknown>; tensors: Record<string, { dtype: string; shape: number[]; sha256: string }> }
>;
const fileOf = (family: string) => join(FIXTURES, 'families', `${family}.gguf`);

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-convert-'));
});
after(() => rm(dir, { recursive: true }));

/** Keys that transformers 5 spells differently; checked by `checkRope`. */
const ROPE = [
  'rope_theta',
  'rope_scaling',
  'partial_rotary_factor',
  'rotary_pct',
  'rotary_emb_base',
  'rope_local_base_freq',
  'torch_dtype',
];
/** Keys that the family's config class of transformers 5 does not keep, or works out itself. */
const DERIVED: Record<string, string[]> = {
  gemma: ['hidden_activation'],
  gemma2: ['hidden_act'],
  gemma3: ['hidden_act'],
  falcon: ['ffn_hidden_size', 'num_kv_heads'],
  gpt2: ['n_inner'],
  starcoder: ['n_inner'],
  bloom: ['n_inner'],
};

for (const [family, expected] of Object.entries(FAMILIES)) {
  test(`${family}: names, values and config come back as they were before llama.cpp's converter`, async () => {
    const model = await openModel(fileOf(family), { cache: join(dir, 'families') });
    assert.deepEqual([...model.tensors.keys()].sort(), Object.keys(expected.tensors).sort());
    for (const [name, { dtype, shape, sha256 }] of Object.entries(expected.tensors)) {
      const info = model.tensors.get(name)!;
      assert.deepEqual([info.dtype, info.shape], [dtype, shape], name);
      assert.equal(
        createHash('sha256')
          .update(await readBytes(info))
          .digest('hex'),
        sha256,
        name,
      );
    }
    for (const [key, value] of Object.entries(model.config)) {
      // the fixtures have no tokenizer, hence no ids
      if (/_token_id$/.test(key)) assert.equal(value, null, key);
      else if (ROPE.includes(key) || DERIVED[family]?.includes(key)) continue;
      else if (key === 'head_dim' && !(key in expected.config)) {
        assert.equal(value, (expected.config.hidden_size as number) / (expected.config.num_attention_heads as number));
      } else if (value === null || (value === false && expected.config[key] === undefined)) {
        assert.equal(expected.config[key] ?? value, value, key);
      } else if (key === 'attn_config') {
        const there = expected.config[key] as Record<string, unknown>;
        for (const [inner, own] of Object.entries(value as object)) assert.deepEqual(own, there[inner], inner);
      } else assert.deepEqual(value, expected.config[key], key);
    }
    checkRope(model.config, expected.config.rope_parameters as Record<string, unknown> | undefined);
    assert.equal(
      model.gguf,
      createHash('sha256')
        .update(readFileSync(fileOf(family)))
        .digest('hex'),
    );
    assert.equal(model.hasTokenizer, false);
    // the position embeddings of GPT-2 and StarCoder are matrices in F32
    assert.equal(model.config.torch_dtype, ['gpt2', 'starcoder'].includes(family) ? 'float32' : 'float16');
  });
}

function checkRope(config: Record<string, unknown>, rope: Record<string, unknown> | undefined): void {
  if (!rope) return;
  const full = (rope.full_attention ?? rope) as Record<string, unknown>;
  const local = rope.sliding_attention as Record<string, unknown> | undefined;
  assert.equal(config.rope_theta ?? config.rotary_emb_base, full.rope_theta);
  if (local) assert.equal(config.rope_local_base_freq ?? config.rope_theta, local.rope_theta);
  const partial = config.partial_rotary_factor ?? config.rotary_pct;
  if (partial !== undefined) assert.equal(partial, full.partial_rotary_factor ?? 1);
  const scaling = (config.rope_scaling ?? config.rope_parameters ?? { rope_type: 'default' }) as Record<
    string,
    unknown
  >;
  assert.equal(scaling.rope_type, full.rope_type);
  for (const key of [
    'factor',
    'low_freq_factor',
    'high_freq_factor',
    'original_max_position_embeddings',
    'long_factor',
    'short_factor',
    'beta_fast',
    'beta_slow',
  ]) {
    assert.deepEqual(scaling[key], full[key], key);
  }
}

test('a second opening reads the cache; the same bytes under another name are not converted again', async () => {
  const cache = join(dir, 'cache');
  const messages: string[] = [];
  const open = (file: string) => convertGguf(file, { cache, onMessage: (text) => messages.push(text) });
  const folder = await open(fileOf('llama'));
  assert.match(
    messages.join('\n'),
    /Reading llama.gguf \([0-9.]+ MB\).\nConverting llama.gguf to [0-9.]+ MB of safetensors/,
  );
  messages.length = 0;
  assert.equal(await open(fileOf('llama')), folder);
  assert.deepEqual(messages, []);
  const copy = join(dir, 'copy.gguf');
  await copyFile(fileOf('llama'), copy);
  assert.equal(await open(copy), folder);
  assert.deepEqual(messages, ['Reading copy.gguf (0.1 MB).']);
  // other bytes, same size: found out by the time of change
  await copyFile(fileOf('gemma'), copy);
  await utimes(copy, 1, 1);
  const other = await open(copy);
  assert.notEqual(other, folder);
  // and where that is set back
  const bytes = await readFile(copy);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(copy, bytes);
  await utimes(copy, 1, 1);
  assert.notEqual(await open(copy), other);
  const files = (await readdir(folder)).filter((name) => !name.startsWith('use-'));
  assert.deepEqual(files.sort(), ['config.json', 'mapped.json', 'model.safetensors', 'source.json']);
});

test('a file on the drive of the cache is mapped, one on another drive is converted whole', async () => {
  const cache = join(dir, 'drives');
  const file = fileOf('llama');
  const apart = await convertGguf(file, { cache, driveOf: async (path) => (path === file ? 'd:\\' : 'c:\\') });
  assert.match(apart, /-whole$/);
  assert.deepEqual(await mappedTensors(apart, file), []);
  const beside = await convertGguf(file, { cache });
  assert.ok(!beside.endsWith('-whole') && (await mappedTensors(beside, file)).length > 0);
});

test('a drive is that of the real place, in one spelling, also of what is not there yet', async () => {
  const there = new Map([
    ['c:\\w\\model.gguf', 'C:\\w\\model.gguf'],
    ['C:\\Users\\me', 'D:\\Home\\me'],
    ['\\\\nas\\models', '\\\\nas\\models'],
  ]);
  const real = async (path: string): Promise<string> => there.get(path) ?? assert.fail('ENOENT');
  const on = (path: string): Promise<string> => driveOf(path, real, win32);
  assert.equal(await on('c:\\w\\model.gguf'), 'c:\\');
  assert.equal(await on('C:\\Users\\me\\AppData\\Cache'), 'd:\\');
  assert.equal(await on('\\\\nas\\models\\a.gguf'), '\\\\nas\\models\\');
  assert.equal(await on('E:\\new'), 'e:\\');
});

const human = (message: RegExp) => (error: unknown) => {
  assert(error instanceof HumanError, error instanceof Error ? error.stack : String(error));
  assert.match(`${error.place}: ${error.message}`, message);
  return true;
};

test('a disk without room is an error before anything is written', async () => {
  const cache = join(dir, 'full');
  const options = { cache, freeBytes: () => Promise.resolve(0) };
  await assert.rejects(convertGguf(fileOf('llama'), options), human(/needs 0\.1 MB; the disk has 0 MB left/));
  assert.deepEqual(await readdir(cache), []);
});

test('a conversion that fails leaves nothing', async () => {
  const cache = join(dir, 'failed');
  const file = join(dir, 'short.gguf');
  await copyFile(fileOf('llama'), file);
  // The file is cut off after it was checked: while its tensors are read.
  const options = { cache, freeBytes: async () => (await truncate(file, 4000), 1e12) };
  await assert.rejects(convertGguf(file, options), human(/became shorter/));
  assert.deepEqual(await readdir(cache), []);
});

test('a conversion can be stopped while the file is hashed and while it is written; nothing is left then', async () => {
  const cache = join(dir, 'stopped');
  const file = fileOf('llama');
  for (const moment of [/^Reading/, /^Converting/]) {
    const stop = new AbortController();
    const onMessage = (text: string): void => (moment.test(text) ? stop.abort() : undefined);
    await assert.rejects(openModel(file, { cache, onMessage, signal: stop.signal }), Cancelled);
    assert.ok(stop.signal.aborted);
    assert.deepEqual(await readdir(cache).catch(() => []), []);
  }
  assert.ok((await openModel(file, { cache, signal: new AbortController().signal })).tensors.size > 0);
});

test('what cannot be converted is refused by name before anything is written', async () => {
  const cache = join(dir, 'refused');
  const file = join(dir, 'refused.gguf');
  const refused = async (from: string, to: string, message: RegExp, family = 'llama') => {
    assert.equal(from.length, to.length);
    const bytes = readFileSync(fileOf(family));
    const at = bytes.indexOf(from, 0, 'latin1');
    assert(at > 0, from);
    bytes.write(to, at, 'latin1');
    await writeFile(file, bytes);
    await assert.rejects(convertGguf(file, { cache }), human(message));
  };
  await refused(
    '\x05\0\0\0\0\0\0\0llama',
    '\x05\0\0\0\0\0\0\0mamba',
    /general.architecture: "mamba" is not supported; supported are llama/,
  );
  await refused('llama.vocab_size', 'llama.clamp_qkvs', /llama.clamp_qkvs: this key is not supported/);
  await refused('llama.embedding_length', 'llama.embedding_lengtk', /llama.embedding_length: missing/);
  await refused('blk.1.attn_q.weight', 'blk.1.attn_x.weight', /blk.1.attn_x.weight: LlamaForCausalLM has no place/);
  await refused('blk.1.attn_q.weight', 'blk.7.attn_q.weight', /blk.7.attn_q.weight: LlamaForCausalLM has no place/);
  // biases in some layers only: the first has none, so the model is one without
  await refused('blk.0.attn_q.bias', 'blk.1.ffn_up.bias', /up_proj.bias: LlamaForCausalLM has no use for/, 'llama3');
  const xielu = (values: number[]) => Buffer.from(Float32Array.from(values).buffer).toString('latin1');
  const items = '\x06\0\0\0\x02\0\0\0\0\0\0\0';
  await refused(`xielu.beta\t\0\0\0${items}${xielu([0.5, 0.5])}`, `xielu.beta\t\0\0\0${items}${xielu([0.5, 0.25])}`, /xielu.beta: only 0.5/, 'apertus'); // oxfmt-ignore
  await refused('xielu.alpha_p', 'xielu.alpha_q', /xielu.alpha_p: missing/, 'apertus');
  const olmo = 'olmo.attention.layer_norm_epsilon\x06\0\0\0';
  await refused(`${olmo}${xielu([1e-5])}`, `${olmo}${xielu([1e-6])}`, /layer_norm_epsilon: OLMo has 1e-5/, 'olmo');
  await refused('token_embd', 'token_embe', /the embedding is missing/);
  const layers = 'llama.block_count\x04\0\0\0';
  await refused(`${layers}\x02\0\0\0`, `${layers}\xff\xff\xff\x7f`, /block_count: 2147483647 layers cannot be made of/);
  await assert.rejects(readdir(cache), /ENOENT/);
});

test('the epsilon of xIELU may be rounded as in a model in float16', async () => {
  const bytes = readFileSync(fileOf('apertus'));
  const at = bytes.indexOf('xielu.eps') + 'xielu.eps'.length + 16; // its type, that of its items, their number
  for (const layer of [0, 1]) bytes.writeFloatLE(-1.0132789611816406e-6, at + 4 * layer);
  const file = join(dir, 'rounded.gguf');
  await writeFile(file, bytes);
  assert.ok(await convertGguf(file, { cache: join(dir, 'rounded') }));
});

function withoutFirst({ tensors: [_, ...tensors], data, ...rest }: GgufParts): GgufParts {
  const from = Number(tensors[0]!.offset);
  const shifted = tensors.map((tensor) => ({ ...tensor, offset: Number(tensor.offset) - from }));
  return { ...rest, tensors: shifted, data: data.subarray(from) };
}

/** The config of a family's file with other metadata; undefined takes a key away. */
async function configWith(family: string, changes: Record<string, GgufValue | undefined>) {
  let parts = partsOf(readFileSync(fileOf(family)))!;
  const entries = new Map<string, GgufValue | undefined>([...parts.metadata, ...Object.entries(changes)]);
  const metadata = [...entries].filter((entry): entry is [string, GgufValue] => entry[1] !== undefined);
  // Apertus' rope factors are the first tensor
  if (family === 'apertus') parts = withoutFirst(parts);
  const file = join(dir, 'changed.gguf');
  await writeFile(file, bytesOf({ ...parts, metadata }));
  return (await planConversion(file)).config;
}

test('a scaling of rope without a type is linear, as in llama.cpp', async () => {
  const scaling = async (changes: Record<string, GgufValue>) =>
    (await configWith('llama', Object.fromEntries(Object.entries(changes).map(([k, v]) => [`llama.rope.${k}`, v]))))
      .rope_scaling;
  const linear = (factor: number) => ({ rope_type: 'linear', type: 'linear', factor });
  assert.deepEqual(await scaling({ scale_linear: 4 }), linear(4));
  assert.deepEqual(await scaling({ 'scaling.factor': 2, scale_linear: 4 }), linear(2));
  assert.equal(await scaling({ 'scaling.type': 'none', 'scaling.factor': 4 }), null);
  for (const factor of [0, 1]) assert.equal(await scaling({ 'scaling.factor': factor }), null);
  const yarn = await scaling({ 'scaling.type': 'yarn', 'scaling.factor': 1, 'scaling.yarn_attn_factor': 1.5 });
  assert.equal((yarn as { attention_factor?: number }).attention_factor, 1.5);
  assert.equal(await scaling({}), null);
  // Apertus scales in its own way where config.json says nothing
  const rope = async (changes: Record<string, GgufValue>) =>
    decoderSpec(await configWith('apertus', changes)).layers[0]!.attention.rope!.invFreq.slice(0, 2);
  const plain = await rope({});
  assert.deepEqual(await rope({ 'apertus.rope.scaling.type': 'none', 'apertus.rope.scaling.factor': 4 }), plain);
  assert.deepEqual(await rope({ 'apertus.rope.scaling.factor': 4 }), plain.map((w) => w / 4)); // oxfmt-ignore
  await assert.rejects(configWith('llama3', { 'llama.rope.scaling.factor': 2 }), human(/together with rope_freqs/));
  const phi = configWith('phi3', { 'phi3.rope.scaling.type': 'longrope', 'phi3.rope.scaling.factor': 2 });
  await assert.rejects(phi, human(/phi3.rope.scaling.factor: a factor beside long and short/));
  const long = configWith('llama', { 'llama.rope.scaling.type': 'longrope' });
  await assert.rejects(long, human(/llama.rope.scaling.type: the file has no long and short rope factors/));
});

test('a share of a head gives the number of its elements again', async () => {
  const sizes = { 'glm4.attention.key_length': 44, 'glm4.attention.value_length': 44 };
  const config = await configWith('glm4', { ...sizes, 'glm4.rope.dimension_count': 30 });
  const power = Math.fround((config.rope_theta as number) ** Math.fround(2 / 30));
  assert.equal(decoderSpec(config).layers[0]!.attention.rope!.invFreq[1], Math.fround(1 / power));
});

test('Granite: factors that are missing or zero are those of llama.cpp; a model without rope is refused', async () => {
  const { head_dim, hidden_size, num_attention_heads, ...config } = await configWith('granite', {
    'granite.attention.scale': undefined,
    'granite.embedding_scale': 0,
    'granite.residual_scale': 0,
  });
  const headDim = Number(head_dim ?? Number(hidden_size) / Number(num_attention_heads));
  assert.equal(config.attention_multiplier, 1 / Math.sqrt(headDim));
  assert.deepEqual([config.embedding_multiplier, config.residual_multiplier], [1, 1]);
  const finetuned = 'granite.rope.scaling.finetuned';
  await configWith('granite', { [finetuned]: true });
  await assert.rejects(configWith('granite', { [finetuned]: false }), human(/scaling.finetuned: .* without rope/));
  // elsewhere it is a remark
  await configWith('llama', { 'llama.rope.scaling.finetuned': false });
});

test('a pattern of windows that says nothing is refused', async () => {
  const key = 'gemma3.attention.sliding_window_pattern';
  const layers = async (pattern: GgufValue) => (await configWith('gemma3', { [key]: pattern })).layer_types as string[];
  assert.deepEqual((await layers(2)).slice(0, 2), ['sliding_attention', 'full_attention']);
  for (const pattern of [0, -1, 1.5, 'all', [2, 3]]) await assert.rejects(layers(pattern), human(/window_pattern: /));
});

test('long texts of a file are cut in messages', async () => {
  const file = join(dir, 'long.gguf');
  const long = 'x'.repeat(5000);
  for (const [family, key] of [
    ['olmo2', 'olmo2.rope.scaling.type'],
    ['llama3', 'llama.rope.scaling.type'],
    ['llama', 'general.type'],
    ['llama', `llama.${long}`],
    ['llama', 'general.architecture'],
  ] as const) {
    const parts = partsOf(readFileSync(fileOf(family)))!;
    parts.metadata = [...parts.metadata.filter(([name]) => name !== key), [key, long]];
    if (key.endsWith('scaling.type')) parts.metadata.push([key.replace('type', 'factor'), 2]);
    await writeFile(file, bytesOf(parts));
    await assert.rejects(convertGguf(file, { cache: join(dir, 'long') }), (error) => {
      assert(error instanceof HumanError, String(error));
      assert(error.message.length < 600, `${key}: ${error.message.length}`);
      return true;
    });
  }
});

const smollm2 = process.env.SMOLLM2_GGUF;
test('SmolLM2: every tensor has the reference’s sums', { skip: smollm2 ? false : 'needs SMOLLM2_GGUF' }, async () => {
  const reference = JSON.parse(readFileSync(join(FIXTURES, '..', 'reference', 'smollm2', 'weights.json'), 'utf8')) as {
    name: string;
    type: string;
    shape: number[];
    sum: number;
    sum_abs: number;
    first: number[];
    last: number[];
  }[];
  const gguf = readGguf(smollm2!);
  assert.deepEqual(
    [...gguf.tensors.keys()],
    reference.map(({ name }) => name),
  );
  for (const { name, type, shape, sum, sum_abs, first, last } of reference) {
    const tensor = gguf.tensors.get(name)!;
    assert.deepEqual([tensor.type.name, tensor.shape], [type, shape]);
    const values = await readGgufTensor(gguf, tensor);
    let [total, absolute] = [0, 0];
    for (const value of values) {
      total += value;
      absolute += Math.abs(value);
    }
    assert(Math.abs(total - sum) <= 1e-9 * sum_abs && Math.abs(absolute / sum_abs - 1) <= 1e-9, name);
    assert.deepEqual([[...values.slice(0, 4)], [...values.slice(-4)]], [first, last], name);
  }
  const model = await openModel(smollm2!, { cache: join(dir, 'smollm2') });
  assert.equal(model.hasTokenizer, true);
  assert.equal(model.tensors.size, reference.length);
  const tokenizer = await loadTokenizer(model.folder);
  const { strings } = JSON.parse(readFileSync(join(FIXTURES, '..', 'smollm2', 'cases.json'), 'utf8')) as {
    strings: { text: string; ids: number[] }[];
  };
  for (const { text, ids } of strings) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
});

test('a cache that is shared and read-only and has the conversion is used for a file in another place', async () => {
  const [cache, places] = [join(dir, 'shared'), [join(dir, 'one.gguf'), join(dir, 'other.gguf')]];
  for (const place of places) await copyFile(fileOf('llama'), place);
  const folder = await convertGguf(places[0]!, { cache });
  const before = await readdir(cache);
  const end = watch({ root: cache, fault: 'erofs:1' });
  assert.equal(await convertGguf(places[1]!, { cache }).finally(end), folder);
  assert.deepEqual(await readdir(cache), before);
});
