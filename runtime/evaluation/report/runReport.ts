import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_FILES } from '../../contract/runFiles.js';
import { writeFileAtomic } from '../../support/files.js';
import type { Manifest } from '../../contract/manifest.js';
import type { Recipe } from '../../contract/recipe.js';
import type { ScanResult } from '../../contract/scan.js';
import { readScan } from '../scan/scanFile.js';
import { noRun, notTogether, readManifest } from '../../runs/output.js';
import { readJsonObject } from '../../support/jsonFile.js';
import { readEvents, type RunFolder } from '../../runs/runFolder.js';
import { renderReport, type ReportRun } from './report.js';

/**
 * A run as its folder holds it, without its answers, which may be many.
 * @throws HumanError for another folder, and one whose files are damaged
 */
export async function readRun(folder: string, known?: Manifest): Promise<ReportRun> {
  const manifest = known ?? (await readManifest(folder));
  if (!manifest) throw noRun(folder);
  const recipe = (await readJsonObject(join(folder, RUN_FILES.recipe))) as unknown as Recipe;
  if (recipe.kind !== manifest.kind) throw notTogether(folder);
  return { manifest, recipe, events: await readEvents(folder) };
}

async function withAnswers(run: ReportRun, folder: string): Promise<ReportRun> {
  return { ...run, events: [...run.events, ...(await readEvents(folder, RUN_FILES.answers))] };
}

/** report.html of a run that is about to end with this manifest. */
export async function writeReport(folder: Pick<RunFolder, 'path' | 'file'>, manifest: Manifest): Promise<void> {
  const file = folder.file(RUN_FILES.scan);
  const scan = existsSync(file) ? await readScan(file, false) : undefined;
  const runs = [await withAnswers(await readRun(folder.path, manifest), folder.path)];
  await writeFileAtomic(folder.file(RUN_FILES.report), renderReport({ runs, scan }), { makeFolder: false });
}

/** One report over several run folders, in the order of the story. */
export async function writeStoryReport(
  file: string,
  folders: readonly string[],
  scan: Omit<ScanResult, 'perRow'>,
): Promise<void> {
  const runs: ReportRun[] = [];
  for (const folder of folders) runs.push(await withAnswers(await readRun(folder), folder));
  await writeFileAtomic(file, renderReport({ runs, scan }));
}
