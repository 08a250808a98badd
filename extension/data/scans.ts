import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScanResult } from '../../runtime/protocol.js';
import { Emitter, type Disposable } from '../disposable.js';
import { readJson } from '../jsonLines.js';
import { percent, t } from '../text.js';
import { fromStatePath, replaceFile, STATE_FOLDER, toStatePath } from '../workspace/state.js';

/** What a scan found in a data file, and of which version of the file that is true. */
export interface Scan {
  /** Absolute path of the data file. */
  data: string;
  /** Adapter folder of the security vector, and its name. */
  vector: string;
  vectorName: string;
  size: number;
  mtimeMs: number;
  flagged: number;
  rows: number;
  threshold: number;
  auroc: number | null;
  precision: number | null;
  recall: number | null;
  blind: number;
  marks: Mark[];
}

export interface Mark {
  /** Line of the file, from 1. */
  line: number;
  /** Share of the row's loss that the vector explains. */
  explained: number;
}

const MARKS_KEPT = 20_000;

/** Scans of the workspace's data files, one per file; kept beside the workspace's state, dropped when the file changes. */
export class Scans implements Disposable {
  private scans = new Map<string, Scan>();
  private readonly changes = new Emitter<string>();
  /** Fires with the data file. */
  readonly onDidChange = this.changes.event;

  constructor(private readonly root: () => string | undefined) {}

  get(data: string): Scan | undefined {
    return this.scans.get(data);
  }

  /** Reads the kept scans; those of files that have changed since are left out. */
  async load(): Promise<void> {
    const root = this.root();
    if (root === undefined) return;
    const kept = (await readJson(scansFile(root))) as { version?: number; scans?: Scan[] } | undefined;
    if (kept?.version !== 1 || !Array.isArray(kept.scans)) return;
    for (const scan of kept.scans) {
      const data = fromStatePath(root, scan.data);
      const now = await stat(data).catch(() => undefined);
      if (now?.size !== scan.size || now.mtimeMs !== scan.mtimeMs) continue;
      this.scans.set(data, { ...scan, data, vector: fromStatePath(root, scan.vector) });
      this.changes.fire(data);
    }
  }

  async add(data: string, vector: string, vectorName: string, result: ScanResult): Promise<Scan> {
    const { size, mtimeMs } = await stat(data);
    const { perRow, ...numbers } = result;
    const marks = perRow.filter((row) => row.flagged).map(({ line, explained }) => ({ line, explained }));
    const scan: Scan = { data, vector, vectorName, size, mtimeMs, ...numbers, marks: marks.slice(0, MARKS_KEPT) };
    this.scans.set(data, scan);
    this.changes.fire(data);
    await this.save();
    return scan;
  }

  /** The file has changed: what was found is not true any more. */
  async drop(data: string): Promise<void> {
    if (!this.scans.delete(data)) return;
    this.changes.fire(data);
    await this.save();
  }

  dispose(): void {
    this.changes.dispose();
  }

  private async save(): Promise<void> {
    const root = this.root();
    if (root === undefined) return;
    const scans = [...this.scans.values()].map((scan) => ({
      ...scan,
      data: toStatePath(root, scan.data),
      vector: toStatePath(root, scan.vector),
    }));
    await replaceFile(scansFile(root), `${JSON.stringify({ version: 1, scans })}\n`);
  }
}

const scansFile = (root: string): string => join(root, STATE_FOLDER, 'scans.json');

/** "171 of 600 look harmful". */
export const scanText = ({ flagged, rows }: Pick<Scan, 'flagged' | 'rows'>): string =>
  t('{0} of {1} look harmful', flagged, rows);

/** What a scan says at its end: the count, how good it is where labels exist, and where it is blind. */
export function scanSummary(scan: Scan): string {
  const parts = [scanText(scan)];
  if (scan.auroc !== null) parts.push(t('AUROC {0} against the labels', scan.auroc.toFixed(3)));
  if (scan.precision !== null && scan.recall !== null) {
    parts.push(t('precision {0}, recall {1}', percent(scan.precision), percent(scan.recall)));
  }
  if (scan.blind > 0) parts.push(t('{0} rows cannot be judged: the model gives these answers already', scan.blind));
  return `${parts.join('; ')}.`;
}
