/** provenance.json beside the files of a data set: where they are from, with hashes. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { safeParse } from '../contract/safeParse.js';
import { HumanError } from '../support/errors.js';
import { isTrace, sha256File } from '../support/files.js';
import { readOptionalJson } from '../support/jsonFile.js';

export const PROVENANCE = 'provenance.json';
const provenanceSchema = z.object({
  repository: z.string(),
  revision: z.string(),
  commit: z.string(),
  licence: z.string().nullable(),
  gated: z.boolean(),
  split: z.string().nullable(),
  limit: z.number().nullable(),
  /** Files of the Hub that were read. */
  sources: z.array(z.object({ path: z.string(), size: z.number(), sha256: z.string() })),
  /** What was written. */
  files: z.array(
    z.object({
      name: z.string().regex(/^[\w-]+\.jsonl$/),
      use: z.enum(['harmful', 'benign', 'measure']).nullable(),
      measure: z.enum(['harm', 'over-refusal', 'loss']).nullable(),
      rows: z.number(),
      sha256: z.string(),
    }),
  ),
  notes: z.array(z.string()),
});
export type Provenance = z.infer<typeof provenanceSchema>;

/** What was asked for. */
export type Asked = Omit<Provenance, 'sources' | 'files' | 'notes'>;

export async function readProvenance(folder: string): Promise<Provenance | undefined> {
  const checked = safeParse(provenanceSchema, await readOptionalJson(join(folder, PROVENANCE)).catch(() => undefined));
  return checked.success ? checked.data : undefined;
}

/** The same was asked for, whatever the revision was called. */
export function isSame(before: Provenance, asked: Asked): boolean {
  const { sources: _, files: __, notes: ___, ...was } = before;
  return JSON.stringify({ ...was, revision: '' }) === JSON.stringify({ ...asked, revision: '' });
}

/** The first file that is not, or no longer, as it was written. */
export async function changedIn(folder: string, { files }: Provenance): Promise<string | undefined> {
  for (const { name, sha256 } of files)
    if ((await sha256File(join(folder, name)).catch(() => undefined)) !== sha256) return name;
  return undefined;
}

/** @throws HumanError where the folder holds what no download wrote. */
export async function requireOwn(folder: string, before: Provenance | undefined): Promise<void> {
  const own = new Set(before && [PROVENANCE, ...before.files.map(({ name }) => name)]);
  const foreign = (await readdir(folder).catch(() => [])).find((name) => !own.has(name) && !isTrace(name));
  if (foreign === undefined) return;
  throw new HumanError(`${foreign} in this folder does not come from a download.`, {
    place: folder,
    remedy: 'Choose another folder, or move the file away.',
  });
}
