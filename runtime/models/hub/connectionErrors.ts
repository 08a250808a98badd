import { HumanError } from '../../support/errors.js';
import { again, Interrupted, type HubUse } from './responseErrors.js';

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

/**
 * What it means that a request or the body of its answer failed.
 * @param silent what did not come in time, when that is why it ended
 * @param isReached whether the Hub has answered before: a host that was reached may come back
 */
export function connectionError(
  error: unknown,
  {
    host,
    place,
    use,
    silent,
    isReached,
  }: { host: string; place: string; use: HubUse; silent: string | false; isReached: boolean },
): HumanError | Interrupted {
  const code = networkCode(error);
  const offline = code !== undefined && OFFLINE.has(code);
  if (silent !== false || offline) {
    const why = offline ? code : silent;
    const final = new HumanError(`the Hub cannot be reached at ${host} (${why}): you seem to be offline.`, {
      place,
      remedy: `Check the network, HTTPS_PROXY if yours has a proxy, and HF_ENDPOINT if you use a mirror. ${again(use, ' then')}`,
      kind: 'failed',
      cause: error,
    });
    return offline && !isReached ? final : new Interrupted(final);
  }
  const proxyStatus = /Proxy response \((\d+)\)/.exec(messages(error))?.[1];
  if (proxyStatus !== undefined) {
    return new HumanError(`the proxy of this network does not connect to ${host} (status ${proxyStatus}).`, {
      place,
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
      place,
      remedy: 'If your network has its own certificates, name their file in NODE_EXTRA_CA_CERTS.',
      kind: 'failed',
      cause: error,
    });
  }
  const dropped = (code !== undefined && DROPPED.has(code)) || (error as Error).message === 'terminated';
  const final = new HumanError(`the connection to ${host} broke (${code ?? (error as Error).message}).`, {
    place,
    remedy: again(use),
    kind: 'failed',
    cause: error,
  });
  return dropped ? new Interrupted(final) : final;
}
