import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterConfig } from '../adapters/adapterConfig.js';
import { formatAdapterConfig } from '../adapters/adapterConfig.js';
import { CONFIG_FILE, readAdapter, ROLE_FILE, WEIGHTS_FILE, type AdapterFile } from '../adapters/files.js';
import { adapterFlat, saveAdapter } from '../adapters/flat.js';
import { concatenate } from '../adapters/merge.js';
import type { Layout } from '../adapters/sites.js';
import { HumanError } from '../support/errors.js';
import { sha256File, writeFileAtomic } from '../support/files.js';
import { logitsOf, probe, requireAlike } from './compare.js';
import { readingBack, type Source } from './source.js';
import { stagedFolder } from './staging.js';

const COPIED = [WEIGHTS_FILE, CONFIG_FILE, ROLE_FILE, 'README.md'];

/**
 * A PEFT folder that does at scale 1 what the adapters do at theirs: a copy, a copy with its alphas scaled, or several adapters
 * joined into one of summed rank. A security vector stays marked as one.
 */
export function exportPeft(source: Source, out: string): Promise<{ path: string; sha256: string }> {
  const { backend, spec, model, sites } = source;
  const adapters = source.adapters.filter((a) => a.scale !== 0);
  if (adapters.length === 0)
    throw new HumanError('there is no adapter to export.', {
      place: '--adapter',
      remedy: 'Name one, at another scale than 0.',
    });
  return stagedFolder(out, async (folder) => {
    source.onProgress('writing', 0);
    if (adapters.length === 1) await copy(await readAdapter(adapters[0].path), adapters[0].scale, folder);
    else await joined(await Promise.all(adapters.map((a) => readAdapter(a.path))), source, folder);
    readingBack(source);
    const rows = await probe(source);
    const before = await logitsOf(backend, { spec, model, adapters }, rows);
    const { layout, flat } = await adapterFlat(folder, sites);
    const after = await logitsOf(
      backend,
      { spec, model, adapters: [{ name: 'written', layout, flat, scale: 1 }] },
      rows,
    );
    requireAlike(before, after, spec.vocabSize, 'F32', folder);
    return { path: out, sha256: await sha256File(join(folder, WEIGHTS_FILE)) };
  });
}

async function copy({ path, config }: AdapterFile, scale: number, folder: string): Promise<void> {
  const there = new Set(await readdir(path));
  for (const name of COPIED) if (there.has(name)) await copyFile(join(path, name), join(folder, name));
  if (scale === 1) return;
  const scaled = {
    ...config,
    alpha: config.alpha * scale,
    alphaPattern: Object.fromEntries(Object.entries(config.alphaPattern).map(([key, alpha]) => [key, alpha * scale])),
  };
  await writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(formatAdapterConfig(scaled), undefined, 2)}\n`);
}

async function joined(files: readonly AdapterFile[], { adapters, sites }: Source, folder: string): Promise<void> {
  const { layout, flat } = concatenate(adapters);
  const names = files.flatMap(({ provenance }) => provenance.name ?? []);
  await saveAdapter(folder, {
    layout,
    flat,
    config: joinedConfig(layout, files, sites),
    role: files.some(({ role }) => role === 'security') ? 'security' : 'task',
    provenance: {
      name: names.length > 0 ? names.join(' + ') : undefined,
      baseModel: files.find(({ provenance }) => provenance.baseModel)?.provenance.baseModel,
    },
  });
}

/** Of an adapter whose scales are 1. @param files what it was made from */
export const joinedConfig = (layout: Layout, files: readonly AdapterFile[], sites: Source['sites']): AdapterConfig => ({
  ...ranksOf(layout),
  useRslora: false,
  targetModules: targets(layout, sites),
  fanInFanOut: layout.sites.some((s) => sites.find(({ name }) => name === s.name)!.transposed),
  baseModelName: files.find(({ config }) => config.baseModelName !== undefined)?.config.baseModelName,
});

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
function targets(layout: Layout, sites: Source['sites']): string[] {
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const adapted = new Set(layout.sites.map((s) => s.name));
  const ends = new Set([...adapted].map(last));
  const others = sites.some((s) => ends.has(last(s.name)) && !adapted.has(s.name));
  return [...(others ? adapted : ends)].sort();
}
