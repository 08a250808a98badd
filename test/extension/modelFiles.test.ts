/** What was found of a model is asked for again when its files have changed, and when a person asks for it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import { DataInspector } from '../../extension/data/files.js';
import { Problems } from '../../extension/data/problems.js';
import { exists } from '../../extension/host/checkedFile.js';
import { inputError } from '../../extension/host/errors.js';
import { Estimates } from '../../extension/runs/estimates.js';
import { RunStore } from '../../extension/runs/store.js';
import { WorkspaceModels } from '../../extension/workspace/models.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake, Uri } from './fake/vscode.js';
import { temporary, until, write } from './support.js';

const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

const MODEL_GLOB = '**/*.{gguf,safetensors,jinja}';

/** A model is refused as long as one of its files is missing, and cannot be read where it is not there. */
async function workplace(t: TestContext) {
  const root = await temporary(t);
  const asked: string[] = [];
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => {
      asked.push(path);
      if (!(await exists(path))) throw inputError('there is no such folder');
      const supported = path.endsWith('.gguf') || (await exists(join(path, 'tokenizer.json')));
      return { supported, reason: supported ? null : 'it is not whole', adapters: [] } as unknown as ModelInfo;
    },
    runs: () => [],
  });
  fake.watchers = [];
  const files = new WorkspaceFiles({
    ...{ store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems(), onError: assert.ifError },
    ...{ onReview: () => undefined, onDataFile: () => undefined, onState: () => undefined },
    onModelFiles: (changed) => models.filesChanged(changed),
  });
  t.after(() => files.dispose());
  const tell = async (kind: 'create' | 'change' | 'remove', glob: string, path: string): Promise<void> => {
    for (const watcher of fake.watchers.filter((one) => one.glob === glob)) await watcher[kind].fire(Uri.file(path));
  };
  return { root, models, asked, tell };
}

test('a model that was repaired can be used after Refresh, and one that is gone is told', async (t) => {
  const { root, models } = await workplace(t);
  const config = await write(join(root, 'm/tiny/config.json'), '{}');
  const model = dirname(config);
  assert.equal((await models.add(model)).problem, 'it is not whole');
  await write(join(model, 'tokenizer.json'), '{}');
  let shown: (string | undefined)[] = [];
  models.onDidChange(() => shown.push(models.get(model)!.info === undefined ? 'unknown' : models.get(model)!.problem));
  await models.refresh();
  assert.equal(models.get(model)!.problem, undefined);
  assert.ok(!shown.includes('unknown'), 'what was known is shown until the engine has answered');
  shown = [];
  await rename(model, join(root, 'elsewhere'));
  await models.refresh();
  assert.equal(models.get(model)!.problem, 'there is no such folder');
});

test('a model is looked at again when its files have changed, and those of others are not', async (t) => {
  const { root, models, asked, tell } = await workplace(t);
  await write(join(root, 'm/tiny/config.json'), '{}');
  const [tiny, gguf, other] = [join(root, 'm/tiny'), await write(join(root, 'b.gguf'), ''), join(root, 'other')];
  for (const path of [tiny, gguf, other]) await models.add(path);
  const again = async (): Promise<string[]> => {
    await until(() => asked.length > 0);
    return asked.splice(0);
  };
  asked.length = 0;
  await tell('create', '**/*.json', await write(join(tiny, 'tokenizer.json'), '{}'));
  assert.deepEqual(await again(), [tiny]);
  await until(() => models.get(tiny)!.problem === undefined);
  await tell('change', '**/*.json', await write(join(root, 'recipes/x/config.json'), '{}'));
  await tell('change', MODEL_GLOB, gguf);
  assert.deepEqual(await again(), [gguf]);
  await rename(join(root, 'm'), join(root, 'n'));
  await tell('remove', '**/*', join(root, 'm'));
  assert.deepEqual(await again(), [tiny]);
  await until(() => models.get(tiny)!.problem === 'there is no such folder');
  await rename(join(root, 'n'), join(root, 'm'));
  await tell('create', '**/*', join(root, 'm'));
  assert.deepEqual(await again(), [tiny]);
  await until(() => models.get(tiny)!.problem === undefined);
});

test('an adapter is looked at again when its files have changed, or are gone with what they lie in', async (t) => {
  const { root, models, tell } = await workplace(t);
  const tiny = dirname(await write(join(root, 'tiny/config.json'), '{}'));
  const config = await write(join(root, 'adapters/a/adapter/adapter_config.json'), '{ "r": 4 }');
  await models.add(tiny);
  const run = join(root, 'adapters/a');
  await models.attach(tiny, run, true);
  const shown = async (expected: object): Promise<void> => {
    await until(() => {
      const [{ rank, reason, attached } = {}] = models.get(tiny)!.adapters;
      return isDeepStrictEqual({ rank, reason, attached }, { ...expected, attached: true });
    });
  };
  await shown({ rank: 4, reason: null });
  await tell('change', '**/*.json', await write(config, '{ "r": 8 }'));
  await shown({ rank: 8, reason: null });
  await rename(run, join(root, 'away'));
  await tell('remove', '**/*', run);
  await shown({ rank: null, reason: 'its folder is gone' });
  await rename(join(root, 'away'), run);
  await tell('create', '**/*', run);
  await shown({ rank: 8, reason: null });
});

test('parts of a GGUF model and chat templates are files of a model', async (t) => {
  const { root, models, asked, tell } = await workplace(t);
  const [tiny] = [dirname(await write(join(root, 'tiny/config.json'), '{}'))];
  const parts = ['big-00001-of-00002.gguf', 'big-00002-of-00002.gguf', 'other-00002-of-00002.gguf'];
  const [first, second, other] = await Promise.all(parts.map((name) => write(join(root, name), '')));
  for (const path of [tiny, first!]) await models.add(path);
  for (const [glob, path, model] of [
    [MODEL_GLOB, second!, first],
    [MODEL_GLOB, join(tiny, 'chat_template.jinja'), tiny],
    ['**/*.json', join(tiny, 'chat_template.json'), tiny],
    ['**/*.json', join(tiny, 'special_tokens_map.json'), tiny],
  ] as const) {
    asked.length = 0;
    await tell('change', MODEL_GLOB, other!);
    await tell('change', glob, path);
    await until(() => asked.length > 0);
    assert.deepEqual(asked, [model]);
  }
});

test('what was computed with a model is computed again when it is another one', async (t) => {
  const { root, models, tell } = await workplace(t);
  const tiny = dirname(await write(join(root, 'tiny/config.json'), '{}'));
  const data = await write(join(root, 'train.jsonl'), '{}');
  await models.add(tiny);
  let [counts, asks] = [0, 0];
  const tokens = new DataInspector(
    async () => ({ rows: ++counts }) as DataInfo,
    () => `${models.version(tiny)}`,
  );
  const estimates = new Estimates(
    async () => (asks++, null),
    () => true,
  );
  models.onDidChangeVersion(() => estimates.changed());
  /** What the views do when they are drawn. @returns how often each was asked */
  const drawn = async (): Promise<number[]> => {
    tokens.get(data);
    estimates.get('r.json', 'text');
    await until(() => tokens.get(data) !== undefined);
    return [counts, asks];
  };
  assert.deepEqual(await drawn(), [1, 1]);
  await models.refresh();
  assert.deepEqual(await drawn(), [1, 1], 'it is as it was');
  await write(join(tiny, 'tokenizer.json'), '{}');
  await models.refresh();
  assert.deepEqual(await drawn(), [2, 2], 'it was repaired');
  const before = models.version(tiny);
  await tell('change', '**/*.json', join(tiny, 'tokenizer.json'));
  await until(() => models.version(tiny) > before);
  assert.deepEqual(await drawn(), [3, 3], 'the engine says the same of other files');
});
