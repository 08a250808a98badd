import type { WayOptions } from '../cluster/cluster.js';
import { openContext, type Context, type ContextOptions } from '../context/context.js';
import type { Sessions } from '../evaluation/judges/languageModel.js';
import type { Once } from '../recipes/training/job.js';

/** What the runs of a sweep share: they work in one process, one after the other, on a cluster some at once. */
export interface Shared {
  /** A model, opened once. */
  readonly context: (path: string, options: ContextOptions) => Promise<Context>;
  readonly once: Once;
  /** Of judges that are language models. */
  readonly sessions: Sessions;
  /** Ways to clusters (`wayTo`) that have answered: what is away now was there, and is waited for. */
  readonly clusters: Set<string>;
  /** Hears that one is away, and that it is back. */
  readonly onAway?: WayOptions['onAway'];
  /** How often sets are answered, by all of them. */
  readonly evaluations?: number;
  /** Why `auto` chooses no GPU any more. */
  withoutGpu?: string;
}

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
    clusters: new Set(),
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
