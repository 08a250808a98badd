/**
 * The fake Jobs server for the window: it wants a token, its jobs wait where they are told to, and their losses fall as
 * a vector's do.
 */
import { messagesOf, noteLine, numbered, rayServer, type RayServer } from './rayServer.js';

export const TOKEN = 'sesame';

type Message = ReturnType<typeof messagesOf>[0][0];

/** Its jobs go on to this step, and wait there until it is changed. */
export interface WindowCluster extends RayServer {
  until: number;
}

export async function windowCluster(): Promise<WindowCluster> {
  let jobs = 0;
  const server = await rayServer(function* (job) {
    const resources = { wanted: { CPU: 2, GPU: 2 }, there: { CPU: 8, GPU: 1 }, free: { CPU: 8, GPU: 1 } };
    if (jobs++ === 0) for (let looks = 0; looks < 3; looks++) yield [noteLine('waiting', resources)];
    const say = numbered();
    yield [noteLine('started', { workers: 2 })];
    const ready: string[] = [];
    for (const group of messagesOf(job)) {
      const isAhead = (): boolean => group.some(({ kind, step }) => kind === 'step' && Number(step) > cluster.until);
      if (isAhead()) yield ready.splice(0);
      while (isAhead()) yield [];
      ready.push(...group.flatMap((message) => say(shaped(message))));
    }
    yield ready;
    return 'SUCCEEDED';
  });
  server.instead = (_, headers) => (headers.authorization === `Bearer ${TOKEN}` ? undefined : { status: 401 });
  const cluster = Object.assign(server, { until: Infinity });
  return cluster;
}

/** Losses of one nat per token, made smaller where the vector is on. */
function shaped(message: Message): Message {
  const falling = 0.02 + Math.exp(-Number(message.step) / 4);
  if (message.kind === 'step') {
    const nll = 0.6 * falling * Number(message.tokens);
    return { ...message, nll, harmfulNll: nll, harmfulTokens: message.tokens, norm: falling };
  }
  if (message.kind !== 'measured') return message;
  const factor = (name: string): number =>
    /^harmful$|held on/.test(name) ? 0.6 * falling : /kl/.test(name) ? 0.002 : 0.6;
  const scaled = (name: string, row: number[]): number[] =>
    name === 'harmful' ? [row[0]! * factor(name), row[1]!] : row.map((value) => value * factor(name));
  const sets = Object.entries(message.sets as Record<string, { rows: number[][] }>);
  return {
    ...message,
    sets: Object.fromEntries(sets.map(([name, { rows }]) => [name, { rows: rows.map((row) => scaled(name, row)) }])),
  };
}
