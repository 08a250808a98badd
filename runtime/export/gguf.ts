import { dirname, join, resolve } from 'node:path';
import { concatenate } from '../adapters/merge.js';
import { matrices, type Layout } from '../adapters/sites.js';
import { writeAdapterGguf } from '../adapters/writeGguf.js';
import { HumanError } from '../support/errors.js';
import { sha256File } from '../support/files.js';
import { decoderSpec } from '../models/families/config.js';
import { openModel } from '../models/folder.js';
import type { Architecture } from '../models/gguf/architectures/shared/layout.js';
import { architectureOf } from '../models/gguf/architectures/table.js';
import { readGguf, readGgufTensor, type GgufFile } from '../models/gguf/file/gguf.js';
import { readModelGguf } from '../models/gguf/file/split.js';
import { inParts, partOf, partsOf } from '../models/gguf/architectures/shared/parts.js';
import { toGgufOrder } from '../models/gguf/tensors.js';
import type { WrittenType } from '../models/gguf/file/writeFile.js';
import { loadTokenizer } from '../models/text/tokenizer.js';
import { ggufArchitecture, ggufName, sizesOf, writeGguf } from '../models/gguf/writeModel.js';
import { logitsOf, probe, requireAlike } from './compare.js';
import { requireMerged, type Rounded } from './rounding.js';
import { merged, readingBack, requireAdapters, type Source } from './source.js';
import { stagedFile } from './staging.js';

/** One .gguf file: the adapters merged, matrices of one type. */
export function exportGguf(
  source: Source,
  out: string,
  type: WrittenType = 'F16',
): Promise<{ path: string; sha256: string; notes?: string[] }> {
  const { backend, spec, model, adapters } = source;
  requireName(out);
  return stagedFile(out, async (file) => {
    const rounded: Rounded = new Map();
    const notes = await writeGguf(file, model, { type, changed: merged(source, rounded, () => type) });
    readingBack(source);
    // read as any other GGUF file is; the converted folder goes with the rest of what is beside the target
    const written = await openModel(file, { cache: join(dirname(file), 'read') });
    const writtenSpec = decoderSpec(written.config);
    const rows = await probe(source, writtenSpec.contextLength);
    const before = await logitsOf(backend, { spec, model, adapters }, rows);
    const after = await logitsOf(backend, { spec: writtenSpec, model: written, adapters: [] }, rows);
    requireAlike(before, after, spec.vocabSize, type, file);
    notes.push(...requireMerged(rounded, type, file));
    if (model.hasTokenizer) await requireSameTokens(model.folder, written.folder, file);
    const [whole, kept] = [spec.contextLength, writtenSpec.contextLength];
    const shorter = `GGUF has no sliding windows for ${spec.family}: the file's context is ${kept} tokens, up to which they change nothing, instead of ${whole}.`;
    if (kept < whole) notes.push(shorter);
    return { path: out, sha256: await sha256File(file), ...(notes.length > 0 ? { notes } : {}) };
  });
}

/** The adapters as one LoRA that llama.cpp takes beside the model (`--lora`). */
export function exportGgufAdapter(
  source: Source,
  out: string,
  type: 'F16' | 'F32' = 'F32',
): Promise<{ path: string; sha256: string }> {
  const { backend, spec, model } = source;
  requireName(out);
  const adapters = requireAdapters(source);
  return stagedFile(out, async (file) => {
    source.onProgress('writing', 0);
    const { layout, flat } = concatenate(adapters);
    const modules = new Map(
      layout.sites.map((site) => {
        const { A, B } = matrices(flat, site);
        const [aShape, bShape]: [[number, number], [number, number]] = [
          [site.rank, site.in],
          [site.out, site.rank],
        ];
        return [site.name, { A, aShape, B, bShape, scale: 1 }];
      }),
    );
    // one alpha serves all layers; where a layer's rank is another, the rest goes into its B
    const { rank } = layout.sites[0];
    const config = {
      rank,
      alpha: rank,
      useRslora: false,
      targetModules: [...modules.keys()],
      rankPattern: {},
      alphaPattern: {},
      fanInFanOut: false,
    };
    const architecture = architectureFor(source);
    await writeAdapterGguf(file, model.config, { path: adapters[0].path, config, modules }, type, architecture);
    readingBack(source);
    const rows = await probe(source);
    const before = await logitsOf(backend, { spec, model, adapters }, rows);
    const written = { name: 'written', scale: 1, ...(await readLora(readGguf(file), source, layout, architecture)) };
    requireAlike(
      before,
      await logitsOf(backend, { spec, model, adapters: [written] }, rows),
      spec.vocabSize,
      type,
      file,
    );
    return { path: out, sha256: await sha256File(file) };
  });
}

/** Of the base's own file, where it is one: families are read from more architectures than they are written as. */
function architectureFor({ model, spec }: Source): Architecture {
  const own = model.gguf !== undefined && readModelGguf(resolve(model.path)).metadata.get('general.architecture');
  return (typeof own === 'string' ? architectureOf(own) : undefined) ?? ggufArchitecture(spec);
}

/** A LoRA as llama.cpp understands it, alpha / rank · B A, with the rows of B in the model's own order. */
async function readLora(
  gguf: GgufFile,
  source: Source,
  plain: Layout,
  architecture: Architecture,
): Promise<{ layout: Layout; flat: Float32Array }> {
  const { spec, parts } = inParts(source.spec);
  const sizes = sizesOf(spec);
  const alpha = Number(gguf.metadata.get('adapter.lora.alpha'));
  const flat = new Float32Array(plain.size);
  const layout = { ...plain, sites: plain.sites.map((site) => ({ ...site, scale: alpha / site.rank })) };
  for (const site of layout.sites) {
    const into = matrices(flat, site);
    for (const [module, part] of partsOf(parts, site.name)) {
      const { name, local } = ggufName(architecture, `${module}.weight`, false)!;
      into.A.set(await readGgufTensor(gguf, gguf.tensors.get(`${name}.lora_a`)!));
      const B = await readGgufTensor(gguf, gguf.tensors.get(`${name}.lora_b`)!);
      const change = architecture.change?.(local, sizes);
      const rows = site.out / part.count;
      const numbers = Float32Array.from({ length: rows }, (_, row) => row);
      // the row of the model that stands in each row of the file
      const order = change && change.kind !== 'transpose' ? toGgufOrder(numbers, change, rows, name) : numbers;
      const own = partOf(into.B, part);
      order.forEach((row, at) => own.set(B.subarray(at * site.rank, (at + 1) * site.rank), row * site.rank));
    }
  }
  return { layout, flat };
}

const TEXT = 'Hello, wörld! 12345 — it\'s 3.14 €;\n\n\tif (x >= 10) { return "日本語 🙂"; }  two  spaces\r\n';

/** What tokens a text becomes, and which end an answer, is part of the model. */
async function requireSameTokens(before: string, after: string, place: string): Promise<void> {
  const [a, b] = [await loadTokenizer(before), await loadTokenizer(after)];
  if (a.encode(TEXT).join() !== b.encode(TEXT).join())
    throw new HumanError('the exported tokenizer gives other ids than the model’s; the export was removed.', {
      place,
      kind: 'failed',
      remedy: 'GGUF cannot express this tokenizer: export as safetensors instead.',
    });
  if (a.eosIds.join() === b.eosIds.join()) return;
  throw new HumanError(
    `the exported model ends its answers at the tokens ${b.eosIds.join(', ')}, the model at ${a.eosIds.join(', ')}; the export was removed.`,
    {
      place,
      kind: 'failed',
      remedy: 'GGUF names three such tokens: leave fewer in "eos_token_id" of generation_config.json.',
    },
  );
}

function requireName(out: string): void {
  if (out.toLowerCase().endsWith('.gguf')) return;
  throw new HumanError('a GGUF file ends in .gguf.', { place: out, remedy: `Name it ${out}.gguf.` });
}
