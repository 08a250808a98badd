import { sha256, sha256File } from '../../support/files.js';
import { rememberedHash } from '../../support/rememberedHash.js';
import type { ModelFolder } from './modelFolder.js';

/** SHA-256 of a model's weights, as it is written down, and others that it is known by. */
export type ModelHashes = readonly [string, ...string[]];

/** SHA-256 over the files of the weights: of the one file, or of the list of the shards' hashes. */
export async function sha256Weights(
  model: Pick<ModelFolder, 'tensors' | 'gguf'>,
  hash: (file: string) => Promise<string> = sha256File,
): Promise<string> {
  const files = [...new Set([...model.tensors.values()].map((t) => t.file))].sort();
  const hashes = [];
  for (const file of files) hashes.push(await hash(file));
  // Where a GGUF file lies, and so what comes first, does not matter.
  if (model.gguf !== undefined) hashes.sort();
  return hashes.length === 1 ? hashes[0] : sha256(hashes.join('\n'));
}

/**
 * The hashes that name a model: first the one that is written down. A GGUF file is known by its own, whatever its weights are
 * converted to, and last by that of the files that are read, which adapters of earlier versions have. Files that stay as they
 * are, are read once.
 */
export async function hashesOf(model: Pick<ModelFolder, 'tensors' | 'gguf'>): Promise<ModelHashes> {
  const weights = await sha256Weights(model, rememberedHash);
  return model.gguf === undefined ? [weights] : [model.gguf, weights];
}
