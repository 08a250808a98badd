/** What is made when it is first asked for, once: a promise that nobody awaits would end the process where it fails. */
export function onDemand<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
