import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HumanError } from '../../errors.js';
import { readJsonObject } from '../../jsonFile.js';

/** What a folder was downloaded from; written when all its files are complete. */
export const MANIFEST = '.download.json';
const manifestSchema = z.object({
  repository: z.string(),
  revision: z.string(),
  commit: z.string(),
  files: z.record(
    z.string(),
    // path: in the repository, where it is not the name
    z.object({ size: z.int().min(0), sha256: z.string(), path: z.string().optional() }),
  ),
});
export type DownloadManifest = z.infer<typeof manifestSchema>;

/** The model of a manifest, if its files are all there; undefined when another file is wanted or something is missing. */
export async function completeModel(
  folder: string,
  { files }: DownloadManifest,
  wanted: string | undefined,
): Promise<{ path: string } | undefined> {
  for (const [name, { size }] of Object.entries(files))
    if ((await sizeOf(join(folder, name))) !== size) return undefined;
  if (wanted === undefined) return 'config.json' in files ? { path: folder } : undefined;
  const gguf = Object.entries(files).find(([name, { path = name }]) => path === wanted);
  return gguf && { path: join(folder, gguf[0]) };
}

export async function readManifest(folder: string, repository: string): Promise<DownloadManifest | undefined> {
  const place = join(folder, MANIFEST);
  if ((await sizeOf(place)) === undefined) return undefined;
  const checked = manifestSchema.safeParse(await readJsonObject(place));
  const plain = checked.success && Object.keys(checked.data.files).every((name) => !/[\\/]|^\.\.?$/.test(name));
  if (!plain)
    throw new HumanError('this record of a download is damaged.', { place, remedy: 'Delete it and download again.' });
  if (checked.data.repository === repository) return checked.data;
  throw new HumanError(`the folder holds ${checked.data.repository}.`, {
    place: folder,
    remedy: `Choose another folder for ${repository}.`,
  });
}

/** Bytes of a file; undefined when it is not there. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
