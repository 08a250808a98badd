/** Smaller inputs that show the same. */

/** Takes pieces out of texts and bytes, half of them at first, as long as `same` holds; of an object field by field. */
export async function minimised<T>(input: T, same: (smaller: T) => Promise<boolean>, tries = 400): Promise<T> {
  if (typeof input === 'string' || input instanceof Uint8Array) return (await cut(input, same as never, tries)) as T;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  let best: T = input;
  for (const key of Object.keys(input) as (keyof T)[]) {
    const value = await minimised(best[key], (smaller) => same({ ...best, [key]: smaller }), tries);
    best = { ...best, [key]: value };
  }
  return best;
}

type Sequence = string | Uint8Array;

async function cut(input: Sequence, same: (smaller: Sequence) => Promise<boolean>, tries: number): Promise<Sequence> {
  let [best, left] = [input, tries];
  for (let size = Math.floor(best.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2))
    for (let at = 0; at < best.length && left > 0; left--) {
      const smaller = without(best, at, size);
      if (await same(smaller)) best = smaller;
      else at += size;
    }
  return best;
}

const without = (input: Sequence, at: number, size: number): Sequence =>
  typeof input === 'string'
    ? input.slice(0, at) + input.slice(at + size)
    : Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
