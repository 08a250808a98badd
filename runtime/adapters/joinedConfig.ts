import type { AdapterConfig, NamedBase } from './adapterConfig.js';
import type { AdapterFile } from './files.js';
import { lastPart, type Layout, type Site } from './sites.js';

/** Of an adapter whose scales are 1. @param files what it was made from */
export const joinedConfig = (
  layout: Layout,
  files: readonly AdapterFile[],
  sites: readonly (Site & { readonly transposed: boolean })[],
): AdapterConfig => ({
  ...ranksOf(layout),
  useRslora: false,
  targetModules: targets(layout, sites),
  fanInFanOut: layout.sites.some((s) => sites.find(({ name }) => name === s.name)!.transposed),
  ...baseOf(files),
});

/** That of the first that names one. */
function baseOf(files: readonly AdapterFile[]): NamedBase {
  const { baseModelName, revision } = files.find(({ config }) => config.baseModelName !== undefined)?.config ?? {};
  return { baseModelName, revision };
}

/** The most frequent rank, and a pattern for each layer of another; alpha is the rank, so that the scale is 1. */
function ranksOf({ sites }: Layout): Pick<AdapterConfig, 'rank' | 'alpha' | 'rankPattern' | 'alphaPattern'> {
  const counts = new Map<number, number>();
  for (const { rank } of sites) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const rank = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  const others = sites.filter((s) => s.rank !== rank).map((s) => [s.name, s.rank]);
  const pattern = Object.fromEntries(others) as Record<string, number>;
  return { rank, alpha: rank, rankPattern: pattern, alphaPattern: { ...pattern } };
}

/** Last parts of the names where they mean these layers and no others, as PEFT writes them; else whole names. */
function targets(layout: Layout, sites: readonly (Site & { readonly transposed: boolean })[]): string[] {
  const adapted = new Set(layout.sites.map((s) => s.name));
  const ends = new Set([...adapted].map(lastPart));
  const others = sites.some((s) => ends.has(lastPart(s.name)) && !adapted.has(s.name));
  return [...(others ? adapted : ends)].sort();
}
