/**
 * Small or large inputs that are made to cost much. Each must end in a HumanError that says why, soon and in little
 * memory.
 */
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { readAdapter } from '../../runtime/adapters/files.js';
import { loadExamples } from '../../runtime/data/examples.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { readJsonObject } from '../../runtime/support/jsonFile.js';
import { readGguf } from '../../runtime/models/gguf/file/gguf.js';
import { readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { readRecipe } from '../../runtime/recipes/reading/readRecipe.js';

export interface Bomb {
  name: string;
  make: (folder: string) => Promise<void>;
  /** In a process of its own. */
  load: (folder: string) => Promise<unknown>;
  /** What the error says; undefined where the input may load, if only in bounded time and memory. */
  says?: RegExp;
}

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');

/** The sample's tokenizer with a part changed, which meets a text. */
const tokenizer = (
  name: string,
  change: Record<string, unknown> | (() => Record<string, unknown>),
  says: RegExp,
): Bomb => ({
  name: `tokenizer: ${name}`,
  says,
  make: async (folder) => {
    const json = JSON.parse(readFileSync(join(SAMPLE, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
    const changed = { ...json, ...(typeof change === 'function' ? change() : change) };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(changed));
  },
  load: async (folder) => {
    const { encode, decode } = await loadTokenizer(folder);
    return decode(encode('aé'.repeat(40)));
  },
});

const sequence = (list: string, parts: unknown[]): Record<string, unknown> => ({ type: 'Sequence', [list]: parts });

/** A file of a head, a piece again and again, and a tail. */
async function repeated(file: string, head: string | Buffer, piece: string | Buffer, bytes: number, tail: string) {
  const out = createWriteStream(file);
  out.write(head);
  const block = Buffer.alloc(Math.floor(2 ** 20 / piece.length) * piece.length, piece);
  for (let at = 0; at < bytes; at += block.length) if (!out.write(block)) await once(out, 'drain');
  out.end(tail);
  await finished(out);
}

async function safetensors(folder: string, head: string, piece: string, bytes: number, tail: string): Promise<void> {
  const file = join(folder, 'model.safetensors');
  await repeated(file, `01234567${head}`, piece, bytes, tail);
  const handle = await open(file, 'r+');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt((await handle.stat()).size - 8));
  await handle.write(length, 0, 8, 0);
  await handle.close();
}
const loadSafetensors = (folder: string) => readSafetensors(join(folder, 'model.safetensors'));

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const gguf = (tensors: number, entries: number): Buffer =>
  Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(entries)]);
const array = (type: number, count: number): Buffer =>
  Buffer.concat([u64(1), Buffer.from('k'), u32(9), u32(type), u64(count)]);
const loadGguf = (folder: string) => Promise.resolve(readGguf(join(folder, 'model.gguf')));

const rows = (
  name: string,
  file: string,
  head: string,
  tail: string,
  bytes: number,
  says: RegExp,
  maxTokens = 512,
): Bomb => ({
  name: `rows: ${name}`,
  says,
  make: (folder) => repeated(join(folder, file), head, 'ab c', bytes, tail),
  load: async (folder) =>
    loadExamples(join(folder, file), await loadTokenizer(SAMPLE), { maxTokens, scratch: openScratch(folder) }),
});

const adapter = (name: string, config: () => object): Bomb => ({
  name: `adapter: ${name}`,
  says: /take too long to match|takes too long to match|too long/,
  make: async (folder) => {
    const names = Array.from({ length: 64 }, (_, i) => `base_model.model.${'a'.repeat(60)}${i}!.lora_`);
    const header = Object.fromEntries(
      names.flatMap((n, i) =>
        ['A', 'B'].map((side, j) => {
          const at = 4 * (2 * i + j);
          return [`${n}${side}.weight`, { dtype: 'F32', shape: [1, 1], data_offsets: [at, at + 4] }];
        }),
      ),
    );
    const json = Buffer.from(JSON.stringify(header));
    await writeFile(
      join(folder, 'adapter_model.safetensors'),
      Buffer.concat([u64(json.length), json, Buffer.alloc(4 * 128)]),
    );
    await writeFile(
      join(folder, 'adapter_config.json'),
      JSON.stringify({ peft_type: 'LORA', r: 1, lora_alpha: 1, ...config() }),
    );
  },
  load: readAdapter,
});

const TWICE = { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A' } }, { Sequence: { id: 'A' } }] };

export const BOMBS: readonly Bomb[] = [
  tokenizer('a template that doubles the text 30 times', { post_processor: sequence('processors', Array(30).fill(TWICE)) }, /repeats the text 2 times/),
  tokenizer(
    'a template with 200,000 special tokens',
    { post_processor: { type: 'TemplateProcessing', single: Array(2e5).fill({ SpecialToken: { id: 's' } }), special_tokens: { s: { ids: [1] } } } },
    /200000 tokens around a text/,
  ),
  tokenizer('a special token with a million ids', { post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: 's' } }], special_tokens: { s: { ids: Array(1e6).fill(1) } } } }, /1000000 tokens around a text/),
  tokenizer('a hundred thousand post-processors', { post_processor: sequence('processors', Array(1e5).fill({ type: 'ByteLevel' })) }, /more than 64 steps/),
  tokenizer('bytes of bytes of bytes', { pre_tokenizer: sequence('pretokenizers', Array(30).fill({ type: 'ByteLevel', use_regex: false })) }, /pre-tokenizer makes texts too long/),
  tokenizer('a space that becomes a megabyte', () => ({ pre_tokenizer: { type: 'Metaspace', replacement: 'x'.repeat(2 ** 20) } }), /pre-tokenizer makes texts too long/),
  tokenizer('a decoder that grows', { decoder: sequence('decoders', Array(8).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(100) })) }, /decoder makes texts too long/),
  tokenizer('a normalizer that grows', { normalizer: sequence('normalizers', Array(8).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(100) })) }, /normalizer makes texts too long/),
  tokenizer('a hundred thousand normalizers', { normalizer: sequence('normalizers', Array(1e5).fill({ type: 'Prepend', prepend: 'x'.repeat(99) })) }, /more than 64 steps/),
  tokenizer('an expression that backtracks', { pre_tokenizer: { type: 'Split', pattern: { Regex: '(a|é|aé)*b' }, behavior: 'Isolated' } }, /takes too long/),
  tokenizer('a token of 30 MB', () => ({ model: { type: 'WordLevel', unk_token: 'u', vocab: { u: 0, ['a'.repeat(3e7)]: 1 } } }), /a token has 30000000 characters/),
  tokenizer('ids without end', () => ({ model: { type: 'WordLevel', unk_token: 'u', vocab: { u: 0, a: 1e9 } } }), /the id of "a" is 1000000000/),
  {
    name: 'tokenizer: 300 MB',
    says: /the file has 3\d+ bytes; at most 67108864 are read/,
    make: (folder) => repeated(join(folder, 'tokenizer.json'), '{"model":[', '[],', 3e8, '0]}'),
    load: loadTokenizer,
  },
  {
    name: 'tokenizer: 60 MB of empty lists',
    says: /members; at most 4194304 are read/,
    make: (folder) => repeated(join(folder, 'tokenizer.json'), '{"model":[', '[],', 6e7, '0]}'),
    load: loadTokenizer,
  },
  {
    name: 'config: 200 MB',
    says: /the file has 2\d+ bytes; at most 33554432 are read/,
    make: (folder) => repeated(join(folder, 'config.json'), '{"a":[', '0,', 2e8, '0]}'),
    load: (folder) => readJsonObject(join(folder, 'config.json')),
  },
  {
    name: 'config: 30 MB of numbers',
    says: /members; at most 4194304 are read/,
    make: (folder) => repeated(join(folder, 'config.json'), '{"a":[', '0,', 3e7, '0]}'),
    load: (folder) => readJsonObject(join(folder, 'config.json')),
  },
  {
    name: 'recipe: 10 MB of brackets',
    says: /the file has 1\d+ bytes; at most 1048576 are read/,
    make: (folder) => repeated(join(folder, 'r.json'), '{"a":[', '[],', 1e7, '0]}'),
    load: (folder) => readRecipe(join(folder, 'r.json')),
  },
  {
    name: 'recipe: 1 MB of brackets',
    says: /no "kind"/,
    make: (folder) => repeated(join(folder, 'r.json'), '{"a":[', '[],', 1, '0]}').then(() => writeFile(join(folder, 'r.json'), `{"a":[${'[],'.repeat(330_000)}0]}`)),
    load: (folder) => readRecipe(join(folder, 'r.json')),
  },
  {
    name: 'safetensors: a header of 99 MB',
    says: /header/,
    make: (folder) => safetensors(folder, '{"__metadata__":{"a":"', 'x', 99e6 - 1e6, '"}}'),
    load: loadSafetensors,
  },
  {
    name: 'safetensors: a header of empty lists, as long as allowed',
    says: /members; at most|is not|describes no tensor/,
    make: (folder) => safetensors(folder, '{"a":[', '[],', 7e6, '0]}'),
    load: loadSafetensors,
  },
  {
    name: 'safetensors: as many tensors as fit',
    make: async (folder) => {
      const tensors = Array.from({ length: 110_000 }, (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`);
      await safetensors(folder, `{${tensors.join()}`, ' ', 1, '}');
    },
    load: loadSafetensors,
  },
  {
    name: 'GGUF: an array of 200 million numbers',
    says: /number of items in "k" is 200000000; at most 4194304/,
    make: (folder) => repeated(join(folder, 'model.gguf'), Buffer.concat([gguf(0, 1), array(0, 2e8)]), '\0', 2e8, ''),
    load: loadGguf,
  },
  {
    name: 'GGUF: arrays of arrays',
    says: /more than 4194304 items/,
    make: (folder) =>
      repeated(join(folder, 'model.gguf'), Buffer.concat([gguf(0, 1), array(9, 4e6)]), Buffer.concat([u32(9), u64(1), u32(0), u64(0)]), 6e7, ''),
    load: loadGguf,
  },
  {
    name: 'GGUF: a text of 60 MB',
    says: /magic|entries|continues|beyond the end|length of|more than/,
    make: (folder) => repeated(join(folder, 'model.gguf'), Buffer.concat([gguf(0, 2), u64(1), Buffer.from('k'), u32(8), u64(6e7)]), 'é', 1.2e8, ''),
    load: loadGguf,
  },
  {
    name: 'GGUF: a million entries',
    says: /number of metadata entries is 1000000; at most 65536/,
    make: (folder) => repeated(join(folder, 'model.gguf'), gguf(0, 1e6), '\0', 2e7, ''),
    load: loadGguf,
  },
  rows('a JSON line of 50 MB', 'a.jsonl', '{"text":"', '"}', 5e7, /longer than 8 MB/),
  rows('an element of a JSON list of 50 MB', 'a.json', '[{"text":"', '"}]', 5e7, /longer than 8 MB/),
  rows('a cell of a table of 50 MB', 'a.csv', 'text\n', '\n', 5e7, /longer than 8 MB/),
  rows('a text of 7 MB for 512 tokens', 'a.jsonl', '{"text":"', '"}', 7e6, /has \d+ characters; at most 65536 are read for 512 tokens/),
  rows('a chat of 7 MB for 512 tokens', 'a.jsonl', '{"messages":[{"role":"user","content":"', '"},{"role":"assistant","content":"a"}]}', 7e6, /has \d+ characters; at most 65536/),
  adapter('a target that backtracks', () => ({ target_modules: '(.*a*)*b' })),
  adapter('thousands of patterns that backtrack', () => ({
    target_modules: 'all-linear',
    rank_pattern: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`(a*)*(a*)*${i}`, 1])),
  })),
]; // oxfmt-ignore
