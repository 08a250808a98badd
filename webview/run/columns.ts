import { PROBES, type Column, type ProbeColumns } from '../../runtime/contract/columns.js';
import type { RunPageEvent, RunSnapshot } from '../protocol/run.js';

/** Probe columns of `more` after those of `columns`; a column that only one of them has is filled up with null. */
function appendProbes(columns: ProbeColumns, more: ProbeColumns): void {
  const before = columns.step.length;
  columns.step.push(...more.step);
  if (more.rows) columns.rows = more.rows;
  for (const name of PROBES) {
    if (!columns[name] && !more[name]) continue;
    const column: Column = (columns[name] ??= new Array<null>(before).fill(null));
    column.push(...(more[name] ?? new Array<null>(more.step.length).fill(null)));
  }
}

/**
 * Takes an append into the snapshot; false when it does not follow on what the page has, which then needs a snapshot.
 */
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
