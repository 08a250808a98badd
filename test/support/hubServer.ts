/**
 * A small server that speaks the Hugging Face Hub's routes, for models and (named `datasets/owner/name`) data sets:
 * info, listing with pages, `resolve` with ranges and redirects to a storage server on another port. It misbehaves on
 * request.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HubRepository {
  /** Content by path. Files of at least `LARGE` bytes, and weights, are in the storage, as with Git LFS. */
  files: Record<string, Buffer>;
  /** Sent instead of the content. */
  corrupt?: Record<string, Buffer>;
  /** Only for this token; gated says so in X-Error-Code. */
  token?: string;
  gated?: boolean;
  private?: boolean;
  /** Of the card. */
  licence?: string | string[];
  /** By name; `main` is the commit of the files unless given. */
  revisions?: Record<string, string>;
}

export interface HubFaults {
  /**
   * After this many bytes of a body the connection is cut; one entry for each answer that is cut, shorter bodies are
   * not.
   */
  cuts: number[];
  /** Bodies never come. */
  silent: boolean;
  /** Status of the next answers, instead of the right ones. */
  statuses: { at: 'api' | 'file' | 'storage'; status: number }[];
  /** Milliseconds between two pieces of a body. */
  pieceMs: number;
  /** Ranges are ignored: 200 and the whole file. */
  noRanges: boolean;
  /** Files in a page of the listing. */
  page: number;
  /** Answers itself; false: the usual answer. */
  instead?: (
    at: 'info' | 'tree' | 'file' | 'write' | 'storage',
    request: IncomingMessage,
    response: ServerResponse,
  ) => boolean;
}

export interface HubRequest {
  server: 'hub' | 'storage';
  method: string;
  url: string;
  range?: string;
  authorization?: string;
}

export interface HubServer {
  url: string;
  readonly repositories: Record<string, HubRepository>;
  readonly faults: HubFaults;
  /** May write, if there is one. */
  writer?: string;
  /** Everything asked, in order. */
  requests: HubRequest[];
  /** Forgets the requests and the faults. */
  reset(): void;
  /** Takes all repositories away. */
  empty(): void;
  close(): Promise<void>;
}

const LARGE = 4096;
const PIECE = 16 * 1024;

export const gitOid = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** The commit of a repository: changes with any file. */
export const commitOf = ({ files }: HubRepository): string =>
  createHash('sha1')
    .update(JSON.stringify(Object.entries(files).map(([path, content]) => [path, sha256(content)])))
    .digest('hex');

const isLarge = (path: string, content: Buffer): boolean =>
  content.length >= LARGE || /\.(safetensors|gguf)$/.test(path);
const noFaults = (): HubFaults => ({ cuts: [], silent: false, statuses: [], pieceMs: 0, noRanges: false, page: 1000 });

export async function startHub(): Promise<HubServer> {
  const requests: HubRequest[] = [];
  const state = {
    faults: noFaults(),
    repositories: {} as Record<string, HubRepository>,
    writer: undefined as string | undefined,
    /** Large files that were sent, by SHA-256. */
    uploads: new Map<string, Buffer>(),
  };

  const record = (server: HubRequest['server'], request: IncomingMessage): void => {
    const { method = 'GET', url = '/', headers } = request;
    requests.push({ server, method, url, range: headers.range, authorization: headers.authorization });
  };
  const fault = (at: HubFaults['statuses'][number]['at']): number | undefined => {
    const next = state.faults.statuses.findIndex((entry) => entry.at === at);
    return next < 0 ? undefined : state.faults.statuses.splice(next, 1)[0]!.status;
  };
  const refuse = (response: ServerResponse, status: number, code?: string): void => {
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(code === undefined ? {} : { 'x-error-code': code }),
    });
    response.end(JSON.stringify({ error: code ?? `status ${status}` }));
  };
  const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };

  async function send(request: IncomingMessage, response: ServerResponse, content: Buffer, etag: string) {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = range && !state.faults.noRanges ? Number(range[1]) : 0;
    const to = range?.[2] && !state.faults.noRanges ? Number(range[2]) + 1 : content.length;
    if (from >= content.length && content.length > 0) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const partial = range && !state.faults.noRanges;
    response.writeHead(partial ? 206 : 200, {
      'content-length': to - from,
      'accept-ranges': 'bytes',
      etag: `"${etag}"`,
      ...(partial ? { 'content-range': `bytes ${from}-${to - 1}/${content.length}` } : {}),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    if (state.faults.silent) {
      response.flushHeaders();
      return;
    }
    const cut = (state.faults.cuts[0] ?? Infinity) < to - from ? state.faults.cuts.shift() : undefined;
    const end = cut === undefined ? to : Math.min(to, from + cut);
    for (let at = from; at < end && !response.destroyed; at += PIECE) {
      const more = response.write(content.subarray(at, Math.min(end, at + PIECE)));
      if (state.faults.pieceMs > 0) await sleep(state.faults.pieceMs);
      else if (!more) await drained(response);
    }
    if (cut === undefined) response.end();
    else response.socket?.end(() => response.socket?.destroy());
  }

  /** Creating a repository, and the three steps of a commit: which files are large, where they go, and the commit. */
  async function write(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const url = request.url ?? '/';
    if (state.writer === undefined || request.headers.authorization !== `Bearer ${state.writer}`)
      return refuse(response, 401);
    if (url === '/api/repos/create') {
      const { name, organization, visibility } = JSON.parse(body.toString()) as Record<string, string>;
      const repository = `${organization}/${name}`;
      if (state.repositories[repository]) return refuse(response, 409);
      state.repositories[repository] = {
        files: { '.gitattributes': Buffer.from('') },
        private: visibility === 'private',
      };
      return json(response, { url: `${address(hub)}/${repository}`, id: repository });
    }
    const [, repository = '', step] =
      /^(?:\/api\/models)?\/([^/]+\/[^/.]+)(?:\/|\.git\/info\/)(preupload|lfs|commit)\//.exec(url) ?? [];
    const found = state.repositories[repository];
    if (!found || !step) return refuse(response, 404, 'RepoNotFound');
    if (step === 'preupload') {
      const { files } = JSON.parse(body.toString()) as { files: { path: string; size: number }[] };
      const modes = files.map(({ path, size }) => ({
        path,
        uploadMode: isLarge(path, Buffer.alloc(size)) ? 'lfs' : 'regular',
      }));
      return json(response, { files: modes });
    }
    if (step === 'lfs') {
      const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
      const answers = objects.map(({ oid, size }) => ({
        oid,
        size,
        ...(state.uploads.has(oid)
          ? {}
          : { actions: { upload: { href: `${address(storage)}/upload/${oid}?signature=secret` } } }),
      }));
      return json(response, { transfer: 'basic', objects: answers });
    }
    const lines = body
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; value: Sent });
    for (const { key, value } of lines) {
      if (key === 'header') continue;
      if (key === 'deletedFile') {
        Reflect.deleteProperty(found.files, value.path!);
        continue;
      }
      const content = key === 'lfsFile' ? state.uploads.get(value.oid!) : Buffer.from(value.content!, 'base64');
      if (!content || (key === 'lfsFile' && content.length !== value.size)) return refuse(response, 400);
      found.files[value.path!] = content;
    }
    json(response, {
      success: true,
      commitOid: commitOf(found),
      commitUrl: `${address(hub)}/${repository}`,
      hookOutput: '',
    });
  }

  const storage = createServer((request, response) => {
    record('storage', request);
    if (state.faults.instead?.('storage', request, response)) return;
    const status = fault('storage');
    if (status !== undefined) return refuse(response, status);
    const sent = /^\/upload\/([0-9a-f]{64})\?signature=/.exec(request.url ?? '')?.[1];
    if (request.method === 'PUT' && sent !== undefined)
      return void bodyOf(request).then((body) => {
        if (sha256(body) !== sent) return refuse(response, 400);
        state.uploads.set(sent, body);
        response.writeHead(200).end();
      });
    const oid = /^\/storage\/([0-9a-f]{64})\?signature=/.exec(request.url ?? '')?.[1];
    for (const { files, corrupt } of Object.values(state.repositories))
      for (const [path, content] of Object.entries(files))
        if (sha256(content) === oid) return void send(request, response, corrupt?.[path] ?? content, oid);
    refuse(response, 404);
  });

  const hub = createServer((request, response) => {
    record('hub', request);
    if (request.method === 'POST') {
      if (!state.faults.instead?.('write', request, response)) void write(request, response);
      return;
    }
    const url = new URL(request.url ?? '/', 'http://hub');
    const api = /^\/api\/((?:datasets\/)?[^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(
      url.pathname.replace('/api/models/', '/api/'),
    );
    const file = /^\/((?:datasets\/)?[^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const at = api ? (api[2] === 'tree' ? 'tree' : 'info') : 'file';
    if (state.faults.instead?.(at, request, response)) return;
    const status = fault(api ? 'api' : 'file');
    if (status !== undefined) return refuse(response, status);
    const repository = state.repositories[(api ?? file)?.[1] ?? ''];
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    // the Hub does not tell strangers which repositories there are
    if (!repository) return refuse(response, token === undefined ? 401 : 404, 'RepoNotFound');
    if (repository.token !== undefined && token !== repository.token) {
      if (repository.gated) return refuse(response, token === undefined ? 401 : 403, 'GatedRepo');
      return refuse(response, 401, token === undefined ? 'RepoNotFound' : undefined);
    }
    const current = commitOf(repository);
    const asked = decodeURIComponent((api?.[3] ?? file?.[2])!);
    const commit = { main: current, [current]: current, ...repository.revisions }[asked];
    if (commit === undefined) return refuse(response, 404, 'RevisionNotFound');
    if (api?.[2] === 'revision')
      return json(response, {
        _id: '1',
        id: api[1],
        sha: commit,
        private: repository.private ?? false,
        gated: repository.gated ? 'auto' : false,
        ...(repository.licence === undefined ? {} : { cardData: { license: repository.licence } }),
        lastModified: '2026-01-01T00:00:00Z',
      });
    if (api) {
      const entries = Object.entries(repository.files).map(([path, content]) => ({
        type: 'file',
        path,
        size: content.length,
        oid: isLarge(path, content) ? gitOid(Buffer.from('pointer')) : gitOid(content),
        ...(isLarge(path, content) ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } } : {}),
      }));
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const next = from + state.faults.page;
      url.searchParams.set('cursor', String(next));
      const link = `<http://${request.headers.host}${url.pathname}${url.search}>; rel="next"`;
      const page = [{ type: 'directory', path: 'onnx', size: 0, oid: '0' }, ...entries.slice(from, next)];
      return json(response, page, next < entries.length ? { link } : {});
    }
    const path = decodeURIComponent(file![3]!);
    const content = repository.files[path];
    if (content === undefined) return refuse(response, 404, 'EntryNotFound');
    if (!isLarge(path, content)) {
      response.setHeader('x-repo-commit', commit);
      return void send(request, response, repository.corrupt?.[path] ?? content, gitOid(content));
    }
    response.writeHead(302, {
      'x-repo-commit': commit,
      'x-linked-size': content.length,
      'x-linked-etag': `"${sha256(content)}"`,
      location: `${address(storage)}/storage/${sha256(content)}?signature=secret`,
    });
    response.end();
  });

  await Promise.all([hub, storage].map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  return {
    url: address(hub),
    requests,
    get repositories() {
      return state.repositories;
    },
    get faults() {
      return state.faults;
    },
    get writer() {
      return state.writer;
    },
    set writer(token) {
      state.writer = token;
    },
    reset() {
      requests.length = 0;
      state.faults = noFaults();
    },
    empty() {
      state.repositories = {};
      state.uploads.clear();
    },
    async close() {
      for (const server of [hub, storage]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
}

/** A line of a commit. */
interface Sent {
  path?: string;
  content?: string;
  oid?: string;
  size?: number;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

/** Until the response takes more, or is closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

const address = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
