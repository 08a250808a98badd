import { join } from 'node:path';
import { sharedBase } from '../adapters/base.js';
import { WEIGHTS_FILE, readAdapter, type AdapterFile, type MadeFrom } from '../adapters/files.js';
import { adapterFlat, saveAdapter, type FlatAdapter } from '../adapters/flat.js';
import { project, significant, sum, truncate, type Combined } from '../adapters/algebra.js';
import { loadedAs } from '../adapters/adapterConfig.js';
import { joinedConfig } from '../adapters/joinedConfig.js';
import { adapterName } from '../contract/adapterName.js';
import type { CombineResult } from '../contract/exports.js';
import { HumanError } from '../support/errors.js';
import { sha256File } from '../support/files.js';
import { logitsOf, probe, requireAlike } from './compare.js';
import { readingBack, type Source } from './source.js';
import { stagedFolder } from './staging.js';

interface CombineOptions {
  /** Adapter that is projected on: what lies along it is taken out, or alone kept. */
  readonly off?: string;
  readonly onto?: string;
  /** Largest rank of the result; without it the result is exact. */
  readonly rank?: number;
}

/**
 * One PEFT folder that does at scale 1 what the adapters do together at theirs, less or only what lies along another
 * one. Its security_vector.json says what it was made of, each part by hash. What is written is read back and compared.
 * @throws HumanError for adapters of another base, and where nothing would be left
 */
export function combineAdapters(source: Source, out: string, options: CombineOptions): Promise<CombineResult> {
  const { backend, spec, model, sites, adapters } = source;
  const { off, onto, rank } = options;
  if (adapters.length === 0)
    throw new HumanError('there is no adapter to combine.', { place: '--adapter', remedy: 'Name one or more.' });
  return stagedFolder(out, async (folder) => {
    source.onProgress('adding up', 0);
    const files: AdapterFile[] = [];
    for (const { path } of adapters) files.push(await readAdapter(path));
    let whole: Combined = sum(adapters);
    const along = off ?? onto;
    if (along !== undefined) {
      const other = await adapterFlat(along, source, source.warn);
      files.push(other.file);
      whole = project(whole, { along: other, keep: off === undefined ? 'part' : 'rest' });
    }
    whole = significant(whole, adapters);
    if (whole.layout.sites.length === 0)
      throw new HumanError('nothing is left: the result changes no layer.', {
        place: out,
        remedy: 'Look at the scales and at what is projected on.',
      });
    const exact = Math.max(...whole.layout.sites.map((site) => site.rank));
    const cut = rank === undefined || rank >= exact ? undefined : truncate(whole, rank);
    const result = cut ?? whole;
    const from: MadeFrom['from'] = [];
    for (const [i, file] of files.entries())
      from.push({
        path: file.path,
        sha256: await sha256File(join(file.path, WEIGHTS_FILE)),
        ...(i < adapters.length ? { scale: adapters[i].scale } : { projected: off === undefined ? 'onto' : 'off' }),
      });
    const named = from.map((part) => ({ ...part, path: adapterName(part.path) }));
    const names = files.slice(0, adapters.length).flatMap(({ provenance }) => provenance.name ?? []);
    await saveAdapter(folder, {
      ...result,
      config: { ...joinedConfig(result.layout, files, sites), ...loadedAs(spec.family) },
      role: files.some(({ role }) => role === 'security') ? 'security' : 'task',
      provenance: {
        name: names.length > 0 ? names.join(' + ') : undefined,
        baseModel: {
          ...sharedBase(files),
          sha256: (await source.hashes())[0],
        },
        made: { from: named, exactRank: exact, ...(cut && { rank, error: cut.error }) },
      },
    });
    readingBack(source);
    const written = await adapterFlat(folder, source);
    await requireWritten(source, result, written, folder);
    return {
      path: out,
      sha256: await sha256File(join(folder, WEIGHTS_FILE)),
      rank: Math.max(...written.layout.sites.map((site) => site.rank)),
      exactRank: exact,
      ...(cut && { error: cut.error, worst: cut.worst }),
      from,
    };
  });

  /** The folder gives the logits of what was computed; of a plain sum, those of all adapters active together. */
  async function requireWritten(at: Source, computed: Combined, written: FlatAdapter, folder: string): Promise<void> {
    const rows = await probe(at);
    const isSum = off === undefined && onto === undefined && rank === undefined;
    const before = isSum ? adapters : [{ name: 'computed', ...computed, scale: 1 }];
    const after = [{ name: 'written', layout: written.layout, flat: written.flat, scale: 1 }];
    requireAlike(
      await logitsOf(backend, { spec, model, adapters: before }, rows),
      await logitsOf(backend, { spec, model, adapters: after }, rows),
      spec.vocabSize,
      'F32',
      folder,
    );
  }
}
