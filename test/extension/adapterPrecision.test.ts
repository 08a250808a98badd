/** How weights are held, by the runs that made the adapters. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import { readRun } from '../../extension/runs/folder.js';
import type { Run } from '../../extension/runs/run.js';
import { WorkspaceModels } from '../../extension/workspace/models.js';
import { runFolder, temporary, write } from './support.js';

const info = (path: string): ModelInfo => ({
  ...{ path, architecture: 'llama', parameters: 1, layers: 1, dtype: 'F32', contextLength: 64 },
  ...{ tokenizer: true, chatTemplate: true, supported: true, reason: null, missing: null, adapters: [] },
});

test('an adapter has the precision of the run that made it, and a model that of the newest one', async (t) => {
  const root = await temporary(t);
  const made = async (name: string, started: string, precision?: Precision): Promise<Run> => {
    const folder = await runFolder(root, name, { manifest: { started, ...(precision && { precision }) } });
    await write(join(folder, 'adapter/adapter_config.json'), { r: 8 });
    return (await readRun(folder))!;
  };
  const runs = [await made('new', '2026-02-02T00:00:00Z', 'int4'), await made('old', '2026-01-01T00:00:00Z')];
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => runs });
  const { precision, adapters } = await models.add(join(root, 'tiny'));
  assert.deepEqual(
    [precision, adapters.map((each) => [each.name, each.precision])],
    ['int4', [['new', 'int4'], ['old', undefined]]],
  ); // oxfmt-ignore
  runs.push(await made('newest', '2026-03-03T00:00:00Z'));
  assert.equal(models.get(join(root, 'tiny'))!.precision, undefined);
});

test('an adapter that no listed run made has the precision that the manifest around it names', async (t) => {
  const root = await temporary(t);
  const tiny = join(root, 'tiny');
  const made = async (name: string, manifest: object | string): Promise<string> => {
    await write(join(root, name, 'adapter/adapter_config.json'), { r: 8 });
    await write(join(root, name, 'manifest.json'), manifest);
    return join(root, name);
  };
  const point = await made('point', { version: 1, precision: 'int4' });
  const inside = join(await made('inside', { version: 1, precision: 'int8' }), 'adapter');
  const alone = join(root, 'alone');
  await write(join(alone, 'adapter_config.json'), { r: 8 });
  const others = [
    alone,
    await made('plain', { version: 1 }),
    await made('web', { precision: 4 }),
    await made('half', '{'),
  ];
  await write(join(root, 'manifest.json'), { version: 1, precision: 'int4' });
  const runs: Run[] = [];
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => runs });
  await models.add(tiny);
  for (const path of [point, inside, ...others]) await models.attach(tiny, path, false);
  const precisions = () => Object.fromEntries(models.get(tiny)!.adapters.map((one) => [one.name, one.precision]));
  const none = { alone: undefined, plain: undefined, web: undefined, half: undefined };
  assert.deepEqual(precisions(), { point: 'int4', inside: 'int8', ...none });
  const folder = await runFolder(root, 'again', { manifest: { precision: 'int4' } });
  await write(join(folder, 'adapter/adapter_config.json'), { r: 8 });
  await models.attach(tiny, folder, false);
  await runFolder(root, 'again', {});
  runs.push((await readRun(folder))!);
  assert.equal(precisions()['again'], undefined, 'a run knows better than what was read before it');
});
