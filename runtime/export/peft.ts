import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sharedBase } from '../adapters/base.js';
import { formatAdapterConfig, loadedAs, type AdapterConfig } from '../adapters/adapterConfig.js';
import { CONFIG_FILE, readAdapter, ROLE_FILE, WEIGHTS_FILE, type AdapterFile } from '../adapters/files.js';
import { adapterFlat, saveAdapter } from '../adapters/flat.js';
import { joinedConfig } from '../adapters/joinedConfig.js';
import { concatenate } from '../adapters/merge.js';
import { isOfTextModel } from '../adapters/sites.js';
import { adapterName } from '../contract/adapterName.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { endTokens } from '../models/text/endTokens.js';
import { beside } from '../recipes/vectorFiles/calibrationFile.js';
import { sha256File, writeFileAtomic } from '../support/files.js';
import { ownFile } from '../support/ownFile.js';
import { copyDurably } from '../support/replaceFile.js';
import { logitsOf, probe, requireAlike } from './compare.js';
import { readingBack, requireAdapters, type Source } from './source.js';
import { stagedFolder } from './staging.js';

const COPIED = new Set([WEIGHTS_FILE, CONFIG_FILE, ROLE_FILE, 'README.md']);
const LICENCE = /^(LICEN[CS]E|NOTICE)[\w.-]*$/;

/**
 * A PEFT folder that does at scale 1 what the adapters do at theirs: a copy, a copy with its alphas scaled, or several
 * adapters joined into one of summed rank. A security vector stays marked as one, and keeps its calibration at scale 1.
 */
export function exportPeft(source: Source, out: string): Promise<{ path: string; sha256: string; notes?: string[] }> {
  const { backend, spec, model } = source;
  const adapters = requireAdapters(source);
  return stagedFolder(out, async (folder) => {
    source.onProgress('writing', 0);
    if (adapters.length === 1) await copy(await readAdapter(adapters[0].path), adapters[0].scale, folder, spec.family);
    else await joined(await Promise.all(adapters.map((a) => readAdapter(a.path))), source, folder);
    const notes = [...(await besides(adapters, folder)), ...(await endNotes(model.folder))];
    readingBack(source);
    const rows = await probe(source);
    const before = await logitsOf(backend, { spec, model, adapters }, rows);
    const { layout, flat } = await adapterFlat(folder, source);
    const after = await logitsOf(
      backend,
      { spec, model, adapters: [{ name: 'written', layout, flat, scale: 1 }] },
      rows,
    );
    requireAlike(before, after, spec.vocabSize, 'F32', folder);
    return { path: out, sha256: await sha256File(join(folder, WEIGHTS_FILE)), ...(notes.length > 0 && { notes }) };
  });
}

async function copy(file: AdapterFile, scale: number, folder: string, family: string): Promise<void> {
  const { path, config } = file;
  for (const name of await readdir(path))
    if (COPIED.has(name) || LICENCE.test(name)) await copyDurably(await ownFile(path, name), join(folder, name));
  const named = namedForImages(file, family);
  if (scale === 1 && !named) return;
  const scaled = {
    ...config,
    ...named,
    alpha: config.alpha * scale,
    alphaPattern: Object.fromEntries(Object.entries(config.alphaPattern).map(([key, alpha]) => [key, alpha * scale])),
  };
  await writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(formatAdapterConfig(scaled), undefined, 2)}\n`);
}

/** What PEFT needs of an adapter of a model with images, where the file does not say it: earlier versions did not. */
function namedForImages({ config, modules }: AdapterFile, family: string): Partial<AdapterConfig> | undefined {
  const names = [...modules.keys()].sort();
  const { targetModules, autoMapping } = config;
  const loaded = autoMapping ? {} : loadedAs(family);
  const areNamed = Array.isArray(targetModules) && names.every((name) => targetModules.includes(name));
  if (!names.every(isOfTextModel) || (areNamed && Object.keys(loaded).length === 0)) return undefined;
  return { targetModules: names, ...loaded };
}

/** The files of vectors beside their adapters. @returns what became of them */
async function besides(adapters: Source['adapters'], folder: string): Promise<string[]> {
  const notes: string[] = [];
  for (const { path, role, scale } of adapters) {
    if (role !== 'security') continue;
    const [calibration, trained, prompts] = [RUN_FILES.calibration, RUN_FILES.trained, RUN_FILES.prompts].map((name) =>
      beside(path, name),
    );
    const isWhole = adapters.length === 1 && scale === 1;
    if (existsSync(calibration)) {
      if (isWhole) await copyBeside(calibration, folder);
      const left = 'is left out: it counts only for one vector at scale 1.';
      notes.push(`${RUN_FILES.calibration} of ${adapterName(path)} ${isWhole ? 'comes with it.' : left}`);
    }
    if (existsSync(prompts))
      notes.push(
        `${RUN_FILES.prompts} of ${adapterName(path)} is left out: it holds the harmful rows it was trained on.`,
      );
    if (existsSync(trained)) {
      const isAlone = adapters.length === 1;
      if (isAlone) await copyBeside(trained, folder);
      const left = 'is left out: it says nothing of what the others were trained on.';
      notes.push(`${RUN_FILES.trained} of ${adapterName(path)} ${isAlone ? 'comes with it.' : left}`);
    }
  }
  return notes;
}

/** An adapter has no generation_config.json of its own. */
async function endNotes(base: string): Promise<string[]> {
  const ends = await endTokens(base);
  if (!ends) return [];
  const list = ends.all.join(', ');
  return [
    `answers end at the tokens ${list} here, and the configs of the base name ${ends.named.join(', ') || 'none'}: give generate() of transformers eos_token_id=[${list}].`,
  ];
}

const copyBeside = async (file: string, folder: string): Promise<void> =>
  copyDurably(await ownFile(dirname(file), basename(file)), join(folder, basename(file)));

async function joined(files: readonly AdapterFile[], { adapters, sites, spec }: Source, folder: string): Promise<void> {
  const { layout, flat } = concatenate(adapters);
  const names = files.flatMap(({ provenance }) => provenance.name ?? []);
  await saveAdapter(folder, {
    layout,
    flat,
    config: { ...joinedConfig(layout, files, sites), ...loadedAs(spec.family) },
    role: files.some(({ role }) => role === 'security') ? 'security' : 'task',
    provenance: {
      name: names.length > 0 ? names.join(' + ') : undefined,
      baseModel: sharedBase(files),
    },
  });
}
