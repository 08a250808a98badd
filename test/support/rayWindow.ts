/** The fake Jobs server for the window: it wants a token, its jobs take their time, and their losses fall as a vector's do. */
import { messagesOf, noteLine, numbered, rayServer, type RayServer } from './rayServer.js';

export const TOKEN = 'sesame';

type Message = ReturnType<typeof messagesOf>[0][0];

export async function windowCluster(): Promise<RayServer> {
  const server = await rayServer(function* (job) {
    const waiting = noteLine('waiting', { wanted: { CPU: 2, GPU: 2 }, there: { CPU: 8, GPU: 1 } });
    for (let looks = 0; looks < 3; looks++) yield [waiting];
    const say = numbered();
    yield [noteLine('started', { workers: 2 })];
    for (const group of messagesOf(job)) yield group.flatMap((message) => say(shaped(message)));
    return 'SUCCEEDED';
  });
  server.instead = (_, headers) => (headers.authorization === `Bearer ${TOKEN}` ? undefined : { status: 401 });
  return server;
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
