/** An adapter names its base as PEFT loads it: by the repository that it was downloaded from, or by its folder. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { contentOf } from '../../runtime/publish/contents.js';
import { baseName } from '../../runtime/recipes/job.js';
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
const record = (repository: string): Promise<void> =>
  writeFile(
    join(model, '.download.json'),
    JSON.stringify({ repository, revision: 'main', commit: 'a'.repeat(40), files: {} }),
  );

/** What the adapter of a run names. */
async function named(recipe: object, out: string): Promise<unknown> {
  await runValue(root, recipe, out);
  const text = await readFile(join(root, out, 'adapter/adapter_config.json'), 'utf8');
  return (JSON.parse(text) as { base_model_name_or_path: unknown }).base_model_name_or_path;
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
  assert.equal(await baseName({ folder: model }), model);
  assert.equal(await named({ ...tuning, adapter: { init: 'of-vector' } }, 'kept'), 'owner/tiny');
});

test('a GGUF file is nothing that PEFT loads', async () => {
  assert.equal(await baseName({ folder: model, gguf: 'a'.repeat(64) }), undefined);
});
