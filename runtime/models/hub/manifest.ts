import { safeParse } from '../../contract/safeParse.js';
import { join } from 'node:path';
import * as z from 'zod';
import { HumanError } from '../../support/errors.js';
import { readOptionalJson } from '../../support/jsonFile.js';
import { isGguf, isHubFile, isSameGguf } from './files.js';
import { standing } from './hashes.js';
import type { fileSums } from './hashes.js';

/** What a folder was downloaded from and the sums of what was written; comes with the files, in one step. */
export const MANIFEST = '.download.json';
const entrySchema = z.object({
  size: z.int().min(0),
  sha256: z.string(),
  /** In the repository, where it is not the name. */
  path: z.string().optional(),
  /** Where it is not the manifest's: a GGUF file of an earlier download. */
  commit: z.string().optional(),
});
const manifestSchema = z.object({
  repository: z.string(),
  revision: z.string(),
  commit: z.string(),
  files: z.record(z.string(), entrySchema),
});
export type DownloadManifest = z.infer<typeof manifestSchema>;

/** The model of a manifest, if its files are as they were written; undefined when another one is asked for. */
export async function completeModel(
  folder: string,
  { files }: DownloadManifest,
  { main: mainFile, requestedFile }: { main: string; requestedFile: string | undefined },
  sumsOf: ReturnType<typeof fileSums>,
): Promise<{ path: string } | undefined> {
  const entries = Object.entries(files).filter(
    ([name, { path = name, commit }]) =>
      commit === undefined && (requestedFile === undefined ? !isGguf(name) : isSameGguf(path, requestedFile)),
  );
  const main = entries.find(([name, { path = name }]) => path === (requestedFile ?? mainFile));
  if (!main) return undefined;
  for (const [name, { size, sha256 }] of entries) {
    const path = join(folder, name);
    const found = await standing(path);
    if (found?.size !== size || (await sumsOf(path, found)).sha256 !== sha256) return undefined;
  }
  return { path: requestedFile === undefined ? folder : join(folder, main[0]) };
}

export async function readManifest(folder: string): Promise<DownloadManifest | undefined> {
  const place = join(folder, MANIFEST);
  const json = await readOptionalJson(place);
  if (!json) return undefined;
  const checked = safeParse(manifestSchema, json);
  if (checked.success && Object.keys(checked.data.files).every(isHubFile)) return checked.data;
  throw new HumanError('this record of a download is damaged.', { place, remedy: 'Delete it and download again.' });
}
