import { join } from 'node:path';
import { sha256File } from '../support/files.js';
import { openModel } from '../models/folder.js';
import { nameEndTokens } from '../models/text/endTokens.js';
import { saveModel } from '../models/weights/saveModel.js';
import { logitsOf, probe, requireAlike } from './compare.js';
import { requireMerged, type Rounded } from './rounding.js';
import { merged, readingBack, type Source } from './source.js';
import { stagedFolder } from './staging.js';

/** A Hugging Face folder: the adapters merged, names, shapes and types as in the model, all weights in one file. */
export function exportSafetensors(
  source: Source,
  out: string,
): Promise<{ path: string; sha256: string; notes?: string[] }> {
  const { backend, spec, model, adapters } = source;
  return stagedFolder(out, async (folder) => {
    const rounded: Rounded = new Map();
    await saveModel(folder, model, merged(source, rounded));
    await nameEndTokens(folder);
    readingBack(source);
    const rows = await probe(source);
    const before = await logitsOf(backend, { spec, model, adapters }, rows);
    // no cache: what is read back is a folder
    const written = await openModel(folder, { cache: folder });
    const after = await logitsOf(backend, { spec, model: written, adapters: [] }, rows);
    const type = storedType(source);
    requireAlike(before, after, spec.vocabSize, type, folder);
    const notes = requireMerged(rounded, type, folder);
    return {
      path: out,
      sha256: await sha256File(join(folder, 'model.safetensors')),
      ...(notes.length > 0 && { notes }),
    };
  });
}

/** The coarsest type that merged weights are rounded to; F32 where nothing is merged, as nothing is rounded then. */
function storedType({ model, adapters }: Source): string {
  if (adapters.every((a) => a.scale === 0)) return 'F32';
  const types = new Set([...model.tensors.values()].map((t) => t.dtype));
  return ['BF16', 'F16', 'F32'].find((type) => types.has(type as 'F32')) ?? 'F64';
}
