/** A decoder with its KV cache as ONNX, for plain onnxruntime and for transformers.js. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HumanError } from '../support/errors.js';
import { sha256File, writeFileAtomic } from '../support/files.js';
import { replaceFile } from '../support/replaceFile.js';
import { buildDecoder } from '../models/decoder/decoder.js';
import { adapterName } from '../contract/adapterName.js';
import { isObject } from '../contract/isObject.js';
import type { Weight } from '../models/decoder/norms.js';
import { bytesOf, elementCount, readFloat32, writeFully, type TensorInfo } from '../models/weights/safetensors.js';
import { nameEndTokens, specialIds } from '../models/text/endTokens.js';
import { copyCompanions } from '../models/weights/saveModel.js';
import { findTensor } from '../models/decoder/weights.js';
import { checkGraph, prune } from '../onnx/check.js';
import { Builder, type Graph } from '../onnx/graph.js';
import { Reshape } from '../onnx/ops.js';
import { renameDims } from '../onnx/renameDims.js';
import { serialize } from '../onnx/serialize.js';
import { float32, int64, openFile, type Feeds, type FileSession } from '../device/session.js';
import { logitsOf, positions, probe, requireAlike, type Probe } from './compare.js';
import { merged, readingBack, type Source } from './source.js';
import { stagedFolder } from './staging.js';
import { notInTransformersJs } from './transformersJs.js';

/** Names of dims in files of this kind; transformers.js looks for `batch_size` where it makes the empty cache. */
const DIMS = { B: 'batch_size', T: 'sequence_length', P: 'past_sequence_length', S: 'total_sequence_length' };

/** Bytes of one data file: browsers and protobuf end at 2 GB. */
const MAX_FILE_BYTES = 2 ** 31 - 2 ** 20;
/** Large tensors begin at pages, so that they can be mapped. */
const PAGE = 4096;
const ALIGNMENT = 64;

/**
 * A folder that transformers.js loads, but for what `notInTransformersJs` names: `onnx/model.onnx` with the weights
 * beside it in `model.onnx_data` (float32), and config, tokenizer and generation config. Inputs `input_ids`,
 * `attention_mask`, `position_ids` and `past_key_values.N.key` / `.value`, outputs `logits` [B, T, V] and
 * `present.N.key` / `.value`.
 */
export function exportOnnx(
  source: Source,
  out: string,
  maxFileBytes = MAX_FILE_BYTES,
): Promise<{ path: string; sha256: string; notes?: string[] }> {
  const { backend, spec, model, adapters } = source;
  return stagedFolder(out, async (folder) => {
    const { graph, files } = decoderGraph(source, maxFileBytes);
    const change = merged(source);
    for (const [name, tensors] of files) await writeData(join(folder, 'onnx', name), tensors, change);
    const file = join(folder, 'onnx', 'model.onnx');
    await writeFileAtomic(file, serialize(graph, { order: 'standard', metadata: metadata(source) }));
    await copyCompanions(model.folder, folder);
    await writeFileAtomic(join(folder, 'config.json'), await configText(source, files.size));
    if (!model.generationConfig) {
      const derived = { _from_model_config: true, ...specialIds(model.config) };
      await writeFileAtomic(join(folder, 'generation_config.json'), `${JSON.stringify(derived, undefined, 2)}\n`);
    }
    await nameEndTokens(folder);
    readingBack(source);
    const rows = await probe(source);
    const before = await logitsOf(backend, { spec, model, adapters }, rows);
    const session = await openFile(file);
    try {
      requireAlike(before, await answersOf(session, graph, rows), spec.vocabSize, 'F32', file);
    } finally {
      await session.dispose();
    }
    const note = notInTransformersJs(model.config);
    return { path: out, sha256: await sha256File(file), ...(note !== undefined && { notes: [note] }) };
  });
}

interface Placed {
  readonly info: TensorInfo;
  readonly offset: number;
  readonly bytes: number;
}

/** The graph, and which tensors lie where in which data file. */
function decoderGraph({ spec, model }: Source, largestFile: number): { graph: Graph; files: Map<string, Placed[]> } {
  const files = new Map<string, Placed[]>();
  const g = new Builder(spec.architecture);
  const values = new Map<string, ReturnType<Weight>>();
  let end = Infinity;
  const weight: Weight = (name, shape) => {
    const known = values.get(name);
    if (known) return known;
    const info = findTensor(model.tensors, name, shape);
    const bytes = 4 * elementCount(shape)!;
    const alignment = bytes >= 16 * PAGE ? PAGE : ALIGNMENT;
    let offset = Math.ceil(end / alignment) * alignment;
    if (!(offset + bytes <= largestFile)) {
      files.set(`model.onnx_data${files.size === 0 ? '' : `_${files.size}`}`, []);
      offset = 0;
    }
    const [file, tensors] = [...files].at(-1)!;
    tensors.push({ info, offset, bytes });
    end = offset + bytes;
    const value = g.external(name, 'float32', shape, { file, offset, bytes });
    values.set(name, value);
    return value;
  };
  const decoder = buildDecoder(g, spec, weight, { cache: true });
  g.outputAs('logits', Reshape(g, decoder.logits(decoder.hidden), ['B', 'T', spec.vocabSize]));
  decoder.present.forEach(({ key, value }, i) => {
    g.outputAs(`present.${i}.key`, key);
    g.outputAs(`present.${i}.value`, value);
  });
  return { graph: renameDims(checkGraph(prune(g.graph())), DIMS), files };
}

async function writeData(
  file: string,
  tensors: readonly Placed[],
  change: (info: TensorInfo) => Promise<Float32Array | undefined>,
): Promise<void> {
  await replaceFile(file, async (handle) => {
    let at = 0;
    for (const { info, offset, bytes } of tensors) {
      await writeFully(handle, new Uint8Array(offset - at));
      await writeFully(handle, bytesOf((await change(info)) ?? (await readFloat32(info))));
      at = offset + bytes;
    }
  });
}

function metadata({ spec, model, adapters }: Source): Record<string, string> {
  const active = adapters.filter((a) => a.scale !== 0);
  return {
    model: basename(model.path),
    architecture: spec.architecture,
    context_length: String(spec.contextLength),
    ...(active.length > 0
      ? { merged_adapters: active.map((a) => `${adapterName(a.path)}@${a.scale}`).join(', ') }
      : {}),
  };
}

/**
 * The model's config.json with what transformers.js looks for: the type, and the number of data files. Added to the
 * text, so that 10000.0 stays a float for Python's readers.
 */
async function configText({ model: { folder, config } }: Source, files: number): Promise<string> {
  const key = 'transformers.js_config';
  const added = { dtype: 'fp32', use_external_data_format: { 'model.onnx': files } };
  const before = config[key];
  if (before !== undefined) {
    const both = { ...(isObject(before) ? before : {}), ...added };
    return `${JSON.stringify({ ...config, [key]: both }, undefined, 2)}\n`;
  }
  const text = await readFile(join(folder, 'config.json'), 'utf8');
  return text.replace(/\s*\}\s*$/, `,\n  "${key}": ${JSON.stringify(added)}\n}\n`);
}

/**
 * Logits [B, T, V] in three pieces, as in an answer: half the row with an empty cache, all but one token, one token.
 */
async function answersOf(session: FileSession, graph: Graph, { B, T, ids }: Probe): Promise<Float32Array> {
  const expected = [...graph.inputs.map((v) => v.name), ...graph.outputs.map((v) => v.name)].sort();
  if ([...session.inputs, ...session.outputs].sort().join() !== expected.join())
    throw new HumanError('the file has other inputs and outputs than were written.', { kind: 'failed' });
  const cache = (v: Graph['inputs'][number]): boolean => v.name.startsWith('past_key_values.');
  let pasts: Feeds = Object.fromEntries(
    graph.inputs
      .filter(cache)
      .map((v) => [v.name, float32(new Float32Array(0), [B, Number(v.shape[1]), 0, Number(v.shape[3])])]),
  );
  const V = Number(graph.outputs.find((v) => v.name === 'logits')!.shape[2]);
  const logits = new Float32Array(B * T * V);
  const cuts = [...new Set([0, Math.ceil(T / 2), T - 1, T])].sort((a, b) => a - b);
  for (const [i, from] of cuts.slice(0, -1).entries()) {
    const to = cuts[i + 1];
    const t = to - from;
    const out = await session.run({
      ...pasts,
      input_ids: int64(
        ids.filter((_, n) => n % T >= from && n % T < to),
        [B, t],
      ),
      position_ids: int64(positions(B, from, to), [B, t]),
      attention_mask: int64(new Array<number>(B * to).fill(1), [B, to]),
    });
    pasts = Object.fromEntries(
      Object.keys(pasts).map((name) => [name, out[name.replace('past_key_values.', 'present.')]]),
    );
    const values = out.logits.data as Float32Array;
    for (let b = 0; b < B; b++) logits.set(values.subarray(b * t * V, (b + 1) * t * V), (b * T + from) * V);
  }
  return logits;
}
