/**
 * One thing that stays open from one call to the next, as long as the calls want the same. When another is wanted, it is
 * closed as soon as nobody works with it.
 */
export function kept<T>(close: (value: T) => unknown) {
  let now: { key: string; value: Promise<T>; uses: Set<Promise<unknown>> } | undefined;
  return async <R>(key: string, open: () => Promise<T>, use: (value: T) => R | Promise<R>): Promise<R> => {
    if (now?.key !== key) {
      const before = now;
      now = { key, value: open(), uses: new Set() };
      if (before) void Promise.allSettled(before.uses).then(() => before.value.then(close, () => undefined));
    }
    const own = now;
    const used = own.value.then(use);
    own.uses.add(used);
    try {
      return await used;
    } finally {
      own.uses.delete(used);
      // What could not be opened is tried again.
      await own.value.catch(() => now === own && (now = undefined));
    }
  };
}
