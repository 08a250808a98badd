/** Hubs that do not end, or send what they should not: each is an error for people, in bounded time and memory. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { NAME, refused, useHub } from '../support/hubDownloads.js';
import { sha256 } from '../support/hubServer.js';

const { hub, model, newFolder, download } = await useHub();

type At = 'info' | 'tree' | 'file' | 'storage';
type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;
/** Requests of one kind get this answer. */
const instead = (at: At, answer: Answer): void => {
  hub.faults.instead = (where, request, response) => {
    if (where !== at) return false;
    answer(response, request);
    return true;
  };
};
const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
const next = (request: IncomingMessage, query: string) => ({
  link: `<http://${request.headers.host}/api/models/${NAME}/tree/main?${query}>; rel="next"`,
});
/** Sends a piece whenever there is room, until the other side goes. */
const endless = (response: ServerResponse, piece: Buffer | string): void => {
  const more = () => {
    while (!response.destroyed && response.write(piece));
    response.once('drain', more);
  };
  more();
};
const isHub = /HF_ENDPOINT is a Hugging Face Hub/;
const kb64 = Buffer.alloc(2 ** 16, 32);

test('lists of files without an end', async () => {
  let page = 0;
  instead('tree', (response, request) => json(response, [], next(request, `cursor=${++page}`)));
  await refused(download({ folder: newFolder() }), /list of files has more than 200 pages/, isHub);
  assert.equal(page, 200);
  page = 0;
  await refused(download({ folder: newFolder() }, { listingMs: 100 }), /list of files takes more than 0 s/, isHub);
  instead('tree', (response, request) => json(response, [], next(request, `cursor=${++page % 3}`)));
  await refused(download({ folder: newFolder() }), /leads back to a page that was read/, isHub);

  const entries = Array.from({ length: 20_001 }, (_, i) => ({ type: 'file', path: `${i}.txt`, size: 1 }));
  instead('tree', (response, request) => json(response, entries, next(request, `cursor=${++page}`)));
  await refused(download({ folder: newFolder() }), /more than 100000 files/, isHub);
});

test('answers of unlimited size, plain and compressed', async () => {
  const bomb = gzipSync(Buffer.alloc(32 * 2 ** 20, 32));
  const before = process.resourceUsage().maxRSS;
  for (const at of ['info', 'tree'] as const) {
    instead(at, (response) => endless(response.writeHead(200), kb64));
    await refused(download({ folder: newFolder() }), /answer has more than 16777216 bytes/, isHub);
    instead(at, (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    await refused(download({ folder: newFolder() }), /answer has more than 16777216 bytes/, isHub);
  }
  instead('tree', (response) => response.writeHead(200).end('['.repeat(2 ** 20)));
  await refused(download({ folder: newFolder() }), /not understood: .* nested more than 512 deep/, isHub);
  const big = Array.from({ length: 16000 }, (_, i) => ({ type: 'file', path: `${'x'.repeat(900)}${i}`, size: 1 }));
  let page = 0;
  instead('tree', (response, request) => {
    // a slow answer may be asked for again
    page = Number(/cursor=(\d+)/.exec(request.url!)?.[1] ?? 0) + 1;
    json(response, big, next(request, `cursor=${page}`));
  });
  await refused(download({ folder: newFolder() }), /more than (67108864 bytes|100000 files)/, isHub);
  assert(page <= 5);
  const roseMb = (process.resourceUsage().maxRSS - before) / 1024;
  assert(roseMb < 512, `${roseMb} MB`);
});

test('a file that is larger than announced, or a bomb, or sent forever whatever the range', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20), { level: 9 });
  const answers: Answer[] = [
    (response) => endless(response.writeHead(200), kb64),
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    (response) => response.writeHead(200, { 'content-encoding': 'gzip, '.repeat(4) + 'gzip' }).end(bomb),
  ];
  for (const answer of answers) {
    const folder = newFolder();
    hub.faults.cuts.push(50_000);
    instead('storage', answer);
    await refused(download({ folder }), /more than the \d+ bytes that the Hub lists|broke/, /Download again/);
    assert(!existsSync(join(folder, 'model.safetensors')));
    hub.reset();
    await download({ folder });
  }
});

test('a range that is ignored, or another one than asked, brings no endless tries', async () => {
  const weights = model['model.safetensors']!;
  hub.repositories[NAME]!.files = { 'config.json': model['config.json']!, 'model.safetensors': weights };
  const half = weights.length / 2;
  /** The connection breaks after half of the file, always from its start. */
  const cut: Answer = (response) => {
    response.writeHead(200, { 'content-length': weights.length });
    response.write(weights.subarray(0, half), () => response.destroy());
  };
  const other: Answer = (response) =>
    response
      .writeHead(206, { 'content-range': `bytes 5-${weights.length - 1}/${weights.length}` })
      .end(weights.subarray(5));
  /** Each time the file has another size. */
  let sizes = 0;
  const changing: Answer = (response, request) => {
    if (request.headers.range === undefined) return cut(response, request);
    const size = weights.length + ++sizes;
    return response.writeHead(206, { 'content-range': `bytes ${half}-${size - 1}/${size}` }).end('x');
  };
  for (const [answer, message] of [
    [cut, /broke/],
    [other, /different part of model\.safetensors than was requested/],
    [changing, /different part of model\.safetensors than was requested|broke/],
  ] as const) {
    hub.reset();
    instead('storage', answer);
    await refused(download({ folder: newFolder() }), message, /Download again/);
    const tries = hub.requests.filter(({ server }) => server === 'storage').length;
    assert(tries <= 6, `${tries} tries`);
  }
});

test('a body that trickles', async () => {
  const trickle: Answer = (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(timer));
  };
  for (const at of ['info', 'tree', 'storage'] as const) {
    instead(at, trickle);
    const slow = download({ folder: newFolder() }, { silenceMs: 150, attempts: 2 });
    await refused(slow, /less than 16384 bytes within 0 s/, /resumes where/);
  }
  instead('info', (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(kb64), 10);
    response.on('close', () => clearInterval(timer));
  });
  await refused(download({ folder: newFolder() }, { wholeMs: 100 }), /answer takes more than 0 s/, isHub);
});

test('redirects and heads without an end', async () => {
  let hops = 0;
  instead('file', (response) => response.writeHead(302, { location: `/elsewhere/${++hops}` }).end());
  await refused(download({ folder: newFolder() }), /redirects endlessly/, /HF_ENDPOINT/);
  assert(hops <= 10);
  for (const location of ['file:///etc/passwd', 'data:text/plain,x', 'http://[', 'ftp://host/x']) {
    instead('file', (response) => response.writeHead(302, { location }).end());
    await refused(download({ folder: newFolder() }), /redirects to an address that is not https/, /HF_ENDPOINT/);
  }
  const sockets: ((response: ServerResponse) => void)[] = [
    // a field that does not end, and fields that do not
    (response) => endlessly(response, 'HTTP/1.1 200 OK\r\nx: ', 'y'.repeat(1000)),
    (response) => endlessly(response, 'HTTP/1.1 200 OK\r\n', `x: ${'y'.repeat(100)}\r\n`),
    // a chunk's extension, and the fields behind the body
    (response) => endlessly(response, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'.repeat(1000)),
    (response) =>
      endlessly(response, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n', `x: ${'y'.repeat(100)}\r\n`),
    // answers before the answer
    (response) => endlessly(response, '', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  ];
  for (const answer of sockets) {
    instead('info', answer);
    const hostile = download({ folder: newFolder() }, { answerMs: 200, silenceMs: 200, attempts: 2 });
    await refused(hostile, /broke|cannot be reached/, /again/);
  }
});

function endlessly(response: ServerResponse, first: string, piece: string): void {
  const { socket } = response;
  socket!.write(first);
  const timer = setInterval(() => socket!.write(piece.repeat(20)), 2);
  socket!.on('close', () => clearInterval(timer)).on('error', () => socket!.destroy());
}

test('content that is wrong on every try ends it, and is not kept', async () => {
  const wrong = Buffer.from(model['model.safetensors']!);
  wrong[9]! ^= 1;
  hub.repositories[NAME]!.files = {
    'config.json': model['config.json']!,
    'model.safetensors': model['model.safetensors']!,
  };
  hub.repositories[NAME]!.corrupt = { 'model.safetensors': wrong };
  const folder = newFolder();
  for (let i = 0; i < 2; i++) {
    hub.reset();
    await refused(download({ folder }), /checksum/, /do not use it/);
    assert.equal(hub.requests.filter(({ server }) => server === 'storage').length, 1);
  }
  const part = join(folder, '.download', `model.safetensors.${sha256(model['model.safetensors']!).slice(0, 16)}.part`);
  assert(!existsSync(part));
});

test('names that not every system can write, or that two files share', async () => {
  const files = (...names: string[]) => Object.fromEntries(names.map((name) => [name, Buffer.from(name)]));
  const rest = { 'config.json': model['config.json']! };
  const sharded = (...shards: string[]) => ({
    ...rest,
    'model.safetensors.index.json': Buffer.from(
      JSON.stringify({ weight_map: Object.fromEntries(shards.map((shard, i) => [i, shard])) }),
    ),
    ...files(...shards),
  });
  for (const name of ['nul.gguf', 'COM1.q4.gguf', 'aux.gguf', 'a?.gguf', 'a<b.gguf', `${'x'.repeat(300)}.gguf`]) {
    const folder = newFolder();
    hub.repositories[NAME] = { files: files(name) };
    await refused(download({ folder }), /a name that some systems cannot write/, /another repository/);
    assert(!existsSync(folder));
  }
  for (const pair of [
    ['A.safetensors', 'a.safetensors'],
    ['\u00e9.safetensors', 'e\u0301.safetensors'],
  ] as const) {
    hub.repositories[NAME] = { files: sharded(...pair) };
    await refused(download({ folder: newFolder() }), /two files named/, /another repository/);
  }
  for (const shard of ['../x.safetensors', '/x.safetensors', 'sub/x.safetensors', 'config.json', '__proto__']) {
    hub.repositories[NAME] = {
      files: {
        ...sharded('a.safetensors'),
        'model.safetensors.index.json': Buffer.from(JSON.stringify({ weight_map: { a: shard } })),
      },
    };
    await refused(download({ folder: newFolder() }), /which the repository does not have/, /not complete/);
  }
  const many = Array.from({ length: 500 }, (_, i) => `${'long'.repeat(40)}${i}.gguf`);
  hub.repositories[NAME] = { files: files(...many) };
  const error = await refused(download({ folder: newFolder() }), /500 GGUF models/, /and 470 more/);
  assert(error.remedy!.length < 5000);
});

test('a hub that lists no sums: what was written by the same commit is known', async () => {
  const entries = ['config.json', 'model.safetensors'].map((path) => ({
    type: 'file',
    path,
    size: model[path]!.length,
  }));
  instead('tree', (response) => json(response, entries));
  const folder = newFolder();
  await download({ folder });
  assert(model['model.safetensors']!.equals(await readFile(join(folder, 'model.safetensors'))));
  const before = hub.requests.length;
  await download({ folder });
  assert.equal(hub.requests.length, before + 1);
});
