import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cancelled } from '../../runtime/support/errors.js';
import { inspectModel } from '../../runtime/calls/inspect.js';
import { openModel } from '../../runtime/models/folder.js';
import { cli } from '../calls/support.js';
import { fixture, NAME, refused, useHub } from '../support/hubDownloads.js';
import { commitOf, sha256 } from '../support/hubServer.js';

const { dir, hub, model, newFolder, download } = await useHub();

const manifest = async (folder: string) =>
  JSON.parse(await readFile(join(folder, '.download.json'), 'utf8')) as unknown;
const partsOf = (folder: string) => readdir(join(folder, '.download')).catch(() => []);
const fileRequests = (name: string) =>
  hub.requests.filter(({ server, url }) =>
    server === 'hub' ? url.endsWith(`/${name}`) : name === 'model.safetensors',
  );

test('a model is downloaded with what it needs, opens, and a second download asks only for the commit', async () => {
  const more = {
    'pytorch_model.bin': 'x',
    'modeling.py': 'x',
    'onnx/model.onnx': 'x',
    'consolidated.safetensors': 'x',
  };
  for (const [path, text] of Object.entries(more)) hub.repositories[NAME]!.files[path] = Buffer.from(text);
  hub.faults.page = 3;
  const folder = newFolder();
  const fractions: number[] = [];
  const messages: string[] = [];
  const onProgress = (message: string, fraction = NaN) => void (messages.push(message), fractions.push(fraction));
  assert.deepEqual(await download({ folder }, { onProgress }), { path: folder });

  assert.deepEqual((await readdir(folder)).sort(), ['.download.json', ...Object.keys(model)].sort());
  for (const [name, content] of Object.entries(model)) assert(content.equals(await readFile(join(folder, name))), name);
  const files = Object.entries(model).map(([name, content]) => [
    name,
    { size: content.length, sha256: sha256(content) },
  ]);
  assert.deepEqual(await manifest(folder), {
    repository: NAME,
    revision: 'main',
    commit: commitOf(hub.repositories[NAME]!),
    files: Object.fromEntries(files) as unknown,
  });
  assert.equal(fractions.at(-1), 1);
  assert.deepEqual(
    fractions,
    fractions.toSorted((a, b) => a - b),
  );
  assert.match(messages.at(-1)!, /^downloading someone\/tiny: .*0\.2 MB of 0\.2 MB$/);

  const opened = await openModel(folder, { cache: join(dir, 'cache') });
  const original = await openModel(fixture, { cache: join(dir, 'cache') });
  assert.deepEqual([...opened.tensors.keys()], [...original.tensors.keys()]);
  assert.deepEqual(opened.config, original.config);
  const info = await inspectModel(folder);
  assert.deepEqual([info.tokenizer, info.supported, info.reason], [true, true, null]);
  assert.equal(info.architecture, (await inspectModel(fixture)).architecture);

  hub.reset();
  const { mtimeMs } = await stat(join(folder, 'config.json'));
  assert.deepEqual(await download({ folder }), { path: folder });
  assert.equal(hub.requests.length, 1);
  assert.equal((await stat(join(folder, 'config.json'))).mtimeMs, mtimeMs);
  hub.reset();
  assert.deepEqual(await download({ folder, revision: commitOf(hub.repositories[NAME]!) }), { path: folder });
  assert.equal(hub.requests.length, 0, 'a commit that is there needs no network');
});

test('the settings with which a model reads images are taken, too', async () => {
  const settings = ['preprocessor_config.json', 'processor_config.json', 'video_preprocessor_config.json'];
  for (const name of settings) hub.repositories[NAME]!.files[name] = Buffer.from(`{"of": "${name}"}`);
  const folder = newFolder();
  await download({ folder });
  for (const name of settings) assert.equal(await readFile(join(folder, name), 'utf8'), `{"of": "${name}"}`);
});

test('only the weights that the index names are taken', async () => {
  const { 'model.safetensors': weights, ...rest } = model;
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const index = Buffer.from(JSON.stringify({ weight_map: { a: first, b: second, c: first } }));
  const files: Record<string, Buffer> = { ...rest, 'model.safetensors.index.json': index, [first!]: weights! };
  hub.repositories[NAME] = { files: { ...files, 'consolidated.safetensors': weights! } };
  await refused(download({ folder: newFolder() }), /names the file "model-00002-of-00002.safetensors"/, /not complete/);
  hub.repositories[NAME].files[second!] = Buffer.from('second');
  const folder = newFolder();
  await download({ folder });
  assert.deepEqual((await readdir(folder)).sort(), ['.download.json', ...Object.keys(files), second!].sort());
});

test('a connection that breaks goes on where it stopped', async () => {
  const [config, weights] = ['config.json', 'model.safetensors'] as const;
  hub.repositories[NAME] = { files: { [config]: model[config]!, [weights]: model[weights]! } };
  hub.faults.cuts.push(100, 40_000, 30_000);
  const folder = newFolder();
  const log: string[] = [];
  await download({ folder }, {}, log);
  assert(model['model.safetensors']!.equals(await readFile(join(folder, 'model.safetensors'))));
  assert.deepEqual(
    hub.requests.filter(({ server }) => server === 'storage').map(({ range }) => range),
    [undefined, 'bytes=40000-', 'bytes=70000-'],
  );
  assert.equal(fileRequests('config.json')[1]?.range, 'bytes=100-');
  assert.equal(log.length, 3);
});

test('cancelling keeps what came; the next download goes on with it, and the folder is no model before', async () => {
  const folder = newFolder();
  const abort = new AbortController();
  hub.faults.pieceMs = 20;
  const onProgress = (message: string) => {
    if (message.includes('model.safetensors') && hub.requests.some(({ server }) => server === 'storage')) abort.abort();
  };
  // progress is told at most ten times a second, so some pieces are there by then
  await assert.rejects(download({ folder }, { signal: abort.signal, onProgress }), Cancelled);
  const part = (await partsOf(folder)).find((name) => name.startsWith('model.safetensors.'))!;
  const { size } = await stat(join(folder, '.download', part));
  assert(size > 0 && size < model['model.safetensors']!.length, `${size} bytes`);
  assert(!existsSync(join(folder, 'config.json')), 'no file has its name yet');
  assert(!existsSync(join(folder, '.download.json')));

  hub.reset();
  await download({ folder });
  assert.equal(fileRequests('model.safetensors').at(-1)?.range, `bytes=${size}-`);
  assert.equal(fileRequests('config.json').length, 0, 'complete parts are not asked for again');
  assert(!existsSync(join(folder, '.download')));
  assert(model['model.safetensors']!.equals(await readFile(join(folder, 'model.safetensors'))));
});

test('a server that ignores ranges starts the file again', async () => {
  hub.repositories[NAME]!.files = {
    'config.json': Buffer.from('{}'),
    'model.safetensors': model['model.safetensors']!,
  };
  hub.faults.noRanges = true;
  hub.faults.cuts.push(2, 50_000);
  const folder = newFolder();
  await download({ folder });
  assert(model['model.safetensors']!.equals(await readFile(join(folder, 'model.safetensors'))));
});

test('wrong content is refused and its part deleted: large files by SHA-256, small ones by git', async () => {
  for (const [name, size] of [
    ['model.safetensors', 0],
    ['config.json', 0],
    ['model.safetensors', 5],
  ] as const) {
    const wrong = Buffer.concat([model[name]!, Buffer.alloc(size)]);
    wrong[10]! ^= 1;
    hub.repositories[NAME]!.corrupt = { [name]: wrong };
    const folder = newFolder();
    const what = size === 0 ? /not the file that the Hub lists \(checksum\)/ : /more than the \d+ bytes/;
    await refused(download({ folder }), what, /Download again/);
    assert(!(await partsOf(folder)).some((part) => part.startsWith(name)));
    assert(!existsSync(join(folder, name)));
  }
});

test('names that lead out of the folder are refused before anything is written', async () => {
  const evil = [
    '../model.safetensors',
    '/tmp/tokenizer.json',
    '..\\config.json',
    'C:model.safetensors',
    'a/../../x.gguf',
    'x\0.gguf',
  ];
  for (const path of evil) {
    hub.repositories[NAME] = { files: { ...model, [path]: Buffer.from('evil') } };
    const folder = newFolder();
    await refused(download({ folder }), /points outside the folder/, /Do not use this repository/);
    assert(!existsSync(folder));
  }
  hub.repositories[NAME] = { files: { ...model, 'readme.md': Buffer.from('x'), 'Tokenizer.json': Buffer.from('x') } };
  await download({ folder: newFolder() });
});

test('names of repositories, revisions and endpoints are checked', async () => {
  const folder = newFolder();
  for (const repository of ['', 'a/b/c', '../b', 'datasets/a/b', 'a/b/../c.gguf', 'a/b?x', 'https://example.org/a/b'])
    await refused(download({ folder, repository }), /not the name of a model/, /owner\/name/);
  for (const revision of ['', 'a b', 'x/../y', 'x?y'])
    await refused(download({ folder, revision }), /not a valid revision/, /branch/);
  const secret = await refused(
    download({ folder, endpoint: 'http://me:pass@host' }),
    /address of the Hub/,
    /Correct it/,
  );
  assert(!JSON.stringify(secret).includes('pass@'));
  assert.equal(hub.requests.length, 0);
  assert.deepEqual(await download({ folder, repository: `${hub.url}/${NAME}/` }), { path: folder });
});

test('GGUF files: asked which, one by name, one alone; several share a folder', async () => {
  const files = { 'README.md': Buffer.from('x'), 'a.gguf': Buffer.from('aaaa'), 'sub/b.gguf': Buffer.from('bb') };
  hub.repositories[NAME] = { files: { ...files, 'c-00001-of-00002.gguf': Buffer.from('c') } };
  const folder = newFolder();
  await refused(download({ folder }), /3 GGUF models; which one/, /someone\/tiny\/FILE.*a\.gguf, sub\/b\.gguf/);
  await refused(download({ folder, repository: `${NAME}/d.gguf` }), /no file d\.gguf/, /a\.gguf/);
  await refused(
    download({ folder, repository: `${NAME}/c-00001-of-00002.gguf` }),
    /1 of the 2 parts of c-00001/,
    /not complete/,
  );
  assert.deepEqual(await download({ folder, repository: `${NAME}/a.gguf` }), { path: join(folder, 'a.gguf') });
  assert.deepEqual(await download({ folder, repository: `${NAME}/sub/b.gguf` }), { path: join(folder, 'b.gguf') });
  assert.deepEqual((await readdir(folder)).sort(), ['.download.json', 'a.gguf', 'b.gguf']);
  hub.reset();
  await download({ folder, repository: `${NAME}/a.gguf` });
  await download({ folder, repository: `${NAME}/sub/b.gguf` });
  assert.equal(hub.requests.length, 2, 'both are there');
  hub.repositories[NAME] = { files: { 'a.gguf': files['a.gguf'] } };
  hub.repositories[NAME] = {
    files: { 'c-00002-of-00002.gguf': Buffer.from('2'), 'c-00001-of-00002.gguf': Buffer.from('1') },
  };
  const parts = newFolder();
  assert.deepEqual(await download({ folder: parts }), { path: join(parts, 'c-00001-of-00002.gguf') });
  assert.deepEqual((await readdir(parts)).sort(), [
    '.download.json',
    ...Object.keys(hub.repositories[NAME].files).sort(),
  ]);
  hub.repositories[NAME] = { files: { 'a.gguf': files['a.gguf'] } };
  assert.deepEqual(await download({ folder: `${folder}-one` }), { path: join(`${folder}-one`, 'a.gguf') });
  hub.repositories[NAME] = { files: { 'config.json': Buffer.from('{}'), 'pytorch_model.bin': Buffer.from('x') } };
  await refused(download({ folder: newFolder() }), /no model\.safetensors and no GGUF/, /PyTorch files/);
  hub.repositories[NAME] = { files: { 'adapter_model.safetensors': Buffer.from('x') } };
  await refused(download({ folder: newFolder() }), /no config\.json/, /adapter, not a model/);
});

test('the command line downloads a model', async () => {
  const folder = newFolder();
  const env = { ...process.env, HF_ENDPOINT: hub.url };
  const run = (...args: string[]) => cli(['download', ...args], { env });
  const { code, stdout, stderr } = await run(NAME, '--out', folder, '--revision', 'main', '--json');
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { path: folder });
  assert(existsSync(join(folder, 'model.safetensors')));

  await writeFile(join(folder, 'config.json'), '{"mine": true}');
  const again = await run(NAME, '--out', folder);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /config\.json: this file was changed since it was downloaded.*--out.*--force/);
  assert.equal((await run(NAME, '--out', folder, '--force')).code, 0);
  assert(model['config.json']!.equals(await readFile(join(folder, 'config.json'))));
});
