import { Cancelled } from '../support/errors.js';

interface Open<T> {
  value: Promise<T>;
  uses: Set<Promise<unknown>>;
}

/**
 * What stays open from one call to the next, as long as the calls want the same: as many as `most` says that were used
 * last. What is too many is closed as soon as nobody works with it.
 */
export function keptOpen<T>(close: (value: T) => unknown, most = (): number => 1) {
  /** The one that was used last is the last. */
  const open = new Map<string, Open<T>>();
  const letGo = ({ value, uses }: Open<T>): void =>
    void Promise.allSettled(uses).then(() => value.then(close, () => undefined));
  const work = async <R>(key: string, make: () => Promise<T>, use: (value: T) => R | Promise<R>): Promise<R> => {
    const found = open.get(key);
    const own = found ?? { value: make(), uses: new Set() };
    open.delete(key);
    open.set(key, own);
    for (const [old, entry] of [...open].slice(0, -most())) {
      open.delete(old);
      letGo(entry);
    }
    const used = own.value.then(use);
    own.uses.add(used);
    try {
      return await used;
    } catch (error) {
      const opening = await own.value.catch((fault: unknown) => fault);
      // Who began to open it has stopped that, and this call has not.
      if (!found || !(opening instanceof Cancelled)) throw error;
    } finally {
      own.uses.delete(used);
      // What could not be opened is tried again.
      await own.value.catch(() => open.get(key) === own && open.delete(key));
    }
    return work(key, make, use);
  };
  return Object.assign(work, { keys: (): string[] => [...open.keys()] });
}
