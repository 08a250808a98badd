import { PROBES, type ProbeColumns, type TrainColumns } from '../../runtime/contract/columns.js';

/** The rows from `from` on: what a page that has `from` rows lacks. */
export function trainSince({ step, loss, gradNorm }: TrainColumns, from: number): TrainColumns {
  return { step: step.slice(from), loss: loss.slice(from), gradNorm: gradNorm.slice(from) };
}

export function probesSince(columns: ProbeColumns, from: number): ProbeColumns {
  const result: ProbeColumns = { step: columns.step.slice(from), ...(columns.rows && { rows: columns.rows }) };
  for (const name of PROBES) {
    const column = columns[name];
    if (column) result[name] = column.slice(from);
  }
  return result;
}
