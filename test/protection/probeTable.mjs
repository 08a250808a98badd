/** The table of what probe.mjs found. */
import { table } from './tables.mjs';

const of = (part, whole) => `${part} of ${whole}`;

export const probes = (all) =>
  table(
    [
      ...['trait', 'AUROC without the probe', 'harmful rows found', 'false alarms'],
      ...['AUROC with it', 'harmful rows found', 'false alarms', 'AUROC of the probe alone'],
    ],
    all.map(({ trait, harmful, ordinary, probeAuroc, without, ...whole }) => [
      trait,
      ...[without, whole].flatMap(({ auroc, found, falseAlarms }) => [
        ...[auroc.toFixed(4), of(found, harmful), of(falseAlarms, ordinary)],
      ]),
      probeAuroc.toFixed(4),
    ]),
  );
