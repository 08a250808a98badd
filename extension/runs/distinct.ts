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
  const alike = new Map<string, Named[]>();
  for (const one of all) alike.set(one.name, [...(alike.get(one.name) ?? []), one]);
  return all.map((one) => {
    const others = alike.get(one.name)!.filter((other) => other !== one);
    if (others.length === 0) return one.name;
    const parts = partsOf(one.folder);
    for (let n = 1; n <= parts.length; n++) {
      const end = parts.slice(-n).join('/');
      if (others.some((other) => partsOf(other.folder).slice(-n).join('/') === end)) continue;
      return end === one.name ? one.name : `${one.name} (${end})`;
    }
    return one.name;
  });
}

const partsOf = (folder: string): string[] => folder.split(/[\\/]+/).filter(Boolean);
