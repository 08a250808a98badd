/**
 * Ray's Jobs API over HTTP: the few calls that a run needs. Not with `fetch`: Ray refuses to post for what looks like a
 * browser, and `fetch` sends a browser's headers.
 */
import * as z from 'zod';
import { withoutSlash } from '../contract/address.js';
import { jsonOrNone } from '../support/jsonFile.js';
import { safeParse } from '../contract/safeParse.js';
import { Cancelled, HumanError } from '../support/errors.js';
import { onDemand } from '../support/onDemand.js';
import { BEFORE, connectionFault, requireVersion, statusFault, Unanswered } from './faults.js';

export const TERMINAL = ['SUCCEEDED', 'FAILED', 'STOPPED'] as const;
type JobStatus = 'PENDING' | 'RUNNING' | (typeof TERMINAL)[number];

export interface JobInfo {
  readonly status: JobStatus;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface JobRequest {
  /** Chosen here, so that a run finds its job again. */
  readonly id: string;
  readonly entrypoint: string;
  readonly runtimeEnv: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RayClient {
  readonly address: string;
  /** @throws HumanError for a Ray that is too old */
  version(): Promise<string>;
  /** Stores a package under its URI unless it is there. @throws Cancelled when the signal fires */
  upload(uri: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** False: there is a job of this id. */
  submit(job: JobRequest): Promise<boolean>;
  /** Undefined: there is no such job. */
  job(id: string): Promise<JobInfo | undefined>;
  /** The log from its start. */
  logs(id: string): Promise<string>;
  stop(id: string): Promise<void>;
}

interface RayOptions {
  /** `http://head:8265`. */
  readonly address: string;
  readonly token?: string;
  /** Its name, for errors. */
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Certificates that are trusted, PEM. */
  readonly ca?: string;
  /** Without an answer for this long after it was sent a request has failed. Default: 30 s. */
  readonly answerMs?: number;
}

const JOBS = '/api/jobs/';
/** Bytes per ms of the slowest line that a package goes over: as many as may be take 35 min. */
const SLOWEST = 50;

const infoSchema = z.object({
  status: z.enum(['PENDING', 'RUNNING', ...TERMINAL]),
  message: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

/**
 * Errors are `Unanswered` where another attempt may help, else for people. No secret that was sent stands in what is
 * returned or thrown.
 */
export function rayClient({ address: given, token, secret, headers, ca, answerMs = 30_000 }: RayOptions): RayClient {
  const address = withoutSlash(given);
  const network = onDemand(async () => {
    const { request, proxyAgent, trustingAgent } = await import('../support/network.js');
    return { request, dispatcher: ca === undefined ? proxyAgent() : trustingAgent(ca) };
  });
  const secrets = [token, ...Object.values(headers ?? {})].filter((value) => value !== undefined);

  async function call(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: { type: string; data: string | Uint8Array },
    { allowed = [], signal }: { allowed?: readonly number[]; signal?: AbortSignal } = {},
  ): Promise<{ status: number; text: string }> {
    let answer: { status: number; text: string };
    const sendingMs = (body?.data.length ?? 0) / SLOWEST;
    const { request, dispatcher } = await network();
    try {
      const { statusCode, body: content } = await request(`${address}${path}`, {
        method,
        dispatcher,
        signal,
        // It runs from the first byte of what is sent.
        headersTimeout: answerMs + sendingMs,
        bodyTimeout: answerMs,
        headers: {
          'user-agent': 'security-vectors',
          ...headers,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body && { 'content-type': body.type }),
        },
        body: body?.data,
      });
      answer = { status: statusCode, text: await content.text() };
    } catch (error) {
      if (signal?.aborted) throw new Cancelled();
      throw connectionFault(error, address, sendingMs);
    }
    const { status } = answer;
    const isGiven = status >= 200 && status < 300;
    const text = without(secrets, answer.text, isGiven ? LONG : 1);
    if (isGiven || allowed.includes(status)) return { status, text };
    throw statusFault(status, text, {
      address,
      secret,
      reads: method !== 'GET' ? undefined : path.startsWith(JOBS) ? 'job' : 'head',
    });
  }

  /** Undefined: Ray says that it does not have it. A proxy that does not find its cluster answers with 404, too. */
  async function found(method: 'GET' | 'POST', path: string): Promise<string | undefined> {
    const { status, text } = await call(method, path, undefined, { allowed: [404] });
    if (status !== 404) return text;
    if (/^(Job|Package) \S+ does not exist/.test(text)) return undefined;
    const fault = statusFault(status, text, { address, secret });
    throw fault instanceof HumanError ? new Unanswered(fault, false) : fault;
  }

  const json = (value: unknown) => ({ type: 'application/json', data: JSON.stringify(value) });
  const read = <T>(schema: z.ZodType<T>, text: string): T => {
    const checked = safeParse(schema, jsonOrNone(text));
    if (checked.success) return checked.data;
    throw new HumanError('the answer is not that of a Ray Jobs server.', {
      place: address,
      remedy: `Check that on.ray is the address of the Ray dashboard, and ${BEFORE}`,
      kind: 'failed',
      code: 'away',
    });
  };
  const jobPath = (id: string): string => `${JOBS}${encodeURIComponent(id)}`;

  return {
    address,
    async version() {
      const { text } = await call('GET', '/api/version');
      const { ray_version } = read(z.object({ ray_version: z.string() }), text);
      requireVersion(ray_version, address);
      return ray_version;
    },
    async upload(uri, bytes, signal) {
      const path = `/api/packages/${uri.replace('://', '/')}`;
      if ((await found('GET', path)) !== undefined) return;
      await call('PUT', path, { type: 'application/octet-stream', data: bytes }, { signal });
    },
    async submit({ id, entrypoint, runtimeEnv, metadata }) {
      const body = json({ submission_id: id, entrypoint, runtime_env: runtimeEnv, metadata });
      const { status, text } = await call('POST', JOBS, body, { allowed: [400, 500] });
      if (status === 200) return true;
      if (/already exists/.test(text)) return false;
      throw statusFault(status, text, { address, secret });
    },
    async job(id) {
      const text = await found('GET', jobPath(id));
      if (text === undefined) return undefined;
      const { status: state, message, metadata } = read(infoSchema, text);
      return { status: state, message: message ?? '', metadata: metadata ?? {} };
    },
    async logs(id) {
      const text = await found('GET', `${jobPath(id)}/logs`);
      return text === undefined ? '' : (read(z.object({ logs: z.string().nullish() }), text).logs ?? '');
    },
    stop: async (id) => void (await found('POST', `${jobPath(id)}/stop`)),
  };
}

/**
 * Characters of a secret that stands in no answer by chance: a shorter one is left in what is read, and taken out of
 * errors alone.
 */
const LONG = 8;

/**
 * A proxy, or a page of an error, repeats what it was sent, and what a cluster says is written into events and
 * manifests.
 * @param least characters of a secret that is taken out: as it is, without a scheme before it, and as JSON and
 * addresses write it
 */
function without(secrets: readonly string[], text: string, least: number): string {
  const values = secrets.flatMap((secret) => [secret, ...secret.split(/\s+/).filter((part) => part.length >= LONG)]);
  // A log is a text in JSON, and may have JSON in it.
  const quoted = (value: string): string => JSON.stringify(value).slice(1, -1);
  const written = values.flatMap((value) => [value, quoted(value), quoted(quoted(value)), encodeURIComponent(value)]);
  return written
    .filter((value) => value.length >= least)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, value) => rest.replaceAll(value, '…'), text);
}
