import { cp, mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WEIGHTS_FILE } from './adapters/files.js';
import { mergeInto } from './adapters/merge.js';
import { openContext, type Context } from './context.js';
import { HumanError } from './errors.js';
import { activeAdapters, openState } from './evaluation/states.js';
import { sha256File } from './files.js';
import { openModel } from './models/folder.js';
import { readFloat32 } from './models/safetensors.js';
import { saveModel } from './models/saveModel.js';
import { findTensor } from './models/weights.js';
import type { Requests } from './protocol.js';
import { random } from './random.js';

export type ExportParams = Requests['export']['params'];
export interface ExportOptions {
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly onProgress: (message: string, fraction?: number) => void;
}

/** Nats by which the loss of a probe row may differ between the model and its export, per token. */
const TOLERANCE: Record<string, number> = { F32: 1e-4, F16: 2e-2, BF16: 1e-1 };

/**
 * Writes a model with adapters in another form, reads it back and compares before it is called done.
 * @throws HumanError when a security vector is among the adapters, or the target is not empty, or what was read back differs
 */
export async function exportModel(params: ExportParams, options: ExportOptions): Promise<{ path: string; sha256: string }> {
  const context = await openContext(params.model, { device: 'cpu', cache: options.cache, onMessage: options.onProgress });
  const adapters = await activeAdapters(context, params.adapters);
  const vector = adapters.find((a) => a.role === 'security' && a.scale !== 0);
  if (vector && params.format !== 'peft') {
    throw new HumanError(`"${basename(vector.path)}" is a security vector: a model with it inside answers as the vector does.`, { place: vector.path, remedy: 'Leave it out; a vector is only for training.' });
  }
  switch (params.format) {
    case 'peft':
      return exportPeft(params);
    case 'safetensors':
      return exportMerged(params, context, adapters, options);
    default:
      throw new HumanError(`models are not exported as ${params.format}.`, { place: '--format', remedy: 'Use safetensors or peft.' });
  }
}

async function exportPeft({ adapters, out }: ExportParams): Promise<{ path: string; sha256: string }> {
  if (adapters.length !== 1) throw new HumanError(`a PEFT folder holds one adapter, ${adapters.length} are given.`, { place: '--adapter', remedy: 'Export them one by one.' });
  const { adapterFolder } = await import('./adapters/files.js');
  await cp(await adapterFolder(adapters[0]!.path), out, { recursive: true });
  return { path: out, sha256: await sha256File(join(out, WEIGHTS_FILE)) };
}

async function exportMerged({ out }: ExportParams, context: Context, adapters: Awaited<ReturnType<typeof activeAdapters>>, { onProgress, cache }: ExportOptions): Promise<{ path: string; sha256: string }> {
  await mkdir(out, { recursive: true });
  const sites = new Map(context.sites.map((s) => [findTensor(context.model.tensors, `${s.name}.weight`, s.transposed ? [s.in, s.out] : [s.out, s.in]).name, s]));
  let done = 0;
  await saveModel(out, context.model, async (info) => {
    onProgress('merging', done++ / context.model.tensors.size);
    const site = sites.get(info.name);
    if (!site || !adapters.some((a) => a.layout.sites.some((s) => s.name === site.name))) return undefined;
    return mergeInto(await readFloat32(info), site.name, site.transposed, adapters);
  });
  onProgress('reading it back');
  const dtype = [...context.model.tensors.values()].find((t) => t.shape.length === 2)!.dtype;
  await compare(context, adapters, await openModel(out, { cache }), TOLERANCE[dtype] ?? 1e-4).catch(async (error: unknown) => {
    await rm(join(out, 'model.safetensors'), { force: true });
    throw error;
  });
  return { path: out, sha256: await sha256File(join(out, 'model.safetensors')) };
}

/** Losses of random rows must agree between the model with adapters and the model that was read back. */
async function compare(context: Context, adapters: Awaited<ReturnType<typeof activeAdapters>>, written: Context['model'], tolerance: number): Promise<void> {
  const rng = random('export');
  const rows = Array.from({ length: 4 }, (_, row) => {
    const ids = Array.from({ length: Math.min(24, context.spec.contextLength) }, () => rng.int(context.spec.vocabSize));
    return { row, line: row + 1, ids, labels: ids, promptIds: [], promptText: '', answer: '' };
  });
  const before = await openState(context, 'before', adapters);
  const after = await openState(context, 'after', [], written);
  try {
    const [a, b] = [await before.losses(rows), await after.losses(rows)];
    const difference = Math.max(...a.map((x, i) => Math.abs(x.nll - b[i]!.nll) / x.tokens));
    if (!(difference <= tolerance)) {
      throw new HumanError(`the export read back differs by ${difference.toExponential(1)} nats per token from the model; it was removed.`, { place: written.path, kind: 'failed', remedy: 'This is a fault of the export: report it.' });
    }
  } finally {
    await before.dispose();
    await after.dispose();
  }
}
