interface Open<T> {
  value: Promise<T>;
  uses: Set<Promise<unknown>>;
}

/**
 * What stays open from one call to the next, as long as the calls want the same: as many as `most` says that were used
 * last. What is too many is closed as soon as nobody works with it.
 */
export function kept<T>(close: (value: T) => unknown, most = (): number => 1) {
  /** The one that was used last is the last. */
  const open = new Map<string, Open<T>>();
  const letGo = ({ value, uses }: Open<T>): void =>
    void Promise.allSettled(uses).then(() => value.then(close, () => undefined));
  const work = async <R>(key: string, make: () => Promise<T>, use: (value: T) => R | Promise<R>): Promise<R> => {
    const own = open.get(key) ?? { value: make(), uses: new Set() };
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
    } finally {
      own.uses.delete(used);
      // What could not be opened is tried again.
      await own.value.catch(() => open.get(key) === own && open.delete(key));
    }
  };
  return Object.assign(work, { keys: (): string[] => [...open.keys()] });
}
