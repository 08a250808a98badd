import { openContext, type Context } from '../context/context.js';
import type { Shared } from './run.js';

/** Scans of large files take memory. */
const MOST_KEPT = 32;

/** What the points of a sweep have in common, and its models and judges, for whoever closes them. */
export function openShared(): Shared & { contexts: Map<string, Promise<Context>> } {
  const contexts = new Map<string, Promise<Context>>();
  const made = new Map<string, Promise<unknown>>();
  /** What failed may be tried again. The one that was asked for last is the last. */
  const keep = <T>(from: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const known = from.get(key) ?? make();
    from.delete(key);
    from.set(key, known);
    known.catch(() => from.get(key) === known && from.delete(key));
    return known;
  };
  return {
    contexts,
    sessions: new Map(),
    context: (path, given) =>
      keep(contexts, JSON.stringify([path, given.device, given.threads, given.precision]), () =>
        openContext(path, given),
      ),
    once<T>(key: readonly unknown[], make: () => Promise<T>): Promise<T> {
      const found = keep(made as Map<string, Promise<T>>, JSON.stringify(key), make);
      const [oldest] = made.keys();
      if (made.size > MOST_KEPT && oldest !== undefined) made.delete(oldest);
      return found;
    },
  };
}
