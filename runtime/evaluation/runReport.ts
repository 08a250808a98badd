import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import type { Manifest, Recipe, ScanResult } from '../protocol.js';
import { readEvents, type RunFolder } from '../training/runFolder.js';
import { renderReport, type ReportRun } from './report.js';

async function readRun(folder: string): Promise<ReportRun> {
  const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'));
  return {
    manifest: (await json('manifest.json')) as Manifest,
    recipe: (await json('recipe.json')) as Recipe,
    events: [...(await readEvents(folder)), ...(await readEvents(folder, 'answers.jsonl'))],
  };
}

/** report.html of a run that has ended. */
export async function writeReport(folder: RunFolder): Promise<void> {
  const scan = existsSync(folder.file('scan.json'))
    ? (JSON.parse(await readFile(folder.file('scan.json'), 'utf8')) as ScanResult)
    : undefined;
  await writeFileAtomic(folder.file('report.html'), renderReport({ runs: [await readRun(folder.path)], scan }));
}

/** One report over several run folders, in the order of the story. */
export async function writeStoryReport(
  file: string,
  folders: readonly string[],
  scan: Omit<ScanResult, 'perRow'>,
): Promise<void> {
  const runs: ReportRun[] = [];
  for (const folder of folders) runs.push(await readRun(folder));
  await writeFileAtomic(file, renderReport({ runs, scan }));
}
