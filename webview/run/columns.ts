import { PROBES, type Column, type ProbeColumns } from '../../runtime/contract/columns.js';
import type { RunPageEvent, RunSnapshot } from '../protocol.js';

/** Probe columns of `more` after those of `columns`; a column that only one of them has is filled up with null. */
export function appendProbes(columns: ProbeColumns, more: ProbeColumns): void {
  const before = columns.step.length;
  columns.step.push(...more.step);
  for (const name of PROBES) {
    if (!columns[name] && !more[name]) continue;
    const column: Column = (columns[name] ??= new Array<null>(before).fill(null));
    column.push(...(more[name] ?? new Array<null>(more.step.length).fill(null)));
  }
}

/** Takes an append into the snapshot; false when it does not follow on what the page has, which then needs a snapshot. */
export function append(run: RunSnapshot, event: Extract<RunPageEvent, { type: 'append' }>): boolean {
  if (event.from.train !== run.train.step.length || event.from.probes !== run.probes.step.length) return false;
  run.train.step.push(...event.train.step);
  run.train.loss.push(...event.train.loss);
  run.train.gradNorm.push(...event.train.gradNorm);
  appendProbes(run.probes, event.probes);
  run.progress = event.progress;
  run.verdict = event.verdict;
  return true;
}

export interface Point {
  x: number;
  /** null: a gap in the line. */
  y: number | null;
}

/**
 * At most about `limit` points that look the same: of each stretch of steps the smallest and the largest value, in their
 * order, so that no spike is lost. A gap anywhere in a stretch stays a gap.
 */
export function thin(points: Point[], limit: number): Point[] {
  if (points.length <= limit) return points;
  const stretch = Math.ceil((2 * points.length) / limit);
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += stretch) {
    let low: Point | undefined;
    let high: Point | undefined;
    let gap: Point | undefined;
    for (const point of points.slice(start, start + stretch)) {
      if (point.y === null) gap = point;
      else {
        if (low?.y == null || point.y < low.y) low = point;
        if (high?.y == null || point.y > high.y) high = point;
      }
    }
    const few = new Set([low, high, gap].filter((point) => point !== undefined));
    kept.push(...[...few].sort((a, b) => a.x - b.x));
  }
  return kept;
}
