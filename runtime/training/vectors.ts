import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { adapterFlat, type FlatAdapter } from '../adapters/flat.js';
import type { LoadedData } from '../context.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { subset, type ExampleList } from '../data/exampleList.js';
import { HumanError } from '../errors.js';
import { SCAN_THRESHOLD, scanExamples } from '../evaluation/scan.js';
import { replaceFile } from '../files.js';
import type { FinetuneRecipe, ScanResult } from '../protocol.js';
import type { Job } from './job.js';
import type { Learner } from './learner.js';
import type { Feeds } from '../device/session.js';

/** A security vector that is active and frozen while fine-tuning. `name` is its own in the graph. */
export interface ActiveVector extends FlatAdapter {
  readonly name: string;
  readonly path: string;
  readonly scale: number;
}

const ROWS_AT_ONCE = 10_000;

/** @throws HumanError when a vector does not fit, or a protection has none */
export async function readVectors(job: Job<FinetuneRecipe>): Promise<ActiveVector[]> {
  const { recipe, context } = job;
  if (recipe.vectors.length === 0 && recipe.protection !== false) {
    throw new HumanError('"protection" needs a vector.', {
      place: 'recipe.json protection',
      remedy: 'List one under "vectors", or remove "protection".',
    });
  }
  const vectors: ActiveVector[] = [];
  for (const [i, { adapter, scale }] of recipe.vectors.entries()) {
    const path = job.path(adapter);
    const flat = await adapterFlat(path, context.sites);
    if (flat.file.role !== 'security')
      await job.emit({
        kind: 'warning',
        message: `the adapter ${basename(path)} is not marked as a security vector.`,
        place: flat.file.path,
        remedy: 'Train it with a "vector" recipe, or check the path.',
      });
    vectors.push({ ...flat, name: `vector${i}`, path, scale });
  }
  return vectors;
}

export interface DataSeen {
  /** Rows that the vectors explain, by their number in the file. */
  readonly flagged: ReadonlySet<number>;
  /** All others. */
  readonly ordinary: ExampleList;
}

/**
 * The data as the vectors see it before anything is trained. A resumed run takes what it found when it began: the model
 * may have learned since.
 */
export async function scanData(
  job: Job<FinetuneRecipe>,
  learner: Learner,
  parameters: Feeds,
  data: LoadedData,
  scales: { off: Record<string, number>; on: Record<string, number> },
  resumed: boolean,
): Promise<DataSeen> {
  const { recipe, folder, signal } = job;
  const route = recipe.protection === false ? false : recipe.protection.route;
  const file = folder.file(RUN_FILES.scan);
  let scan = resumed ? await readScan(file) : undefined;
  if (!scan) {
    scan = await scanExamples(
      learner,
      parameters,
      data.examples,
      { ...scales, threshold: route === false ? SCAN_THRESHOLD : route },
      { signal, onProgress: (share) => job.progress('scanning the data with the vector', share) },
    );
    await writeScan(file, scan);
  }
  if (scan.flagged > 0.9 * scan.rows) {
    await job.emit({
      kind: 'warning',
      message: `${scan.flagged} of ${scan.rows} rows look harmful: there is little to learn from this file, and an anchor of refusals alone wears ordinary answers down.`,
      place: data.path,
      remedy: 'Look at the rows; add ordinary ones, or set protection.anchor.benign.',
    });
  }
  // a row for each example, in order
  const ordinary = scan.perRow.flatMap((row, i) => (row.flagged ? [] : [i]));
  return {
    flagged: new Set(scan.perRow.filter((row) => row.flagged).map(({ row }) => row)),
    ordinary: subset(data.examples, ordinary),
  };
}

async function readScan(file: string): Promise<ScanResult> {
  if (!existsSync(file))
    throw new HumanError('the run cannot go on without the scan it began with.', {
      place: file,
      remedy: 'Start the run anew.',
    });
  const text = await readFile(file, 'utf8');
  try {
    return JSON.parse(text) as ScanResult;
  } catch (error) {
    throw new HumanError('the scan that the run began with is damaged.', {
      place: file,
      remedy: 'Start the run anew.',
      cause: error,
    });
  }
}

/** In pieces: the rows of a large file make more text than a string holds. */
async function writeScan(file: string, { perRow, ...numbers }: ScanResult): Promise<void> {
  await replaceFile(file, async (handle) => {
    await handle.writeFile(JSON.stringify(numbers).replace(/}$/, ',"perRow":['));
    for (let at = 0; at < perRow.length; at += ROWS_AT_ONCE) {
      const rows = perRow.slice(at, at + ROWS_AT_ONCE).map((row) => JSON.stringify(row));
      await handle.writeFile(`${at > 0 ? ',' : ''}${rows.join()}`);
    }
    await handle.writeFile(']}\n');
  });
}
