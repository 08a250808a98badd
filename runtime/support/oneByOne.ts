/**
 * Makes calls wait for each other, in the order in which they are made.
 * @param work that must not run twice at once
 * @returns the same, one after the other; once a call has failed, all later ones fail with its error
 */
export function oneByOne<A extends unknown[]>(work: (...given: A) => Promise<void>): (...given: A) => Promise<void> {
  let last = Promise.resolve();
  return (...given) => (last = last.then(() => work(...given)));
}
