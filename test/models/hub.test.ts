import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Cancelled, HumanError } from '../../runtime/errors.js';
import { inspectModel } from '../../runtime/inspect.js';
import { openModel } from '../../runtime/models/folder.js';
import { downloadModel } from '../../runtime/models/hub/hub.js';
import type { DownloadParams, DownloadSettings } from '../../runtime/models/hub/hub.js';
import { commitOf, sha256, startHub } from '../support/hubServer.js';
import type { HubServer } from '../support/hubServer.js';

const root = join(import.meta.dirname, '../..');
const fixture = join(root, 'test/fixtures/reference/llama');
const NAME = 'someone/tiny';
const TOKEN = 'hf_0123456789abcdefghij';

let dir: string;
let hub: HubServer;
let model: Record<string, Buffer>;
let count = 0;

before(async () => {
  for (const name of ['HF_TOKEN', 'HF_ENDPOINT', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'])
    for (const each of [name, name.toLowerCase()]) Reflect.deleteProperty(process.env, each);
  dir = await mkdtemp(join(tmpdir(), 'hub-'));
  hub = await startHub();
  const file = async (name: string) => readFile(join(fixture, name));
  model = {
    'config.json': await file('config.json'),
    'generation_config.json': await file('generation_config.json'),
    'model.safetensors': await file('model.safetensors'),
    'tokenizer.json': await readFile(join(root, 'media/sample/tiny-assistant/tokenizer.json')),
    'README.md': Buffer.from('# tiny'),
    LICENSE: Buffer.from('MIT'),
  };
});
after(async () => {
  await hub.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  hub.reset();
  hub.empty();
  hub.repositories[NAME] = { files: { ...model } };
});

const newFolder = (): string => join(dir, `model${++count}`);
const patience = { attempts: 3, pauseMs: 5, answerMs: 1000, silenceMs: 1000 };

function download(
  params: Partial<DownloadParams> & { folder: string },
  {
    signal = new AbortController().signal,
    onProgress = () => undefined,
    ...settings
  }: Partial<DownloadSettings> & {
    signal?: AbortSignal;
    onProgress?: (message: string, fraction?: number) => void;
  } = {},
  log: string[] = [],
) {
  const speech = { signal, onProgress, onLog: (_: string, message: string) => void log.push(message) };
  return downloadModel({ repository: NAME, endpoint: hub.url, ...params }, speech, { ...patience, ...settings });
}

async function refused(promise: Promise<unknown>, message: RegExp, remedy: RegExp): Promise<HumanError> {
  let found: unknown;
  await assert.rejects(promise, (error) => {
    assert(error instanceof HumanError, error instanceof Error ? error.stack : String(error));
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    assert(!JSON.stringify([error.message, error.place, error.remedy]).includes(TOKEN), 'the token is not repeated');
    found = error;
    return true;
  });
  return found as HumanError;
}

const manifest = async (folder: string) =>
  JSON.parse(await readFile(join(folder, '.download.json'), 'utf8')) as unknown;
const partsOf = async (folder: string) => (await readdir(folder)).filter((name) => name.endsWith('.part'));
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
  const { size } = await stat(join(folder, part));
  assert(size > 0 && size < model['model.safetensors']!.length, `${size} bytes`);
  assert(!existsSync(join(folder, 'config.json')), 'no file has its name yet');
  assert(!existsSync(join(folder, '.download.json')));

  hub.reset();
  await download({ folder });
  assert.equal(fileRequests('model.safetensors').at(-1)?.range, `bytes=${size}-`);
  assert.equal(fileRequests('config.json').length, 0, 'complete parts are not asked for again');
  assert.deepEqual(await partsOf(folder), []);
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

test('the token goes to the Hub and never to the storage it redirects to', async () => {
  hub.repositories[NAME]!.token = TOKEN;
  const log: string[] = [];
  hub.faults.statuses.push({ at: 'file', status: 503 });
  await download({ folder: newFolder(), token: TOKEN }, {}, log);
  const of = (server: string) => hub.requests.filter((r) => r.server === server).map((r) => r.authorization);
  assert.deepEqual(new Set(of('hub')), new Set([`Bearer ${TOKEN}`]));
  assert.deepEqual(new Set(of('storage')), new Set([undefined]));
  assert.equal(log.length, 1);
  assert(!log.join('\n').includes(TOKEN));

  process.env.HF_TOKEN = TOKEN;
  process.env.HF_ENDPOINT = hub.url;
  try {
    await download({ folder: newFolder(), endpoint: undefined });
  } finally {
    delete process.env.HF_TOKEN;
    delete process.env.HF_ENDPOINT;
  }
  await refused(download({ folder: newFolder(), token: `${TOKEN}\n${TOKEN}` }), /has characters/, /Copy it again/);
});

test('refusals of the Hub say what to do', async () => {
  const folder = newFolder();
  await refused(download({ folder, repository: 'no/model' }), /no such public model/, /Check the name.*HF_TOKEN/);
  await refused(download({ folder, repository: 'no/model', token: TOKEN }), /no such model/, /Check the name/);
  await refused(download({ folder, revision: 'v9' }), /no revision "v9"/, /branch, a tag or a commit/);
  hub.repositories[NAME]!.token = TOKEN;
  await refused(download({ folder }), /may be private/, /HF_TOKEN/);
  await refused(download({ folder, token: 'hf_old' }), /does not accept the access token/, /expired/);
  hub.repositories[NAME]!.gated = true;
  await refused(download({ folder }), /gated/, /Accept its terms on .*someone\/tiny.*HF_TOKEN/);
  await refused(download({ folder, token: 'hf_other' }), /gated/, /with the account of the token/);
  assert(!existsSync(folder), 'nothing was written');
});

test('errors of the server are tried again a few times', async () => {
  hub.faults.statuses.push({ at: 'api', status: 503 }, { at: 'storage', status: 403 }, { at: 'file', status: 429 });
  await download({ folder: newFolder() });
  hub.faults.statuses.push(...[1, 2, 3].map(() => ({ at: 'api' as const, status: 502 })));
  const error = await refused(download({ folder: newFolder() }), /answers with an error \(502\)/, /later/);
  assert.equal(error.kind, 'failed');
  assert.equal(hub.faults.statuses.length, 0);
});

test('offline is a clear message, and a model that is there is used', async () => {
  const gone = await startHub();
  gone.repositories[NAME] = { files: model };
  const folder = newFolder();
  await download({ folder, endpoint: gone.url });
  await gone.close();
  const error = await refused(
    download({ folder: newFolder(), endpoint: gone.url }),
    /cannot be reached at 127\.0\.0\.1:\d+ \(ECONNREFUSED\): you seem to be offline/,
    /Check the network, HTTPS_PROXY .* and HF_ENDPOINT/,
  );
  assert.equal(error.kind, 'failed');
  await refused(download({ folder: newFolder(), endpoint: 'http://hub.invalid' }), /hub\.invalid \(E\w+\)/, /network/);
  const log: string[] = [];
  assert.deepEqual(await download({ folder, endpoint: gone.url }, {}, log), { path: folder });
  assert.match(log.join(), /offline.*The folder has "main" as it was downloaded/);
  await refused(download({ folder, endpoint: gone.url, revision: 'v2' }), /offline/, /network/);
});

test('the proxy that the environment names is used, and one that refuses is named', async (t) => {
  const tunnels: string[] = [];
  let status = 200;
  const proxy = createServer().on('connect', (request: IncomingMessage, socket: Socket) => {
    tunnels.push(request.url!);
    socket.write(`HTTP/1.1 ${status} x\r\n\r\n`);
    if (status !== 200) return socket.end();
    const target = connect(Number(new URL(hub.url).port), '127.0.0.1', () => socket.pipe(target).pipe(socket));
    for (const end of [socket, target]) end.on('error', () => [socket, target].forEach((each) => each.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  process.env.HTTP_PROXY = url;
  t.after(() => {
    delete process.env.HTTP_PROXY;
    delete process.env.NO_PROXY;
    proxy.close();
    proxy.closeAllConnections();
  });
  const endpoint = 'http://hub.invalid'; // only the proxy knows where that is
  await download({ folder: newFolder(), endpoint });
  assert.deepEqual([...new Set(tunnels)], ['hub.invalid:80']);
  status = 407;
  await refused(
    download({ folder: newFolder(), endpoint }),
    /proxy .* does not connect to hub\.invalid \(status 407\)/,
    /NAME:PASSWORD/,
  );
  status = 403;
  await refused(download({ folder: newFolder(), endpoint }), /\(status 403\)/, /NO_PROXY/);
  process.env.NO_PROXY = 'hub.invalid';
  await refused(download({ folder: newFolder(), endpoint }), /cannot be reached at hub\.invalid/, /HTTPS_PROXY/);
  await download({ folder: newFolder() }); // this machine needs no proxy
  assert.equal(tunnels.filter((to) => to !== 'hub.invalid:80').length, 0);
});

test('silence ends a download, after it was tried again', async () => {
  hub.faults.silent = true;
  await refused(
    download({ folder: newFolder() }, { silenceMs: 50, attempts: 2 }),
    /cannot be reached/,
    /goes on where/,
  );
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
    await refused(download({ folder }), /leads out of the folder/, /Do not use this model/);
    assert(!existsSync(folder));
  }
  hub.repositories[NAME] = { files: { ...model, 'readme.md': Buffer.from('x'), 'Tokenizer.json': Buffer.from('x') } };
  await download({ folder: newFolder() });
});

test('names of repositories, revisions and endpoints are checked', async () => {
  const folder = newFolder();
  for (const repository of ['', 'a/b/c', '../b', 'datasets/a/b', 'a/b/../c.gguf', 'a/b?x', 'https://example.org/a/b'])
    await refused(download({ folder, repository }), /no name of a model/, /owner\/name/);
  for (const revision of ['', 'a b', 'x/../y', 'x?y'])
    await refused(download({ folder, revision }), /no revision/, /branch/);
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

test('another commit replaces what changed and removes what is gone; files of the user stay', async () => {
  const folder = newFolder();
  await download({ folder });
  await writeFile(join(folder, 'notes.txt'), 'mine');
  hub.repositories[NAME]!.files['config.json'] = Buffer.from(`${model['config.json']!.toString()}\n`);
  delete hub.repositories[NAME]!.files['tokenizer.json'];
  hub.reset();
  await download({ folder });
  assert.equal(fileRequests('model.safetensors').length, 0, 'the same weights are not brought again');
  assert.equal(fileRequests('config.json').length, 1);
  assert(!existsSync(join(folder, 'tokenizer.json')));
  assert.equal(await readFile(join(folder, 'notes.txt'), 'utf8'), 'mine');

  hub.repositories['other/model'] = { files: model };
  await refused(
    download({ folder, repository: 'other/model' }),
    /the folder holds someone\/tiny/,
    /Choose another folder/,
  );
  const own = newFolder();
  await mkdir(own);
  await writeFile(join(own, 'config.json'), '{"mine": true}');
  await refused(download({ folder: own }), /another file of this name/, /Choose another folder/);
  assert.equal(await readFile(join(own, 'config.json'), 'utf8'), '{"mine": true}');
});

test('a disk without room is told before, a full one when it happens', async () => {
  const folder = newFolder();
  await refused(
    download({ folder }, { freeBytes: () => Promise.resolve(100_000) }),
    /needs 0\.2 MB; the disk has 0\.1 MB free/,
    /Free some space/,
  );
  assert.deepEqual(await partsOf(folder), []);
  if (!existsSync('/dev/full')) return;
  const part = `model.safetensors.${sha256(model['model.safetensors']!).slice(0, 16)}.part`;
  await symlink('/dev/full', join(folder, part));
  const error = await refused(download({ folder }), /the disk is full/, /Free some space and download again/);
  assert.equal(error.kind, 'failed');
  await rm(join(folder, part));
  await download({ folder });
});

test('answers that are not the Hub’s are refused, and two downloads into one folder', async () => {
  const folder = newFolder();
  hub.repositories[NAME]!.revisions = { main: 'not a commit' };
  await refused(download({ folder }), /answer is not understood/, /login page or proxy/);
  delete hub.repositories[NAME]!.revisions;
  const first = download({ folder });
  await refused(download({ folder }), /being downloaded to already/, /Wait/);
  await first;
});

test('the command line downloads a model', async () => {
  const folder = newFolder();
  const env = { ...process.env, HF_ENDPOINT: hub.url };
  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
      const command = ['--import', 'tsx', 'runtime/cli.ts', 'download', ...args];
      execFile(process.execPath, command, { env, cwd: root }, (error, stdout, stderr) =>
        done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      );
    });
  const { code, stdout, stderr } = await run(NAME, '--out', folder, '--revision', 'main', '--json');
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { path: folder });
  assert(existsSync(join(folder, 'model.safetensors')));
});
