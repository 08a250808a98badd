import { setTimeout as sleep } from 'node:timers/promises';
import { EnvHttpProxyAgent, fetch, type Response as HttpResponse } from 'undici';
import { Cancelled, HumanError } from '../../support/errors.js';
import { parseJson } from '../../support/jsonFile.js';
import type { HubAddress } from './address.js';
import { Interrupted, responseError, storageError } from './responseErrors.js';

/** How long is waited and how often something is tried again. */
export interface Patience {
  /** Attempts without any progress in between. */
  attempts: number;
  /** Before the second attempt; doubles with each further one. */
  pauseMs: number;
  /** For the head of an answer. */
  answerMs: number;
  /** For the next `LEAST_BYTES` of a body, or its end. */
  silenceMs: number;
  /** For an answer that is read whole. */
  wholeMs: number;
}

/** What is less is no progress: of a body within `silenceMs`, and of a file from one attempt to the next. */
export const LEAST_BYTES = 16 * 2 ** 10;

export interface HubAnswer {
  /** 2xx, or 416 for a range that does not exist. */
  status: number;
  headers: Headers;
  /** In pieces, as they come; ends with an error when too little comes for too long. */
  body: AsyncIterable<Uint8Array>;
  /** For a body that is not read. */
  cancel(): Promise<void>;
}

export interface HubClient {
  /** GET; follows redirects. The token goes to the endpoint's own origin only. Throws `Interrupted` for what another attempt may cure. */
  open(url: string, headers?: Record<string, string>): Promise<HubAnswer>;
  /** The same as `fetch`, for small JSON answers: read whole, tried again, `content-length` is what came. Errors are for people already. */
  fetch: typeof fetch;
  /** Tries again while `attempt` ends with `Interrupted`. `progress` are the bytes that are there, at most so far. */
  persistently<T>(attempt: () => Promise<T>, progress?: () => number): Promise<T>;
}

const REDIRECTS = 8;
/** The largest answer that is read whole: a page of a listing, the index of a sharded model. */
const MAX_RESPONSE_BYTES = 16 * 2 ** 20;
const MAX_WAIT_MS = 60_000;
/** Of one file, with or without progress in between. */
const MAX_ATTEMPTS = 1000;
/** Codes for a network, or a route to the host, that is not there. */
const OFFLINE = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const DROPPED = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** `fetch` hides the reason: "fetch failed", whose cause has the code, or is several errors with one each. */
function networkCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code, errors } = e as { code?: unknown; errors?: readonly unknown[] };
    const found = code ?? (errors?.[0] as { code?: unknown } | undefined)?.code;
    if (typeof found === 'string') return found;
  }
  return undefined;
}

/** Its message and those of its causes. */
function messages(error: unknown): string {
  return error instanceof Error ? `${error.message} ${messages(error.cause)}` : '';
}

export const isOffline = (error: unknown): boolean =>
  error instanceof HumanError && OFFLINE.has(networkCode(error.cause) ?? '');

/** HTTPS_PROXY and HTTP_PROXY are read by the agent; a mirror on this machine needs none, whatever NO_PROXY says. */
function noProxy(): string {
  const named = process.env.no_proxy ?? process.env.NO_PROXY ?? '';
  return named === '*' ? named : `localhost,127.0.0.1,${named}`;
}

export function hubClient(
  address: HubAddress,
  { signal, patience, onLog }: { signal: AbortSignal; patience: Patience; onLog: (message: string) => void },
): HubClient {
  const { origin } = new URL(address.endpoint);
  const dispatcher = new EnvHttpProxyAgent({ noProxy: noProxy() });
  let reached = false;

  async function open(start: string, headers: Record<string, string> = {}): Promise<HubAnswer> {
    let url = new URL(start);
    let atHome = true;
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      // once a redirect has left the Hub, no later one brings the token back
      atHome &&= url.origin === origin;
      const { host } = url;
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(), patience.answerMs);
      let response: HttpResponse;
      try {
        response = await fetch(url, {
          dispatcher,
          redirect: 'manual',
          signal: AbortSignal.any([signal, silence.signal]),
          headers: {
            ...headers,
            // ranges count the bytes of the file, not those of a compressed answer
            'accept-encoding': 'identity',
            'user-agent': 'security-vectors',
            ...(address.token !== undefined && atHome ? { authorization: `Bearer ${address.token}` } : {}),
          },
        });
      } catch (error) {
        throw failure(error, host, silence.signal.aborted && `no answer within ${seconds(patience.answerMs)}`);
      } finally {
        clearTimeout(timer);
      }
      reached = true;
      const { status } = response;
      const location = response.headers.get('location');
      if (status >= 300 && status < 400 && location !== null) {
        await response.body?.cancel();
        url = redirected(location, url);
        continue;
      }
      if (response.ok || status === 416)
        return {
          status,
          headers: response.headers,
          body: pieces(response, host, silence),
          cancel: async () => response.body?.cancel(),
        };
      await response.body?.cancel();
      throw atHome ? responseError(response, host, address) : storageError(response, host);
    }
    throw new HumanError('the Hub redirects endlessly.', {
      place: address.repository,
      remedy: 'Check HF_ENDPOINT.',
      kind: 'failed',
    });
  }

  async function* pieces(response: HttpResponse, host: string, silence: AbortController): AsyncGenerator<Uint8Array> {
    if (!response.body) return;
    let timer: NodeJS.Timeout | undefined;
    let [bytes, waitedMs, began] = [0, 0, 0];
    const wait = () => {
      began = performance.now();
      timer = setTimeout(() => silence.abort(), patience.silenceMs - waitedMs);
    };
    try {
      wait();
      for await (const piece of response.body as AsyncIterable<Uint8Array>) {
        clearTimeout(timer); // the reader may take its time
        waitedMs += performance.now() - began;
        bytes += piece.length;
        if (bytes >= LEAST_BYTES) bytes = waitedMs = 0;
        yield piece;
        wait();
      }
    } catch (error) {
      throw failure(
        error,
        host,
        silence.signal.aborted && `less than ${LEAST_BYTES} bytes within ${seconds(patience.silenceMs)}`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param silent what did not come, when that is why it ended */
  function failure(error: unknown, host: string, silent: string | false): unknown {
    if (signal.aborted) return new Cancelled();
    const code = networkCode(error);
    const offline = code !== undefined && OFFLINE.has(code);
    if (silent !== false || offline) {
      const why = offline ? code : silent;
      const final = new HumanError(`the Hub cannot be reached at ${host} (${why}): you seem to be offline.`, {
        place: address.repository,
        remedy:
          'Check the network, HTTPS_PROXY if yours has a proxy, and HF_ENDPOINT if you use a mirror; then download again: it ' +
          'resumes where it stopped.',
        kind: 'failed',
        cause: error,
      });
      // a host that was never reached is reported at once; one that was reached may come back
      return offline && !reached ? final : new Interrupted(final);
    }
    const proxyStatus = /Proxy response \((\d+)\)/.exec(messages(error))?.[1];
    if (proxyStatus !== undefined) {
      return new HumanError(`the proxy of this network does not connect to ${host} (status ${proxyStatus}).`, {
        place: address.repository,
        remedy:
          proxyStatus === '407'
            ? 'It requires authentication: write HTTPS_PROXY as http://NAME:PASSWORD@HOST:PORT.'
            : 'Check HTTPS_PROXY; hosts that need no proxy belong in NO_PROXY.',
        kind: 'failed',
        cause: error,
      });
    }
    if (code !== undefined && /CERT|SIGNED|UNABLE_TO|ERR_TLS/.test(code)) {
      return new HumanError(`the certificate of ${host} is not trusted (${code}).`, {
        place: address.repository,
        remedy: 'If your network has its own certificates, name their file in NODE_EXTRA_CA_CERTS.',
        kind: 'failed',
        cause: error,
      });
    }
    const dropped = (code !== undefined && DROPPED.has(code)) || (error as Error).message === 'terminated';
    const final = new HumanError(`the connection to ${host} broke (${code ?? (error as Error).message}).`, {
      place: address.repository,
      remedy: 'Download again: it resumes where it stopped.',
      kind: 'failed',
      cause: error,
    });
    return dropped ? new Interrupted(final) : final;
  }

  async function persistently<T>(attempt: () => Promise<T>, progress: () => number = () => 0): Promise<T> {
    let failures = 0;
    let before = progress();
    for (let attempts = 1; ; attempts++) {
      if (signal.aborted) throw new Cancelled();
      try {
        return await attempt();
      } catch (error) {
        if (signal.aborted) throw new Cancelled();
        if (!(error instanceof Interrupted)) throw error;
        const isFurther = progress() - before >= LEAST_BYTES;
        failures = isFurther ? 1 : failures + 1;
        if (isFurther) before = progress();
        if (failures >= patience.attempts || attempts >= MAX_ATTEMPTS) throw error.final;
        onLog(`${error.message} Trying again.`);
        const waitMs = Math.max(error.waitMs, patience.pauseMs * 2 ** (failures - 1));
        await sleep(Math.min(waitMs, MAX_WAIT_MS), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  const whole = async (url: string, headers: Record<string, string>): Promise<Response> => {
    const wrong = (what: string): HumanError =>
      new HumanError(`the Hub's answer ${what}.`, {
        place: address.repository,
        remedy: 'Check that HF_ENDPOINT is a Hugging Face Hub.',
        kind: 'failed',
      });
    const until = performance.now() + patience.wholeMs;
    const answer = await open(url, headers);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer.body) {
      bytes += piece.length;
      if (bytes > MAX_RESPONSE_BYTES) throw wrong(`has more than ${MAX_RESPONSE_BYTES} bytes`);
      if (performance.now() > until) throw wrong(`takes more than ${seconds(patience.wholeMs)}`);
      parts.push(piece);
    }
    return jsonAnswer(Buffer.concat(parts), answer.status, answer.headers);
  };

  return {
    open,
    persistently,
    fetch: (input, init) =>
      persistently(() => whole(String(input), Object.fromEntries(new Headers(init?.headers).entries()))),
  };
}

/** An answer that is read, whose JSON is of a bounded depth. */
export function jsonAnswer(body: Buffer, status: number, headers: Headers): Response {
  const answer = new Response(body, { status, headers });
  answer.headers.set('content-length', String(body.length));
  return Object.defineProperty(answer, 'json', { value: () => Promise.resolve(parseJson(body.toString())) });
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

function redirected(location: string, from: URL): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')) return to;
  throw new HumanError(`${from.host} redirects to an address that is not https.`, {
    remedy: 'Check HF_ENDPOINT.',
    kind: 'failed',
  });
}
