/** Weights that are made of those of a model once and kept in the user's cache. */
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { megabytes } from '../../contract/format.js';
import { sum } from '../../contract/sum.js';
import { HumanError } from '../../support/errors.js';
import { fileStamp } from '../../support/fileStamp.js';
import { sha256 } from '../../support/files.js';
import { freeSpace } from '../../support/freeSpace.js';
import { makeCache, makeEntry, removeAbandoned, useEntry } from '../cache/userCache.js';
import type { ModelFolder } from '../weights/modelFolder.js';
import { readSafetensors, writeSafetensors, type TensorInfo, type TensorToWrite } from '../weights/safetensors.js';

/** Goes up when the same weights would give other blocks, so that old ones are not used. */
const PACKING = 1;
const FILE = 'model.safetensors';

export interface CacheOptions {
  cache: string;
  onMessage?: (text: string) => void;
  /** Ends the writing. */
  signal?: AbortSignal;
  /** The drive that holds a file, or will. */
  driveOf?: (path: string) => Promise<string>;
}

/**
 * What the cache has of the weights of a model, by the names in its file; written when it does not have it.
 * @throws Cancelled, and HumanError when the disk is too small
 */
export async function inCache(
  model: ModelFolder,
  what: { readonly named: string; readonly doing: string; readonly as: string },
  toWrite: () => readonly TensorToWrite[],
  { cache, onMessage, signal }: CacheOptions,
): Promise<Map<string, TensorInfo>> {
  // Hashing the weights takes a second a gigabyte.
  const stamp = sha256(await fileStamp(weightFiles(model))).slice(0, 32);
  const folder = join(cache, `packed-${stamp}-${PACKING}${what.named}`);
  while (!(await useEntry(folder))) {
    await makeCache(cache);
    await removeAbandoned(cache);
    const tensors = toWrite();
    const bytes = sum(tensors.map((tensor) => tensor.bytes));
    const free = (await freeSpace(cache)) ?? Infinity;
    if (free < bytes * 1.02)
      throw new HumanError(
        `${what.doing.toLowerCase()} the weights needs ${megabytes(bytes)} MB; the disk has ${megabytes(free)} MB left.`,
        {
          place: cache,
          remedy: 'Free some space.',
          kind: 'failed',
        },
      );
    onMessage?.(
      `${what.doing} the weights of ${basename(model.path)}${what.as}, ${megabytes(bytes)} MB; this is done once.`,
    );
    await makeEntry(folder, { file: model.path }, (beside) =>
      writeSafetensors(join(beside, FILE), tensors, { format: 'pt' }, signal),
    );
  }
  // Without links in it: what lies outside the folder is found from it.
  return (await readSafetensors(await realpath(join(folder, FILE)))).tensors;
}

export const weightFiles = ({ tensors }: ModelFolder): string[] =>
  [...new Set([...tensors.values()].map(({ file }) => file))].sort();
