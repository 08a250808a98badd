/** Checkpoints of which config.json ties output head and embedding, while they hold both, or the head alone. */
import type { JsonObject } from '../../support/jsonFile.js';
import { sameShape } from '../../onnx/shapes.js';
import { readBytes, type TensorInfo } from './safetensors.js';

const EMBEDDING = /(^|\.)(embed_tokens|wte|word_embeddings|embed_in)\.weight$/;
const HEAD = /(^|\.)(lm_head|embed_out|output_projection)\.weight$/;
const PIECE = 2 ** 20;

/**
 * The config with `tie_word_embeddings` off where the checkpoint has an embedding and a head that differ: transformers
 * ties two tensors only where both hold the same.
 */
export async function withOwnHead(config: JsonObject, tensors: ReadonlyMap<string, TensorInfo>): Promise<JsonObject> {
  if (config.tie_word_embeddings === false) return config;
  const [embedding, head] = [find(tensors, EMBEDDING), headOf(tensors)];
  if (!embedding || !head || (await alike(embedding, head))) return config;
  return { ...config, tie_word_embeddings: false };
}

/** The head's own tensor: one that is tied may be stored all the same. */
export const headOf = (tensors: ReadonlyMap<string, TensorInfo>): TensorInfo | undefined => find(tensors, HEAD);

/** The head of a checkpoint that has no embedding. */
export const headAlone = (tensors: ReadonlyMap<string, TensorInfo>): TensorInfo | undefined =>
  find(tensors, EMBEDDING) ? undefined : headOf(tensors);

const find = (tensors: ReadonlyMap<string, TensorInfo>, name: RegExp): TensorInfo | undefined =>
  [...tensors.values()].find((info) => name.test(info.name));

async function alike(a: TensorInfo, b: TensorInfo): Promise<boolean> {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const piece = (info: TensorInfo, from: number): Promise<Uint8Array> =>
    readBytes({ ...info, offset: info.offset + from, bytes: Math.min(PIECE, info.bytes - from) });
  for (let from = 0; from < a.bytes; from += PIECE) {
    const [x, y] = await Promise.all([piece(a, from), piece(b, from)]);
    if (Buffer.compare(x, y) !== 0) return false;
  }
  return true;
}
