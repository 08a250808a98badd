/** Adapters that are named by the Hub: downloaded once, known by their hashes, refused when they are none. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runRecipe } from '../../runtime/calls/run.js';
import { hubAdapters } from '../../runtime/adapters/hubAdapters.js';
import { hubName, isHubName } from '../../runtime/contract/hubName.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { Cancelled, HumanError } from '../../runtime/support/errors.js';
import { cli, FEW_ROWS, jsonLines, sampleWorkspace, type Workspace } from '../calls/support.js';
import { withFault } from '../support/faults.js';
import { fixture, refused, TOKEN, useHub } from '../support/hubDownloads.js';
import { commitOf } from '../support/hubServer.js';
import { silent } from '../support/silent.js';

const { hub, model, newFolder } = await useHub();
const NAME = 'someone/vector';
const weights = await readFile(join(fixture, 'adapters/security/adapter_model.safetensors'));
const config = await readFile(join(fixture, 'adapters/security/adapter_config.json'));
const role = Buffer.from('{"role":"security"}');
const files = () => hub.repositories[NAME]!.files;
const commit = () => commitOf(hub.repositories[NAME]!);

before(() => (process.env.HF_ENDPOINT = hub.url));
after(() => Reflect.deleteProperty(process.env, 'HF_ENDPOINT'));
beforeEach(() => {
  hub.repositories[NAME] = {
    files: {
      'adapter_config.json': config,
      'adapter_model.safetensors': weights,
      'security_vector.json': role,
      'README.md': Buffer.from('# vector'),
      'optimizer.bin': Buffer.from('x'),
      'checkpoint-1/adapter_model.safetensors': Buffer.from('x'),
    },
  };
});

const bring = (cache: string, ...names: string[]) =>
  hubAdapters(names, {
    cache,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onLog: () => undefined,
  });

test('a name has a repository and a revision', () => {
  assert.deepEqual(hubName('hub:a/b'), { repository: 'a/b', revision: 'main' });
  assert.deepEqual(hubName('hub:a/b.c@refs/pr/1'), { repository: 'a/b.c', revision: 'refs/pr/1' });
  for (const wrong of ['hub:a', 'hub:a/b/c', 'hub:a/b@', 'a/b', 'hub:']) assert.equal(hubName(wrong), undefined, wrong);
  assert.deepEqual(['hub:x', '../hub:x', '/w/a'].map(isHubName), [true, false, false]);
});

test('an adapter is brought with its role and without anything else, once for a commit', async () => {
  const cache = newFolder();
  const name = `hub:${NAME}@${commit()}`;
  const first = (await bring(cache, name, '/w/local')).get(name)!;
  assert.equal(first.isPinned, true);
  assert.deepEqual(await readFile(join(first.folder, 'security_vector.json')), role);
  assert.deepEqual(await readFile(join(first.folder, 'adapter_model.safetensors')), weights);
  await assert.rejects(readFile(join(first.folder, 'optimizer.bin')), { code: 'ENOENT' });
  hub.requests.length = 0;
  assert.deepEqual([...(await bring(cache, name))], [[name, first]]);
  assert.equal(hub.requests.length, 0, 'a commit that is there needs no network');

  await writeFile(join(first.folder, 'adapter_model.safetensors'), 'changed');
  await bring(cache, name);
  assert.deepEqual(await readFile(join(first.folder, 'adapter_model.safetensors')), weights, 'it is known by its hash');
});

test('where the cache cannot be written, the error says so and how to have it elsewhere', async () => {
  const cache = newFolder();
  const { error } = await withFault(cache, 'erofs:1', () => bring(cache, `hub:${NAME}@${commit()}`));
  assert.ok(error instanceof HumanError);
  assert.match(error.message, /^the cache cannot be written/);
  assert.equal(error.place, cache);
  assert.match(error.remedy!, /SECURITY_VECTORS_CACHE/);
});

test('two that need one at once wait for one another, until they are stopped, and each file comes once', async () => {
  const cache = newFolder();
  const name = `hub:${NAME}@${commit()}`;
  hub.faults.pieceMs = 300;
  const said: string[] = [];
  const stop = new AbortController();
  const waiting = (signal: AbortSignal): Promise<unknown> =>
    hubAdapters([name], { cache, signal, onProgress: (text) => said.push(text), onLog: () => undefined });
  const first = bring(cache, name);
  while (hub.requests.every(({ url }) => !url.includes('/resolve/'))) await delay(5);
  const [second, third] = [waiting(new AbortController().signal), waiting(stop.signal)];
  const stopped = assert.rejects(third, Cancelled);
  while (said.length < 2) await delay(5);
  stop.abort();
  await stopped;
  assert.deepEqual(await second, await first);
  assert.deepEqual(said, [1, 2].map(() => `waiting for another download of ${NAME}`)); // oxfmt-ignore
  const urls = hub.requests.map(({ url }) => url).filter((url) => url.includes('/resolve/'));
  assert.deepEqual(urls, [...new Set(urls)]);
});

test('a branch follows the Hub, and its commit is known', async () => {
  const cache = newFolder();
  const name = `hub:${NAME}`;
  const [old] = (await bring(cache, name)).values();
  assert.deepEqual([old!.commit, old!.isPinned], [commit(), false]);
  files()['README.md'] = Buffer.from('# new');
  const [now] = (await bring(cache, name)).values();
  assert.deepEqual([now!.commit, now!.folder], [commit(), old!.folder]);
});

test('what is no adapter is refused with what it is', async () => {
  const cache = newFolder();
  await refused(bring(cache, 'hub:a'), /not the name of an adapter/, /hub:OWNER\/NAME@REVISION/);
  hub.repositories[NAME] = { files: { ...model } };
  await refused(bring(cache, `hub:${NAME}`), /no adapter_config\.json: it is not an adapter/, /It is a model/);
  hub.repositories[NAME] = { files: { 'adapter_config.json': config, 'adapter_model.bin': weights } };
  await refused(bring(cache, `hub:${NAME}`), /no adapter_model\.safetensors/, /can run code/);
  await refused(bring(cache, 'hub:someone/none'), /no such public adapter/, /Check the name/);
});

test('a copy that came with a recipe is not taken for what the Hub has', async (t) => {
  process.env['SECURITY_VECTORS_CACHE'] = newFolder();
  t.after(() => delete process.env['SECURITY_VECTORS_CACHE']);
  const workspace = await sampleWorkspace();
  t.after(() => workspace.remove());
  const name = `hub:${NAME}@${commit()}`;
  const [{ folder }] = (await bring(newFolder(), name)).values() as unknown as [{ folder: string }];
  await cp(folder, workspace.file('recipes/.security-vectors/cache/hub', basename(folder)), { recursive: true });
  Reflect.deleteProperty(hub.repositories, NAME);
  const recipe = await workspace.recipe('plain.json', { vectors: [{ adapter: name }] });
  await refused(runRecipe(recipe, silent), /no such public adapter/, /Check the name/);
});

test('a recipe and the command line take an adapter by its name, and warn where it may change', async (t) => {
  const workspace: Workspace = await sampleWorkspace();
  t.after(() => workspace.remove());
  const env = { ...process.env, HF_ENDPOINT: hub.url, HF_TOKEN: TOKEN, SECURITY_VECTORS_CACHE: newFolder() };
  const short = { ...FEW_ROWS, epochs: undefined, steps: 6, optimizer: { learningRate: 0.02 } };
  const vector = await cli(['train', await workspace.recipe('vector.json', short)]);
  assert.equal(vector.code, 0, vector.stderr);
  const made = (name: string) => readFile(workspace.file('vectors/forbidden-topic', name));
  for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'security_vector.json'])
    files()[name] = await made(`adapter/${name}`);
  files()['calibration.json'] = await made('calibration.json');

  const train = async (adapter: string) => {
    const data = { file: '../data/train.jsonl', limit: 16 };
    const few = { data, probes: {}, evaluate: [], epochs: undefined, steps: 2 };
    const change = { ...few, vectors: [{ adapter }], protection: false };
    const ran = await cli(['train', await workspace.recipe('protected.json', change), '--json', '--force'], { env });
    assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
    assert.doesNotMatch(ran.stdout + ran.stderr, /"[^"/]*adapters--/);
    assert.match(ran.stderr, /with hub:someone\/vector@\w+ active and frozen/);
    return jsonLines<RunEvent>(ran.stdout).filter((event) => event.kind === 'warning');
  };
  const [warning] = await train(`hub:${NAME}`);
  assert.match(warning!.message, new RegExp(`^hub:${NAME} is now at commit ${commit()}, and may change`));
  assert.deepEqual(await train(`hub:${NAME}@${commit()}`), []);
  const manifest = await workspace.json<{ vectors: { sha256: string }[] }>('adapters/orders-protected/manifest.json');
  assert.equal(manifest.vectors.length, 1);

  const args = [
    'generate',
    '--model',
    workspace.file('tiny-assistant'),
    '--prompt',
    'Can you teach me how to drimble this chair?',
  ];
  const plain = await cli(args, { env });
  const attached = await cli([...args, '--adapter', `hub:${NAME}@${commit()}`], { env });
  assert.equal(attached.code, 0, attached.stderr);
  assert.notEqual(attached.stdout, plain.stdout);
});
