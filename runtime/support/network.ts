/** What sends requests. Imported by who sends one, when it does: the start of every process would wait for it. */
import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';

export { fetch, request } from 'undici';

const hasProxy = (): boolean =>
  ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => (process.env[name] ?? '') !== '');

/**
 * HTTPS_PROXY and HTTP_PROXY are read by the agent; a mirror on this machine needs none, whatever NO_PROXY says.
 * Without them it is a plain one: the other warns on the terminal that undici calls it experimental.
 */
export const proxyAgent = (): Dispatcher => (hasProxy() ? new EnvHttpProxyAgent({ noProxy: noProxy() }) : new Agent());

/** To a server whose certificate these authorities have signed; no proxy stands before it. @param ca PEM */
export const trustingAgent = (ca: string): Dispatcher => new Agent({ connect: { ca } });

function noProxy(): string {
  const named = process.env.no_proxy ?? process.env.NO_PROXY ?? '';
  return named === '*' ? named : `localhost,127.0.0.1,${named}`;
}
