/** A Ray Jobs server without Ray: the same calls, and jobs that do what a script says. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { zipEntries } from './zip.js';

export interface FakeJob {
  readonly id: string;
  readonly metadata: Record<string, string>;
  readonly environment: Record<string, unknown>;
  /** Files of its package. */
  readonly files: Map<string, () => Buffer>;
  /** Of the server. */
  readonly jobs: ReadonlyMap<string, FakeJob>;
  status: 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'STOPPED';
  message: string;
  log: string;
}

/** What a job does between two looks at it: lines for its log. Its return value is its end. */
export type Script = (job: FakeJob) => Generator<string[], FakeJob['status'], unknown>;

/** Instead of an answer: a status and a text, or a connection that breaks before the request is heard, or after it. */
export type Instead = { status: number; text?: string } | 'broken' | 'unanswered';

export interface RayServer {
  readonly address: string;
  readonly jobs: Map<string, FakeJob>;
  readonly packages: Map<string, Buffer>;
  /** `GET /api/version`, in their order. */
  readonly calls: { call: string; headers: IncomingMessage['headers'] }[];
  version: string;
  script: Script;
  /** Undefined: the request is answered as Ray does. */
  instead: (call: string, headers: IncomingMessage['headers']) => Instead | undefined;
  close(): Promise<void>;
}

/** @param tls key and certificate: it then speaks https */
export async function rayServer(script: Script, tls?: Pick<ServerOptions, 'key' | 'cert'>): Promise<RayServer> {
  const running = new Map<string, ReturnType<Script>>();
  const answerTo = async (request: IncomingMessage): Promise<[status: number, value: unknown]> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const { method = '', url = '' } = request;
    if (url === '/api/version') return [200, { version: '4', ray_version: server.version }];
    const stored = /^\/api\/packages\/gcs\/(.+)$/.exec(url)?.[1];
    if (stored !== undefined) {
      if (method === 'PUT') server.packages.set(stored, body);
      return server.packages.has(stored) ? [200, 'ok'] : [404, `Package gcs://${stored} does not exist`];
    }
    if (url === '/api/jobs/' && method === 'POST') {
      const asked = JSON.parse(body.toString()) as {
        submission_id: string;
        metadata: Record<string, string>;
        runtime_env: { working_dir: string };
      };
      const { submission_id: id, metadata, runtime_env: environment } = asked;
      if (server.jobs.has(id)) return [400, `Job with submission_id ${id} already exists.`];
      const { working_dir: place } = environment;
      const bytes = place.startsWith('file://')
        ? await readFile(fileURLToPath(place))
        : server.packages.get(place.replace('gcs://', ''));
      if (!bytes) return [500, `${environment.working_dir} is not there`];
      const files = zipEntries(bytes, environment.working_dir);
      const job: FakeJob = {
        id,
        metadata,
        environment,
        files,
        jobs: server.jobs,
        status: 'PENDING',
        message: '',
        log: '',
      };
      server.jobs.set(id, job);
      running.set(id, server.script(job));
      return [200, { submission_id: id }];
    }
    const [, id = '', what] = /^\/api\/jobs\/([^/]+)(?:\/(logs|stop))?$/.exec(url) ?? [];
    const job = server.jobs.get(id);
    if (!job) return [404, `Job ${id} does not exist`];
    const goesOn = job.status === 'PENDING' || job.status === 'RUNNING';
    if (what === 'logs') return [200, { logs: job.log }];
    if (what === 'stop') {
      if (goesOn) job.status = 'STOPPED';
      return [200, { stopped: goesOn }];
    }
    const script = running.get(id);
    if (goesOn && script) {
      const { done, value } = script.next();
      if (done) job.status = value;
      else {
        job.status = 'RUNNING';
        job.log += value.map((line) => `${line}\n`).join('');
      }
    }
    return [200, { status: job.status, message: job.message, metadata: job.metadata }];
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = `${request.method} ${request.url}`;
    server.calls.push({ call, headers: request.headers });
    const instead = server.instead(call, request.headers);
    if (instead === 'broken') return void request.socket.destroy();
    if (instead === 'unanswered') {
      await answerTo(request);
      return void request.socket.destroy();
    }
    const [status, value] = instead ? [instead.status, instead.text ?? ''] : await answerTo(request);
    response.writeHead(status).end(typeof value === 'string' ? value : JSON.stringify(value));
  };
  const listen = (request: IncomingMessage, response: ServerResponse): void =>
    void handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  const http = tls ? createTlsServer(tls, listen) : createServer(listen);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: RayServer = {
    address: `${tls ? 'https' : 'http'}://127.0.0.1:${(http.address() as AddressInfo).port}`,
    jobs: new Map(),
    packages: new Map(),
    calls: [],
    version: '2.60.0',
    script,
    instead: () => undefined,
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
  return server;
}

const MARK = '@security-vectors ';
const MOST = 3_800;
export const noteLine = (note: string, facts: object = {}): string => MARK + JSON.stringify({ note, ...facts });

/** Messages as lines with numbers, the large ones in parts: as job/messages.py writes them. */
export function numbered(first = 1): (message: { kind: string } & Record<string, unknown>) => string[] {
  let seq = first;
  const line = (message: object): string => MARK + JSON.stringify({ seq: seq++, ...message });
  return (message) => {
    const text = JSON.stringify(message);
    if (text.length <= MOST) return [line(message)];
    const data = gzipSync(text).toString('base64');
    const sha256 = createHash('sha256').update(text).digest('hex');
    return Array.from({ length: Math.ceil(data.length / MOST) }, (_, i) => {
      const isLast = (i + 1) * MOST >= data.length;
      return line({ kind: 'part', data: data.slice(i * MOST, (i + 1) * MOST), ...(isLast && { sha256 }) });
    });
  };
}

interface Plan {
  stages: { trains: string; steps: string; measures: Record<string, Wanted>; measureEvery: number }[];
  measures: Record<string, Wanted>;
  generate: { prompts: number[]; rooms: number[]; kinds: Record<string, number>; stop: number[]; pad: number } | null;
  deliver: string[];
  from: { stage: number; step: number } | null;
}
interface Wanted {
  rows: number[];
  tokens: boolean;
  /** 3: of each token its loss in the base and its loss, and of the row its KL. */
  teach: number;
  gradient: boolean;
}

const textOf = (job: FakeJob, name: string): string => job.files.get(name)!().toString();
const lines = (text: string): string[] => text.split('\n').filter(Boolean);
export const planOf = (job: FakeJob): Plan => JSON.parse(textOf(job, 'job.json')) as Plan;

/**
 * What the messages of a job are that trains nothing: every token has a loss of one nat (two in the base where it is
 * compared), and the adapters come back as they were sent. In groups, as they are said between two looks.
 */
export function messagesOf(job: FakeJob): ({ kind: string } & Record<string, unknown>)[][] {
  const plan = planOf(job);
  const rows = (plan.from ? [] : lines(textOf(job, 'rows.jsonl'))).map(
    (line) => JSON.parse(line) as { ids: number[]; labels: number[] },
  );
  const tokens = (row: number): number => rows[row]!.labels.slice(1).filter((label) => label !== -100).length;
  const measured = (step: number, measures: Record<string, Wanted>) => ({
    kind: 'measured',
    step,
    sets: Object.fromEntries(
      Object.entries(measures).map(([name, { rows: wanted, tokens: each, teach, gradient }]) => [
        name,
        {
          rows: wanted.map((row) => {
            const count = tokens(row);
            const ones = new Array<number>(count).fill(1);
            if (teach === 3) return [...ones.map(() => 2), ...ones, ...ones.map(() => 0.5)];
            return each ? ones : [count, count];
          }),
          ...(gradient && { norm: 0.5 }),
        },
      ]),
    ),
  });
  const groups: ReturnType<typeof messagesOf> = [];
  const isTraining = (other: FakeJob): boolean =>
    other.metadata.run === job.metadata.run && planOf(other).stages.length > 0;
  const trained = plan.from ? [...job.jobs.values()].find(isTraining)! : job;
  if (!plan.from && plan.stages.length === 0) groups.push([measured(0, plan.measures)]);
  if (plan.generate) {
    // It answers with the last tokens of the prompt.
    const said = plan.generate.prompts.map((row) => rows[row]!.ids.slice(-4));
    groups.push([
      { kind: 'answers', sets: Object.fromEntries(Object.keys(plan.generate.kinds).map((name) => [name, said])) },
    ]);
  }
  plan.stages.forEach(({ steps, measures, measureEvery }, stage) => {
    const planned = lines(textOf(job, steps)).map((line) => JSON.parse(line) as { rate: number; rows: number[][] });
    groups.push([measured(0, measures), { kind: 'checkpoint', step: 0, stage }]);
    planned.forEach(({ rate, rows: chosen }, i) => {
      const step = i + 1;
      const supervised = chosen.reduce((sum, [row]) => sum + tokens(row!), 0);
      const facts = { step, stage, nll: supervised, tokens: supervised, harmfulNll: 0, harmfulTokens: 0 };
      const group = [{ kind: 'step', ...facts, norm: 1, rate, ms: 10, memory: 1e8 } as (typeof groups)[0][0]];
      if (step === planned.length || step % measureEvery === 0)
        group.push(measured(step, measures), { kind: 'checkpoint', step, stage });
      groups.push(group);
    });
  });
  const adapters = plan.deliver.map((name) => {
    const data = trained.files.get(`${name}/adapter_model.safetensors`)!();
    const sha256 = createHash('sha256').update(data).digest('hex');
    return { kind: 'adapter', name, sha256, bytes: data.length, place: `/x/${name}`, data: data.toString('base64') };
  });
  groups.push([...adapters, { kind: 'done' }]);
  return groups;
}

/** A job that does all that without a fault. */
export const faultless: Script = function* (job) {
  yield ['Running entrypoint for job'];
  const say = numbered();
  yield [noteLine('started', { workers: 2 })];
  for (const group of messagesOf(job)) yield group.flatMap(say);
  return 'SUCCEEDED';
};
