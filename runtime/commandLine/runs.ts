/** The runs below a folder, as their folders tell. */
import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readTable } from '../calls/sweepTable.js';
import { numbersIn } from '../contract/format.js';
import { SWEEP_ENGLISH, sweepView } from '../contract/sweepView.js';
import { readingOf, runView } from '../contract/runView.js';
import { factsOf, measurementsOf } from '../contract/facts.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { runVerdict } from '../contract/verdict.js';
import type { Measurement } from '../contract/events.js';
import type { Manifest } from '../contract/manifest.js';
import { readRun } from '../evaluation/report/runReport.js';
import { ownerOf } from '../runs/ownerOf.js';
import { damagedRun, readManifest } from '../runs/output.js';

export interface RunSummary {
  /** Relative to the folder that was asked for. */
  path: string;
  kind: Manifest['kind'];
  /** `running` while its process lives, else `interrupted` where it did not end. */
  outcome: Manifest['outcome'] | 'interrupted';
  started: string;
  ended?: string;
  steps?: number;
  seconds?: number;
  model: string;
  verdict: string;
  headline: string;
  measurements: Measurement[];
}

/** Deeper than any workspace has its runs. */
const DEPTH = 6;
const SKIPPED = /^(node_modules|\..*)$/;

type OnProblem = (folder: string, error: unknown) => void;

/** @param onProblem told of folders below this one that cannot be read */
export async function listRuns(folder: string, onProblem: OnProblem): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  for (const path of await runFolders(folder, onProblem)) {
    try {
      runs.push(await summary(path, relative(folder, path) || '.'));
    } catch (error) {
      onProblem(path, error);
    }
  }
  return runs.sort((a, b) => a.started.localeCompare(b.started) || a.path.localeCompare(b.path));
}

async function summary(path: string, shown: string): Promise<RunSummary> {
  const run = await readRun(path);
  const { manifest } = run;
  const isLive = manifest.outcome === 'running' && (await ownerOf(path)) !== undefined;
  const read = readingOf(run);
  const reading = isLive ? { ...read, verdict: runVerdict({ ...factsOf(run), phase: 'training' }) } : read;
  const { mark, headline } = runView(reading);
  return {
    path: shown,
    kind: manifest.kind,
    outcome: manifest.outcome === 'running' && !isLive ? 'interrupted' : manifest.outcome,
    started: manifest.started,
    ended: manifest.ended,
    steps: manifest.done?.step,
    seconds: manifest.done?.seconds,
    model: manifest.model.path,
    verdict: reading.verdict.kind,
    headline: [mark, headline, manifest.kind === 'sweep' && (await sweepSummary(path))].filter(Boolean).join(' '),
    measurements: measurementsOf(run),
  };
}

/** How far a sweep is, and where its protection holds; '' without a table that can be read. */
async function sweepSummary(path: string): Promise<string> {
  const table = await readTable(path).catch(() => undefined);
  return table ? sweepView(table.over, table.points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).summary : '';
}

/**
 * Folders with a manifest of this program; what lies in a run belongs to it, but for the points of a sweep, and the run
 * that is to replace it. Links are not followed.
 */
async function runFolders(folder: string, onProblem: OnProblem, depth = 0): Promise<string[]> {
  const found: string[] = [];
  try {
    if (await lstat(join(folder, RUN_FILES.manifest)).catch(() => undefined)) {
      const manifest = await readManifest(folder);
      if (manifest?.kind === 'sweep') return [folder, ...(await pointFolders(folder, onProblem))];
      if (manifest) return [folder, ...(await replacementOf(folder))];
      const damaged = damagedRun(folder);
      if (damaged) onProblem(folder, damaged);
    }
    if (depth === DEPTH) return [];
    for (const entry of await readdir(folder, { withFileTypes: true }))
      if (entry.isDirectory() && !SKIPPED.test(entry.name))
        found.push(...(await runFolders(join(folder, entry.name), onProblem, depth + 1)));
  } catch (error) {
    if (depth === 0) throw error;
    onProblem(folder, error);
  }
  return found;
}

/** However deep the sweep lies. */
async function pointFolders(sweep: string, onProblem: OnProblem): Promise<string[]> {
  const points = join(sweep, RUN_FILES.points);
  return (await isFolder(points)) ? runFolders(points, onProblem, DEPTH - 1) : [];
}

async function replacementOf(run: string): Promise<string[]> {
  const next = join(run, RUN_FILES.next);
  return (await isFolder(next)) && (await readManifest(next)) ? [next] : [];
}

const isFolder = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
