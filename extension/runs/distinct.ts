/** Names of things that lie in folders of their own, several of which may have the same one: copies of a run, say. */
interface Named {
  name: string;
  folder: string;
}

/**
 * @returns for each its name, if no other has it, else with as much of the end of its folder's path as no other has:
 *   "orders", "orders (copy)", "orders (old/orders)"
 */
export function distinctNames(all: readonly Named[]): string[] {
  const names = all.map(({ name }) => name);
  const alike = new Map<string, number[]>();
  names.forEach((name, i) => (alike.has(name) ? alike.get(name)!.push(i) : alike.set(name, [i])));
  for (let group of alike.values()) {
    const parts = new Map(group.map((i) => [i, all[i]!.folder.split(/[\\/]+/).filter(Boolean)]));
    for (let n = 1; group.length > 1 && group.some((i) => parts.get(i)!.length >= n); n++) {
      const ends = new Map(group.map((i) => [i, parts.get(i)!.slice(-n).join('/')]));
      const counts = new Map<string, number>();
      for (const end of ends.values()) counts.set(end, (counts.get(end) ?? 0) + 1);
      for (const [i, end] of ends) if (counts.get(end) === 1 && end !== names[i]) names[i] += ` (${end})`;
      group = group.filter((i) => counts.get(ends.get(i)!)! > 1);
    }
  }
  return names;
}

/**
 * Gives models, or adapters, that are called alike names with their folders; what each is called itself is kept.
 * @param folderOf where one lies
 */
export function toldApart<T extends { path: string; name: string; ownName?: string }>(
  all: T[],
  folderOf = (path: string): string => path,
): T[] {
  const names = distinctNames(all.map(({ name, path }) => ({ name, folder: folderOf(path) })));
  all.forEach((one, i) => names[i] !== one.name && Object.assign(one, { ownName: one.name, name: names[i] }));
  return all;
}
