/**
 * An adapter names its base as PEFT loads it: by the repository and revision that it was downloaded from, or by its
 * folder.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportModel } from '../../runtime/export/export.js';
import { contentOf } from '../../runtime/publish/contents.js';
import { namedBase } from '../../runtime/recipes/training/job.js';
import { writePublished } from '../support/publishedModels.js';
import { runValue } from '../support/recipeRun.js';

let root: string;
let model: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'base-name-'));
  model = join(root, 'tiny-assistant');
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
});
after(() => rm(root, { recursive: true, force: true }));

const short = { model: 'tiny-assistant', steps: 1, batch: { rows: 4, maxTokens: 64 } };
const tuning = { ...short, kind: 'finetune', data: { file: 'data/train.jsonl', limit: 8 }, output: 'adapter' };
const vector = { ...short, kind: 'vector', harmful: { file: 'data/harmful.jsonl', limit: 8 }, output: 'vector' };
const record = (repository: string, revision = 'main'): Promise<void> =>
  writeFile(join(model, '.download.json'), JSON.stringify({ repository, revision, commit: 'a'.repeat(40), files: {} }));

interface Written {
  base_model_name_or_path: unknown;
  revision: unknown;
  task_type: unknown;
  auto_mapping: unknown;
  target_modules: string[];
}
const written = async (folder: string): Promise<Written> =>
  JSON.parse(await readFile(join(root, folder, 'adapter_config.json'), 'utf8')) as Written;

/** What the adapter of a run names. */
async function named(recipe: object, out: string): Promise<unknown> {
  await runValue(root, recipe, out);
  const { base_model_name_or_path: base, revision } = await written(join(out, 'adapter'));
  assert.equal(revision, null);
  return base;
}

test('the folder, where nothing says what it was downloaded from; it is not published', async () => {
  assert.equal(await named(tuning, 'of-folder'), model);
  const { base, files } = await contentOf({ folder: join(root, 'of-folder') });
  assert.equal(base, undefined);
  const config = files.find(({ path }) => path === 'adapter_config.json')!;
  assert.ok('text' in config.source && !config.source.text.includes(root));
});

test('the repository of its download, also where training begins with an adapter that names a folder', async () => {
  await record('owner/tiny');
  assert.equal(await named(vector, 'of-vector'), 'owner/tiny');
  const going = { ...tuning, adapter: { init: 'of-folder' } };
  assert.equal(await named(going, 'of-init'), 'owner/tiny');
});

test('a damaged record names nothing; what the first adapter names is kept', async () => {
  await writeFile(join(model, '.download.json'), '{}');
  assert.deepEqual(await namedBase({ folder: model }), { baseModelName: model });
  assert.equal(await named({ ...tuning, adapter: { init: 'of-vector' } }, 'kept'), 'owner/tiny');
});

test('a GGUF file is nothing that PEFT loads', async () => {
  const gguf = { folder: model, gguf: 'a'.repeat(64) };
  assert.deepEqual(await namedBase(gguf), { baseModelName: undefined, revision: undefined });
  const known = { baseModelName: 'owner/tiny', revision: 'step3000' };
  assert.deepEqual(await namedBase(gguf, known), known);
});

test('another revision than main is named with the repository, and stays with it', async () => {
  await record('owner/tiny', 'step3000');
  await runValue(root, tuning, 'of-revision');
  const names = { base_model_name_or_path: 'owner/tiny', revision: 'step3000' };
  const same = (found: Written): void =>
    assert.deepEqual({ base_model_name_or_path: found.base_model_name_or_path, revision: found.revision }, names);
  same(await written('of-revision/adapter'));

  const adapter = join(root, 'of-revision/adapter');
  for (const [out, scales] of [
    ['scaled', [0.5]],
    ['joined', [0.5, 0.5]],
  ] as const) {
    const adapters = scales.map((scale) => ({ path: adapter, scale }));
    const hooks = { cache: join(root, 'cache'), signal: new AbortController().signal, onProgress: () => undefined };
    await exportModel({ model, adapters, format: 'peft', out: join(root, out) }, hooks);
    same(await written(out));
  }

  const published = async (base?: string): Promise<Written> => {
    const { files } = await contentOf({ folder: join(root, 'of-revision'), base });
    const { source } = files.find(({ path }) => path === 'adapter_config.json')!;
    return JSON.parse('text' in source ? source.text : '') as Written;
  };
  same(await published());
  assert.equal((await published('owner/other')).revision, null, 'it is none of another repository');
});

test('an adapter of Mistral 3 names the class of its base, and keeps it at another scale and joined', async () => {
  await writePublished('Mistral-Small-3.1-24B', join(root, 'with-images'));
  const row = { input_ids: [20, 30, 40, 50], labels: [-100, -100, 40, 50] };
  await writeFile(join(root, 'data/ids.jsonl'), `${JSON.stringify(row)}\n`.repeat(8));
  await runValue(root, { ...tuning, model: 'with-images', data: { file: 'data/ids.jsonl' } }, 'of-images');
  const path = join(root, 'of-images/adapter');
  const exported = async (name: string, ...scales: number[]): Promise<string> => {
    const adapters = scales.map((scale) => ({ path, scale }));
    const options = { cache: root, signal: new AbortController().signal, onProgress: () => undefined };
    await exportModel({ model: join(root, 'with-images'), adapters, format: 'peft', out: join(root, name) }, options);
    return name;
  };
  const assertNamed = async (folder: string): Promise<void> => {
    const { task_type, auto_mapping, target_modules } = await written(folder);
    const parent_library = 'transformers.models.mistral3.modeling_mistral3';
    assert.deepEqual([task_type, auto_mapping], [null, { base_model_class: 'Mistral3ForConditionalGeneration', parent_library }], folder); // oxfmt-ignore
    assert.ok(
      target_modules.every((name) => name.startsWith('model.language_model.')),
      folder,
    );
  };
  for (const folder of ['of-images/adapter', await exported('at-another-scale', 2), await exported('both', 1, 1)])
    await assertNamed(folder);
  // As an earlier version wrote it.
  const config = await written('of-images/adapter');
  const parts = [...new Set(config.target_modules.map((name) => name.split('.').at(-1)))];
  const earlier = { ...config, task_type: 'CAUSAL_LM', auto_mapping: null, target_modules: parts };
  await writeFile(join(path, 'adapter_config.json'), JSON.stringify(earlier));
  for (const [name, scale] of [['earlier', 1], ['earlier-scaled', 0.5]] as const) await assertNamed(await exported(name, scale)); // oxfmt-ignore
});

test('an adapter is named as its output folder, also where the run replaces another one: with the same bytes', async () => {
  for (const [name, recipe] of Object.entries({ tuned: tuning, guard: vector })) {
    const own = (): Promise<string> => readFile(join(root, name, 'adapter/security_vector.json'), 'utf8');
    await runValue(root, recipe, name);
    const first = await own();
    assert.equal((JSON.parse(first) as { name: string }).name, name);
    await runValue(root, recipe, name, { force: true });
    assert.equal(await own(), first);
  }
});
