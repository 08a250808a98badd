import { sha256, sha256File } from '../../support/files.js';
import { rememberedHash } from '../../support/rememberedHash.js';
import type { ModelFolder } from './modelFolder.js';

/** SHA-256 of a model's weights, as it is written down, and others that it is known by. */
export type ModelHashes = readonly [string, ...string[]];

/** SHA-256 over the files of the weights: of the one file, or of the list of the shards' hashes. */
export async function sha256Weights(model: Pick<ModelFolder, 'tensors' | 'gguf'>): Promise<string> {
  const files = await hashedFiles(model, sha256File);
  // Where a GGUF file lies, and so what comes first, does not matter.
  return inOrder(files, model.gguf === undefined ? 'shard' : 'sha256');
}

/** SHA-256 over the files that hold weights in blocks, and copies that are computed with; undefined without them. */
export async function sha256Copies({
  packed,
  beside,
}: Pick<ModelFolder, 'packed' | 'beside'>): Promise<string | undefined> {
  if (!packed && !beside) return undefined;
  const files = [...new Set([...(packed?.values() ?? []), ...(beside?.values() ?? [])].map(({ file }) => file))].sort();
  return sha256((await Promise.all(files.map((file) => sha256File(file)))).join('\n'));
}

/**
 * The hashes that name a model: first the one that is written down. A GGUF file is known by its own, whatever its
 * weights are converted to, and last by that of the files that are read. Shards that are links are also known in the
 * order of what the links lead to. Adapters of earlier versions have these others. Files that stay as they are, are
 * read once.
 */
export async function hashesOf(model: Pick<ModelFolder, 'tensors' | 'gguf'>): Promise<ModelHashes> {
  const files = await hashedFiles(model, rememberedHash);
  if (model.gguf !== undefined) return [model.gguf, inOrder(files, 'sha256')];
  const [weights, earlier] = [inOrder(files, 'shard'), inOrder(files, 'file')];
  return weights === earlier ? [weights] : [weights, earlier];
}

interface HashedFile {
  readonly file: string;
  /** Its name in the model's folder. */
  readonly shard: string;
  readonly sha256: string;
}

async function hashedFiles(
  { tensors }: Pick<ModelFolder, 'tensors'>,
  hash: (file: string) => Promise<string>,
): Promise<HashedFile[]> {
  const shards = new Map([...tensors.values()].map(({ file, shard = file }) => [file, shard]));
  const hashed: HashedFile[] = [];
  for (const [file, shard] of shards) hashed.push({ file, shard, sha256: await hash(file) });
  return hashed;
}

function inOrder(files: readonly HashedFile[], by: keyof HashedFile): string {
  const hashes = files.toSorted((a, b) => (a[by] < b[by] ? -1 : 1)).map((file) => file.sha256);
  return hashes.length === 1 ? hashes[0] : sha256(hashes.join('\n'));
}
