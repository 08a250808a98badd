/** What sends requests. Imported by who sends one, when it does: the start of every process would wait for it. */
export { Agent, EnvHttpProxyAgent, fetch, request } from 'undici';
