import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseJson } from '../../runtime/support/jsonFile.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { LLAMA } from './configs.js';
import { bytesOf, readFloat32, writeSafetensors } from '../../runtime/models/weights/safetensors.js';

let dir: string;
before(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'folder-')));
});
after(() => rm(dir, { recursive: true }));

const weights = (file: string, values: Record<string, number>) =>
  writeSafetensors(
    file,
    Object.entries(values).map(([name, value]) => {
      const data = bytesOf(Float32Array.of(value));
      return { name, dtype: 'F32' as const, shape: [1], bytes: 4, data: () => data };
    }),
  );

async function folder(name: string, files: Record<string, unknown>): Promise<string> {
  const path = join(dir, name);
  await mkdir(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(path, file), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return path;
}

const open = (path: string) => openModel(path, { cache: join(dir, 'cache') });

async function refused(path: string, message: RegExp, remedy: RegExp): Promise<void> {
  await assert.rejects(open(path), { name: 'HumanError', message, place: /./, remedy });
}

test('a folder opens with config, tensors, generation config and tokenizer', async () => {
  const path = await folder('good', {
    'config.json': { model_type: 'llama' },
    'generation_config.json': { eos_token_id: 2 },
    'tokenizer.json': {},
  });
  await weights(join(path, 'model.safetensors'), { a: 1, b: 2 });
  const model = await open(path);
  assert.deepEqual(model.config, { model_type: 'llama' });
  assert.deepEqual(model.generationConfig, { eos_token_id: 2 });
  assert.equal(model.hasTokenizer, true);
  assert.equal(model.gguf, undefined);
  assert.equal(model.folder, path);
  assert.deepEqual([...(await readFloat32(model.tensors.get('b')!))], [2]);
  await rm(join(path, 'tokenizer.json'));
  await rm(join(path, 'generation_config.json'));
  const bare = await open(path);
  assert.equal(bare.hasTokenizer, false);
  assert.equal(bare.generationConfig, undefined);
});

test('shards are joined by the index; a link is followed to the folder that holds the bytes', async () => {
  const path = await folder('sharded', {
    'config.json': {},
    'model.safetensors.index.json': {
      metadata: {},
      weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' },
    },
  });
  await weights(join(path, 'model-1.safetensors'), { a: 1 });
  await weights(join(path, 'model-2.safetensors'), { b: 2, a: 9, c: 3 });
  const blobs = await folder('blobs', {});
  await rename(join(path, 'model-2.safetensors'), join(blobs, 'x.bin'));
  await symlink(join(blobs, 'x.bin'), join(path, 'model-2.safetensors'));
  const { tensors } = await open(path);
  const value = async (name: string) => (await readFloat32(tensors.get(name)!))[0];
  assert.deepEqual([await value('a'), await value('b'), await value('c')], [1, 2, 3]);
  assert.equal(tensors.get('b')!.file, join(blobs, 'x.bin'));
});

test('an index that leaves the folder or lies is refused', async () => {
  const index = (shard: unknown) =>
    folder('index', { 'config.json': {}, 'model.safetensors.index.json': { weight_map: { a: shard } } });
  for (const bad of [
    '../x.safetensors',
    '/x.safetensors',
    'a\\..\\x.safetensors',
    'c:x.safetensors',
    'a/../../x.safetensors',
    'x.json',
    3,
    'x\0.safetensors',
  ]) {
    await refused(await index(bad), /a file name inside the folder was expected/, /Do not use/);
  }
  await refused(await index(JSON.parse(`${'['.repeat(400)}${']'.repeat(400)}`)), /^.{1,250}$/, /Do not use/);
  await refused(await index(`${'x'.repeat(300)}.safetensors`), /no such file/, /Check the path/);
  await symlink(join(dir, 'index', 'round.safetensors'), join(dir, 'index', 'round.safetensors'));
  await refused(await index('round.safetensors'), /no such file/, /Check the path/);
  await refused(await index('round.safetensors/x.safetensors'), /no such file/, /Check the path/);
  await refused(await index('gone.safetensors'), /no such file/, /download may be incomplete/);
  await weights(join(dir, 'index', 'm.safetensors'), { b: 1 });
  await refused(await index('m.safetensors'), /a is not in m.safetensors/, /copy the folder again/);
  await refused(
    await folder('index', { 'model.safetensors.index.json': { weight_map: [] } }),
    /"weight_map" is missing/,
    /index/,
  );
});

test('what has no end is not read', { skip: process.platform === 'win32', timeout: 60_000 }, async () => {
  const path = await folder('endless', {});
  const pipe = join(path, 'model.safetensors');
  execFileSync('mkfifo', [pipe, join(path, 'x.gguf')]);
  await symlink('/dev/zero', join(path, 'config.json'));
  await refused(path, /this is not a file/, /right file/);
  await refused(join(path, 'x.gguf'), /a GGUF file was expected/, /Name a file/);
  await rm(join(path, 'config.json'));
  await folder('endless', { 'config.json': {} });
  await refused(path, /a safetensors file was expected/, /Name a file/);
});

test('JSON that would overflow the stack of whoever walks it is refused', () => {
  const nested = (depth: number, inner = ''): string =>
    '[{"a":'.repeat(depth / 2) + `[${inner}]` + '}]'.repeat(depth / 2);
  assert.throws(() => parseJson(nested(20_000)), /nested more than 512 deep/);
  assert.throws(() => parseJson(`{"x":"\\\\","a":${nested(512)}}`), /nested more than 512 deep/);
  parseJson(nested(500, JSON.stringify(`\\"${'[{'.repeat(1000)}\\`)));
  parseJson(`[${'[],{},'.repeat(1000)}[]]`);
});

test('numbers that only Python has in its JSON are read, and are no numbers for the model', async () => {
  const path = await folder('python', { 'config.json': '{"limit": [0.0, Infinity, -Infinity], "rope_theta": NaN}' });
  await weights(join(path, 'model.safetensors'), { a: 1 });
  const { config } = await open(path);
  const [infinite, negative, none] = ['Infinity', '-Infinity', 'NaN'].map((name) => ({ __float__: name }));
  assert.deepEqual(config, { limit: [0, infinite, negative], rope_theta: none });
  assert.throws(() => decoderSpec({ ...LLAMA, ...config }), /rope_theta = .*NaN.*a number is needed/);
  for (const wrong of ['{"a": -NaN}', '{"a": Infinit}', '{"a": "of Infinity", "b": NaN}'])
    await refused(await folder('python', { 'config.json': wrong }), /not valid JSON/, /copy it again/);
});

test('an error names what is missing, with the remedy', async () => {
  await refused(join(dir, 'nowhere'), /no such file/, /Check the path/);
  await refused(await folder('empty', {}), /no config.json/, /config.json and model.safetensors/);
  await refused(await folder('adapter', { 'adapter_config.json': {} }), /no config.json/, /This is an adapter/);
  await refused(await folder('holder', { 'm.gguf': '' }), /no config.json/, /m\.gguf/);
  await mkdir(join(dir, 'run'));
  await folder('run/model', { 'config.json': {} });
  await refused(join(dir, 'run'), /no config.json/, /run\/model/);
  await refused(await folder('bare', { 'config.json': {} }), /no safetensors weights/, /Copy model.safetensors/);
  await refused(
    await folder('pickle', { 'config.json': {}, 'pytorch_model.bin': '' }),
    /no safetensors weights/,
    /Convert it to safetensors/,
  );
  await refused(
    await folder('other', { 'config.json': {}, 'consolidated.safetensors': '' }),
    /no safetensors weights/,
    /must be named model.safetensors/,
  );
  await refused(await folder('broken', { 'config.json': '{"a":' }), /not valid JSON/, /copy it again/);
  await refused(await folder('list', { 'config.json': '[]' }), /JSON object/, /right file/);
  await refused(
    join(await folder('file', { 'notes.txt': '' }), 'notes.txt'),
    /not a model/,
    /Hugging Face model folder/,
  );
});

test('a head that differs from the embedding is the head, whatever config.json says', async () => {
  const config = { model_type: 'llama', tie_word_embeddings: true };
  const path = await folder('untied', { 'config.json': config });
  const file = join(path, 'model.safetensors');
  await weights(file, { 'model.embed_tokens.weight': 1, 'lm_head.weight': 2 });
  assert.deepEqual((await open(path)).config, { ...config, tie_word_embeddings: false });
  await weights(file, { 'model.embed_tokens.weight': 1, 'lm_head.weight': 1 });
  assert.deepEqual((await open(path)).config, config);
  await weights(file, { 'model.embed_tokens.weight': 1 });
  assert.deepEqual((await open(path)).config, config);
});

test('a tied head that is stored without the embedding is the embedding', async () => {
  const names = async (config: Record<string, unknown>) => {
    const path = await folder('head', { 'config.json': config });
    await weights(join(path, 'model.safetensors'), { 'lm_head.weight': 3 });
    return [...(await open(path)).tensors].map(([key, { name }]) => [key, name]);
  };
  const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];
  assert.deepEqual(await names({ ...LLAMA, tie_word_embeddings: true }), [[embedding, embedding]]);
  assert.deepEqual(await names({ ...LLAMA, tie_word_embeddings: false }), [[head, head]]);
  assert.deepEqual(await names({ model_type: 'mamba', tie_word_embeddings: true }), [[head, head]]);
});
