import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { readJson } from '../host/checkedFile.js';
import { replaceFile } from '../host/state.js';

/**
 * What a person calls a run and puts it under. It lies in the run folder, and goes where that goes; neither the
 * folder's name nor anything that recipes name is changed by it.
 */
const LABEL = z.object({
  /** Shown instead of the name of the folder. */
  name: z.string().min(1).optional(),
  tags: z.array(z.string().min(1)).default([]),
  /** Shown only when asked for. */
  archived: z.boolean().default(false),
});
export type RunLabel = z.infer<typeof LABEL>;

/** @throws HostError for a file that says something else */
export const readLabel = (folder: string): Promise<RunLabel | undefined> =>
  readJson(join(folder, RUN_FILES.label), LABEL);

export const writeLabel = (folder: string, label: RunLabel): Promise<void> =>
  replaceFile(join(folder, RUN_FILES.label), `${JSON.stringify(label, undefined, 2)}\n`);

/** Of a run that never began: its folder has nothing else, or what others have put there. */
export async function removeLabel(folder: string): Promise<void> {
  await rm(join(folder, RUN_FILES.label), { force: true });
  await rmdir(folder).catch(() => undefined);
}

/** "#baseline, lr 3e-3" → ["baseline", "lr 3e-3"]: each once, in the order of writing. */
export const tagsOf = (text: string): string[] => [
  ...new Set(
    text
      .split(',')
      .map((tag) => tag.trim().replace(/^#+/, '').trim())
      .filter(Boolean),
  ),
];
