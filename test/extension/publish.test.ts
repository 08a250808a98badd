/** What is published: an adapter, a model with what is attached merged in, or what a full fine-tuning has made. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Adapter } from '../../extension/workspace/models.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { adapter, temporary } from './support.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { publish } = await import('../../extension/commands/publish.js');

/** Of a run in a folder of its own. */
const trained = (name: string, more: Partial<Adapter> = {}): Adapter =>
  adapter(name, { path: `/w/${name}/adapter`, run: `/w/${name}`, ...more });

async function published(t: TestContext, adapters: Adapter[], answer: string, reader = 'Private') {
  const root = await temporary(t);
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  const choose = fake.choose;
  fake.choose = (buttons) => buttons[0];
  t.after(() => {
    workspace.workspaceFolders = undefined;
    fake.choose = choose;
  });
  const sent: [string, Record<string, unknown>][] = [];
  const engine = {
    request: async (name: string, params: Record<string, unknown>) => {
      sent.push([name, params]);
      if (name === 'export') return { path: params['out'], sha256: '' };
      if (name === 'planPublish') return { repository: params['repository'], isPublic: false, what: 'model', base: null, files: [], removed: ['calibration.json'], card: '', sha256: 'x' }; // oxfmt-ignore
      return { url: 'https://x', commit: 'c', isPublic: false };
    },
  };
  const told: string[] = [];
  fake.answer = (question) =>
    ({ 'What is published?': answer, 'Repository: owner/name': 'me/mine', 'Who may read it?': reader })[question] ??
    assert.fail(question);
  const services = {
    ...{
      assertTrusted: () => undefined,
      workAtHand: new WorkAtHand(keeping()),
      engine,
      secrets: { get: async () => 'hf_x' },
    },
    models: { list: () => [{ path: '/w/m', name: 'm', adapters }] },
    store: { list: () => [] },
    notices: { info: (message: string) => told.push(message), warn: () => undefined, error: () => undefined },
  };
  await publish(services as never, { model: '/w/m' });
  return { sent, root, told, folder: sent.find(([name]) => name === 'publish')![1]['folder'] };
}

test('an adapter goes as it is', async (t) => {
  const { sent, folder, told } = await published(t, [trained('a'), trained('b')], 'b');
  assert.deepEqual(sent.map(([name]) => name), ['planPublish', 'publish']); // oxfmt-ignore
  assert.equal(folder, '/w/b');
  assert.equal(sent[0]![1]['token'], 'hf_x', 'what is in a private repository is seen');
  assert.deepEqual(told, ['Published as me/mine.']);
  assert.match(fake.asked.at(-1)!.detail!, /earlier upload .* are removed there: calibration\.json\./);
});

test('a repository that is there and private stays so, which is said to whoever publishes for everybody', async (t) => {
  const { sent, told } = await published(t, [trained('a'), trained('b')], 'b', 'Public');
  assert.equal(sent.at(-1)![1]['isPublic'], true);
  assert.deepEqual(told, [
    'Published as me/mine, which is private: only you and members of its organisation can read it.',
  ]);
});

test('a model with one adapter merged in is exported first, and its card is of the run that made the adapter', async (t) => {
  const { sent, root, folder } = await published(t, [trained('a', { attached: true })], 'm with a merged in');
  assert.deepEqual(sent.map(([name]) => name), ['export', 'planPublish', 'publish']); // oxfmt-ignore
  assert.equal(folder, join(root, 'exports/m-a-safetensors'));
  assert.equal(sent.at(-1)![1]['run'], '/w/a');
  const half = await published(t, [trained('a', { attached: true, scale: 0.5 })], 'm with a merged in');
  assert.equal(half.sent.at(-1)![1]['run'], undefined, 'no run has measured half of an adapter');
});

test('a model is never merged with a security vector', async (t) => {
  const vector = trained('v', { role: 'security', attached: true });
  await assert.rejects(
    Promise.race([
      published(t, [trained('a', { attached: true }), vector], 'm with a + v merged in'),
      new Promise((_, reject) => setTimeout(() => reject(new Error('it is not offered')), 200)),
    ]),
    /it is not offered/,
  );
});
