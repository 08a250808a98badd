/** What is no model is refused when it is picked, with what was expected. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import { Uri, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { addModel, chat } = await import('../../extension/commands/models.js');
const { scan } = await import('../../extension/commands/scan.js');
const { requireModel } = await import('../../extension/commands/pickedModel.js');

test('without a folder nothing is asked before it is said that one is needed', async () => {
  assert.equal(workspace.workspaceFolders, undefined);
  // Any question would fail, and so would any service.
  await assert.rejects(addModel({ assertTrusted: () => undefined } as never, {}), /no folder is open/);
});

test('so is that there is no model, or no vector, before a person chooses what to scan or to chat with', async (t) => {
  t.after(() => (workspace.workspaceFolders = undefined));
  const services = (...models: object[]) =>
    ({
      assertTrusted: () => undefined,
      models: { list: () => models },
      recipes: { list: () => [] },
    }) as never;
  for (const command of [scan, chat]) await assert.rejects(command(services(), {}), /no folder is open/);
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file('/w'), name: 'w' }] });
  for (const command of [scan, chat]) await assert.rejects(command(services(), {}), /no model in this workspace/);
  const model = { name: 'tiny', path: '/w/tiny', adapters: [] };
  await assert.rejects(scan(services(model), {}), /tiny has no security vector yet/);
});

test('wrong files and folders are refused by what they are; models are not', async (t) => {
  const root = await temporary(t);
  const at = (...parts: string[]): string => join(root, ...parts);
  await write(at('none/.keep'), '');
  await write(at('code/main.py'), 'x');
  await write(at('config/config.json'), {});
  await write(at('adapter/adapter_config.json'), {});
  await write(at('notes.txt'), 'GGUF');
  await write(at('fake.gguf'), 'text');
  const refused: [path: string, message: RegExp, remedy: RegExp][] = [
    [at('code'), /it has no config\.json/, /folder with config\.json and \.safetensors weights, or a \.gguf file/],
    [at('none'), /it has no config\.json/, /config\.json/],
    [at('config'), /no \.safetensors weights/, /\.gguf file/],
    [at('adapter'), /this is an adapter, not a model/, /Add it to its model/],
    [at('notes.txt'), /this file is not a model/, /\.gguf file/],
    [at('fake.gguf'), /this file is not a model/, /\.gguf file/],
    [at('gone'), /no such file or folder/, /config\.json/],
  ];
  for (const [path, message, remedy] of refused)
    await assert.rejects(requireModel(path), (error) => {
      assert.ok(error instanceof HostError);
      assert.match(error.message, message);
      assert.match(error.data.remedy ?? '', remedy);
      return error.data.place === path;
    });
  await write(at('model/config.json'), {});
  await write(at('model/model.safetensors'), 'x');
  await write(at('real.gguf'), 'GGUF\x03');
  await requireModel(at('model'));
  await requireModel(at('real.gguf'));
});
