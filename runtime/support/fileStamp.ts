import { stat } from 'node:fs/promises';

/** A file that was changed so short a time ago may be changed again with the same time, milliseconds. */
const RECENT = 2000;

/** The same as long as the size and the times of these files are. @throws where one is not there */
export async function fileStamp(files: readonly string[]): Promise<string> {
  return (await stamped(files)).stamp;
}

/** The same; undefined where one of them was changed only now, or is not there. */
export async function settledStamp(files: readonly string[]): Promise<string | undefined> {
  const { stamp, changed } = await stamped(files).catch(() => ({ stamp: undefined, changed: 0 }));
  return Date.now() - changed < RECENT ? undefined : stamp;
}

async function stamped(files: readonly string[]): Promise<{ stamp: string; changed: number }> {
  const all = await Promise.all(files.map(async (file) => ({ file, ...(await stat(file, { bigint: true })) })));
  const stamp = JSON.stringify(
    all.map(({ file, size, mtimeNs, ctimeNs }) => [file, size, mtimeNs, ctimeNs].map(String)),
  );
  return { stamp, changed: Math.max(...all.map(({ mtimeMs }) => Number(mtimeMs))) };
}

/** Adds what was made of a file, as the latest of at most so many. */
export function keepLatest<T>(kept: Map<string, T>, key: string, made: T, most: number): void {
  kept.delete(key);
  kept.set(key, made);
  for (const oldest of [...kept.keys()].slice(0, -most)) kept.delete(oldest);
}

/**
 * What is made of files for somebody, such as a tokenizer, and asked for again and again: made once, until they change.
 * @param most how many are kept for each
 * @returns a function of whom it is for, the files, how they are read, and what makes it
 */
export function madeOnce<T>(
  most: number,
): (owner: object, files: readonly string[], how: unknown, make: () => Promise<T>) => Promise<T> {
  const known = new WeakMap<object, Map<string, T>>();
  return async (owner, files, how, make) => {
    const stamp = await settledStamp(files);
    if (stamp === undefined) return make();
    const kept = known.get(owner) ?? new Map<string, T>();
    known.set(owner, kept);
    const key = JSON.stringify([stamp, how]);
    const made = kept.get(key) ?? (await make());
    keepLatest(kept, key, made, most);
    return made;
  };
}
