import type { Response as HttpResponse, fetch as undiciFetch } from 'undici';
import { Cancelled, HumanError } from '../../support/errors.js';
import { parseJson } from '../../support/jsonFile.js';
import { onDemand } from '../../support/onDemand.js';
import type { HubAddress } from './address.js';
import { connectionError } from './connectionErrors.js';
import { LEAST_BYTES, persistently } from './persistence.js';
import type { Patience } from './persistence.js';
import { responseError, storageError, type HubUse } from './responseErrors.js';

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
  /**
   * GET; follows redirects. The token goes to the endpoint's own origin only. Throws `Interrupted` for what another
   * attempt may cure.
   */
  open(url: string, headers?: Record<string, string>): Promise<HubAnswer>;
  /**
   * The same as `fetch`, for small JSON answers: read whole, tried again, `content-length` is what came. Errors are for
   * people already.
   */
  fetch: typeof undiciFetch;
  /** Tries again while `attempt` ends with `Interrupted`. `progress` are the bytes that are there, at most so far. */
  persistently<T>(attempt: () => Promise<T>, progress?: () => number): Promise<T>;
}

const REDIRECTS = 8;
/** The largest answer that is read whole: a page of a listing, the index of a sharded model. */
const MAX_RESPONSE_BYTES = 16 * 2 ** 20;

export function hubClient(
  address: HubAddress,
  options: { signal: AbortSignal; patience: Patience; onLog: (message: string) => void; use?: HubUse },
): HubClient {
  const { signal, patience, use = 'download' } = options;
  const { origin } = new URL(address.endpoint);
  const network = onDemand(async () => {
    const { fetch, proxyAgent } = await import('../../support/network.js');
    return { fetch, dispatcher: proxyAgent() };
  });
  let isReached = false;
  const failure = (error: unknown, host: string, silent: string | false): Error =>
    signal.aborted
      ? new Cancelled()
      : connectionError(error, { host, place: address.repository, use, silent, isReached });

  async function open(start: string, headers: Record<string, string> = {}): Promise<HubAnswer> {
    const { fetch, dispatcher } = await network();
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
      isReached = true;
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
      throw atHome ? responseError(response, host, address, use) : storageError(response, host, use);
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
    persistently: (attempt, progress) => persistently(attempt, options, progress),
    fetch: (input, init) =>
      persistently(() => whole(String(input), Object.fromEntries(new Headers(init?.headers).entries())), options),
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
