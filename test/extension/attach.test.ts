/** Attaching: only what fits, and never two task adapters in silence. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostError, inputError } from '../../extension/host/errors.js';
import { writeState } from '../../extension/host/state.js';
import { WorkspaceModels, type Adapter, type Model } from '../../extension/workspace/models.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { adapter, temporary, write } from './support.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { addAdapter, removeModel, setAttached } = await import('../../extension/commands/models.js');

const assertTrusted = (): void => undefined;

/** Calls the command; what it attached and detached, and what the person was asked. */
async function attach(adapters: Adapter[], given: object, answers: string[] = [], attached = true) {
  const model = { path: '/w/m', name: 'm', adapters } as Model;
  const done: string[] = [];
  const asked: string[] = [];
  fake.answer = (question) => {
    asked.push(question);
    return answers.shift() ?? assert.fail(question);
  };
  const models = {
    list: () => [model],
    settled: async () => undefined,
    attach: async (_: string, path: string, attached: boolean, scale?: number) =>
      void done.push(`${attached ? '+' : '-'}${path}${scale === undefined ? '' : ` ${scale}`}`),
  };
  await setAttached({ models, assertTrusted } as never, { model: '/w/m', ...given }, attached);
  return { done, asked };
}

test('the first task adapter is attached without a question', async () => {
  const { done, asked } = await attach([adapter('a'), adapter('b')], { adapter: '/w/a' });
  assert.deepEqual([done, asked], [['+/w/a'], []]);
});

test('of two task adapters one is chosen, or both are added by name and weight', async () => {
  const both = [adapter('a', { attached: true }), adapter('b')];
  const only = await attach(both, { adapter: '/w/b' }, ['Only b']);
  assert.deepEqual(only.done, ['-/w/a', '+/w/b 1']);
  assert.match(only.asked[0]!, /a is attached\. The changes of two adapters add up/);
  const half = [adapter('a', { attached: true }), adapter('b', { scale: 0.5 })];
  assert.deepEqual((await attach(half, { adapter: '/w/b' }, ['Only b × 0.5'])).done, ['-/w/a', '+/w/b 0.5']);
  const added = await attach(both, { adapter: '/w/b' }, ['Both, each with a weight…', '0.5', '-0.25']);
  assert.deepEqual(added.done, ['+/w/a 0.5', '+/w/b -0.25']);
  assert.deepEqual(added.asked.slice(1), ['Weight of a', 'Weight of b']);
});

test('a weight that is given is meant; an attached security vector is no task', async () => {
  const [a, v] = [adapter('a', { attached: true }), adapter('v', { role: 'security', attached: true })];
  assert.deepEqual((await attach([a, adapter('b')], { adapter: '/w/b', scale: 0.5 })).done, ['+/w/b 0.5']);
  assert.deepEqual((await attach([v, adapter('b')], { adapter: '/w/b' })).done, ['+/w/b']);
});

test('what does not fit is neither offered nor attached', async () => {
  const misfit = adapter('x', { reason: 'it was trained on other weights' });
  await assert.rejects(
    attach([misfit], { adapter: '/w/x' }),
    (error) => error instanceof HostError && /"x" does not fit m: it was trained on other weights/.test(error.message),
  );
  await assert.rejects(attach([misfit], {}), /m has no such adapter/);
});

test('where nothing is attached, nothing can be detached', async () => {
  await assert.rejects(attach([adapter('a')], {}, [], false), /no adapter is attached to m\.$/);
});

test('an adapter of the Hub is downloaded into the workspace, and listed where it fits', async (t) => {
  const root = await temporary(t);
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  t.after(() => (workspace.workspaceFolders = undefined));
  const asked: unknown[] = [];
  const done: string[] = [];
  const engine = {
    request: async (name: string, params: { folder: string }) => {
      asked.push([name, params]);
      await write(join(params.folder, 'adapter_config.json'), '{"r":8,"lora_alpha":16,"target_modules":["q_proj"]}');
      return { path: params.folder };
    },
  };
  const models = {
    list: () => [{ path: '/w/m', name: 'm', adapters: [] }],
    whyNot: async () => null,
    attach: async (_: string, path: string, attached: boolean) => void done.push(`${path} ${attached}`),
    inspectAgain: async () => undefined,
  };
  const workAtHand = new WorkAtHand(keeping());
  const services = { assertTrusted, engine, models, secrets: { get: async () => undefined }, workAtHand } as never;
  fake.answer = (question) =>
    question === 'Where is it?' ? 'Download from the Hugging Face Hub…' : 'someone/nice-adapter@v1';
  await addAdapter(services, { model: '/w/m' });
  const folder = join(root, 'adapters/nice-adapter');
  assert.deepEqual(asked, [
    ['download', { kind: 'adapter', repository: 'someone/nice-adapter', revision: 'v1', folder, force: false, token: undefined }],
  ]); // oxfmt-ignore
  assert.deepEqual(done, [`${folder} false`]);
  await assert.rejects(addAdapter(services, { model: '/w/m', adapter: 'hub:nobody' }), /not the name of an adapter/);
});

test('an adapter that the model has already stays as it is when it is added again', async (t) => {
  const path = join(await temporary(t), 'a');
  await write(join(path, 'adapter/adapter_config.json'), '{"r":8}');
  const told: string[] = [];
  const add = (named: string, adapters: Adapter[]) => {
    const models = {
      list: () => [{ path: '/w/m', name: 'm', adapters }],
      whyNot: async () => null,
      attach: async (_: string, path: string, attached: boolean) => void told.push(`${path} ${attached}`),
      inspectAgain: async () => undefined,
      refresh: async () => undefined,
    };
    const services = { models, assertTrusted, notices: { info: (message: string) => told.push(message) } } as never;
    return addAdapter(services, { model: '/w/m', adapter: named });
  };
  await add(path, [adapter('a', { path: join(path, 'adapter'), attached: true })]);
  assert.deepEqual(told, ['m has "a" already.']);
  await add(path, []);
  assert.equal(told.at(-1), `${path} false`);
});

test('an adapter that was gone is there again when it is added again', async (t) => {
  const root = await temporary(t);
  const [model, path] = ['m', 'a'].map((name) => join(root, name)) as [string, string];
  const listed = { path: 'a', attached: true, scale: 0.5 };
  await writeState(root, { version: 1, models: [{ path: 'm', name: 'm', adapters: [listed] }] });
  const inspect = (): Promise<never> => Promise.reject(new Error('no engine'));
  const models = new WorkspaceModels({ root: () => root, inspect, runs: () => [] });
  await models.refresh();
  const shown = () => models.list()[0]!.adapters.map(({ reason, attached, scale }) => ({ reason, attached, scale }));
  assert.deepEqual(shown(), [{ reason: 'its folder is gone', attached: true, scale: 0.5 }]);
  await write(join(path, 'adapter_config.json'), '{"r":8}');
  await addAdapter({ models, assertTrusted, notices: { info: () => undefined } } as never, { model, adapter: path });
  assert.deepEqual(shown(), [{ reason: null, attached: true, scale: 0.5 }]);
});

test('where nothing is trusted nothing is attached, added or removed, and detaching is possible', async () => {
  const refused = inputError('this workspace is not trusted: nothing is run in it.');
  const assertTrusted = (): void => {
    throw refused;
  };
  const written: unknown[] = [];
  const model = { path: '/w/m', name: 'm', adapters: [adapter('a', { attached: true }), adapter('b')] } as Model;
  const models = {
    list: () => [model],
    settled: async () => undefined,
    attach: async (...given: unknown[]) => void written.push(given.slice(1, 3)),
    whyNot: async () => null,
    inspectAgain: async () => undefined,
    remove: async (path: string) => void written.push(path),
  };
  const services = { models, assertTrusted } as never;
  await assert.rejects(setAttached(services, { model: '/w/m', adapter: '/w/b' }, true), refused);
  await assert.rejects(addAdapter(services, { model: '/w/m', adapter: '/w/b' }), refused);
  await assert.rejects(removeModel(services, { model: '/w/m' }), refused);
  assert.deepEqual(written, []);
  await setAttached(services, { model: '/w/m', adapter: '/w/a' }, false);
  assert.deepEqual(written, [['/w/a', false]]);
});
