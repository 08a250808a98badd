import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { upload } from '../../runtime/models/hub/upload.js';
import { NAME, refused, TOKEN, useHub } from '../support/hubDownloads.js';
import { startHub } from '../support/hubServer.js';

const { hub, model, newFolder, download } = await useHub();

test('refusals of the Hub come with a remedy', async () => {
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

test('without a proxy a download warns of nothing', async (t) => {
  const warned = t.mock.method(process, 'emitWarning', () => undefined);
  await download({ folder: newFolder() });
  assert.equal(warned.mock.callCount(), 0);
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

test('what is no HTTP proxy is named, and ends a download or a publication with a word, not the program', async (t) => {
  t.after(() => void delete process.env.https_proxy);
  const { signal } = new AbortController();
  const reporter = { signal, onProgress: () => undefined, onLog: () => undefined };
  const made = {
    kind: 'adapter',
    repository: 'someone/made',
    isPublic: false,
    title: '',
    files: [],
    removed: [],
  } as const;
  for (const address of ['socks5://127.0.0.1:1080', 'proxy.example.org:3128', '127.0.0.1:3128', 'some where']) {
    process.env.https_proxy = address;
    const asked = [
      () => download({ folder: newFolder() }),
      () => upload({ ...made, token: TOKEN, endpoint: hub.url }, reporter),
    ];
    for (const one of asked) {
      const error = await refused(one(), /^this is not the address of an HTTP proxy\.$/, /http:\/\/HOST:PORT/);
      assert.deepEqual([error.place, error.kind], ['https_proxy', 'input']);
    }
  }
  process.env.https_proxy = '';
  await download({ folder: newFolder() });
});

test('silence ends a download, after it was tried again', async () => {
  hub.faults.silent = true;
  await refused(
    download({ folder: newFolder() }, { silenceMs: 50, attempts: 2 }),
    /cannot be reached/,
    /resumes where/,
  );
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

test('answers that are not the Hub’s are refused', async () => {
  hub.repositories[NAME]!.revisions = { main: 'not a commit' };
  await refused(download({ folder: newFolder() }), /answer is not understood/, /login page or proxy/);
});
