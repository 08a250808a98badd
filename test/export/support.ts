import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainConfig, saveAdapter } from '../../runtime/adapters/flat.js';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import { exportModel, type ExportParams } from '../../runtime/export/export.js';
import { logitsOf, type Subject } from '../../runtime/export/compare.js';
import { activeAdapters } from '../../runtime/evaluation/inference/states.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { hashesOf } from '../../runtime/models/weights/hashes.js';
import { bytesOf, readFloat32, writeSafetensors, type Dtype } from '../../runtime/models/weights/safetensors.js';
import { f32ToBf16, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { REFERENCES } from '../support/reference.js';

export const adapterOf = (family: string, name: string): string => join(REFERENCES, family, 'adapters', name);
export const at = (path: string, scale = 1): { path: string; scale: number } => ({ path, scale });

export interface Place {
  readonly dir: string;
  /** Exports, with what was said meanwhile. */
  run(
    params: Omit<ExportParams, 'adapters'> & Partial<Pick<ExportParams, 'adapters'>>,
    more?: { signal?: AbortSignal; onProgress?: (message: string) => void },
  ): Promise<Requests['export']['result']>;
  file(...parts: string[]): string;
  /** What an export may have left beside its target. */
  left(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function place(): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), 'export-'));
  return {
    dir,
    file: (...parts) => join(dir, ...parts),
    run: (params, { signal = new AbortController().signal, onProgress = () => undefined } = {}) =>
      exportModel({ adapters: [], ...params }, { cache: join(dir, 'cache'), signal, onProgress }),
    left: async () => (await readdir(dir)).filter((name) => name.includes('.part')),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** A model as the engine reads it, with adapters. */
export async function subject(
  path: string,
  cache: string,
  adapters: { path: string; scale: number }[] = [],
): Promise<Subject> {
  const model = await openModel(path, { cache });
  const spec = decoderSpec(model.config);
  const adapted = { sites: linearLayers(spec), hashes: () => hashesOf(model) };
  return { model, spec, adapters: await activeAdapters(adapted, adapters) };
}

/** A LoRA on every layer of the model that changes its answers. @returns its folder */
export async function randomAdapter(model: string, folder: string): Promise<string> {
  const sites = linearLayers((await subject(model, folder)).spec);
  const adapter = { rank: 4, alpha: 8, sites: 'all-linear' };
  const layout = plainLayout(sites, adapter);
  const rng = random('peers');
  const flat = initialise(layout, rng).map((x) => x + 0.15 * rng.normal());
  const config = plainConfig(adapter, layout, sites);
  await saveAdapter(folder, { layout, flat, config, role: 'task', provenance: {} });
  return folder;
}

/** Logits [B, T, V] of rows that are padded on the right. */
export async function logitsOn(what: Subject, ids: readonly number[], shape: readonly number[]): Promise<Float32Array> {
  return logitsOf(await openBackend('cpu', 1), what, { B: shape[0]!, T: shape[1]!, ids });
}

/** A copy of a model's weights in another type, in `shards` files with an index where more than one. */
export async function writeWeights(from: string, to: string, dtype: Dtype, shards = 1): Promise<void> {
  const { tensors } = await openModel(from, { cache: to });
  const all = await Promise.all(
    [...tensors.values()].map(async (info) => {
      const values = await readFloat32(info);
      const data = bytesOf(dtype === 'F32' ? values : dtype === 'F16' ? f32ToF16(values) : f32ToBf16(values));
      return { name: info.name, shape: info.shape, dtype, bytes: data.length, data: () => data };
    }),
  );
  const per = Math.ceil(all.length / shards);
  const map: Record<string, string> = {};
  for (let s = 0; s < shards; s++) {
    const file = shards === 1 ? 'model.safetensors' : `model-${s + 1}.safetensors`;
    const part = all.slice(s * per, (s + 1) * per);
    for (const { name } of part) map[name] = file;
    await writeSafetensors(join(to, file), part);
  }
  if (shards > 1) {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(to, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  }
}
