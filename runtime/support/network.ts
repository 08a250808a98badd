/** What sends requests. Imported by who sends one, when it does: the start of every process would wait for it. */
import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';
import { HumanError } from './errors.js';

export { fetch, request } from 'undici';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY'] as const;

/** The variable that counts, and its value: that in small letters comes first. */
function proxyIn(name: (typeof PROXIES)[number]): { place: string; address: string } {
  const place = process.env[name.toLowerCase()] === undefined ? name : name.toLowerCase();
  return { place, address: process.env[place] ?? '' };
}

/**
 * HTTPS_PROXY and HTTP_PROXY are read by the agent; a mirror on this machine needs none, whatever NO_PROXY says.
 * Without them it is a plain one: the other warns on the terminal that undici calls it experimental.
 * @throws HumanError for what is no HTTP proxy
 */
export function proxyAgent(): Dispatcher {
  const named = PROXIES.map(proxyIn).filter(({ address }) => address !== '');
  const wrong = named.find(({ address }) => !URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol));
  // the address is not repeated: it may hold a password
  if (wrong)
    throw new HumanError('this is not the address of an HTTP proxy.', {
      place: wrong.place,
      remedy: 'Write it as http://HOST:PORT. In VS Code it may be the setting http.proxy.',
    });
  return named.length > 0 ? new EnvHttpProxyAgent({ noProxy: noProxy() }) : new Agent();
}

/** To a server whose certificate these authorities have signed; no proxy stands before it. @param ca PEM */
export const trustingAgent = (ca: string): Dispatcher => new Agent({ connect: { ca } });

function noProxy(): string {
  const named = process.env.no_proxy ?? process.env.NO_PROXY ?? '';
  return named === '*' ? named : `localhost,127.0.0.1,${named}`;
}
