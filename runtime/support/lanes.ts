/**
 * Does `work` so many times at once, each until it returns. When one throws, the others hear by `isOver` that they are
 * to end.
 * @throws the first error, when all have ended
 */
export async function inLanes(count: number, work: (isOver: () => boolean) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  const lane = (): Promise<void> => work(() => errors.length > 0).catch((error: unknown) => void errors.push(error));
  await Promise.all(Array.from({ length: count }, lane));
  if (errors.length > 0) throw errors[0];
}
