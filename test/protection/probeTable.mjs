/** The table of what probe.mjs found, beside scans with the vector. */
import { percent, table } from './tables.mjs';

const of = (part, whole) => `${part} of ${whole}`;

/** @param scanned of a trait the scan of the same rows with the vector, as vectors.mjs or run.mjs kept it */
export const probes = (all, scanned) =>
  table(
    [
      ...['trait', 'vector: AUROC', 'limit', 'harmful rows found', 'false alarms'],
      ...['probe: AUROC', 'harmful rows found', 'false alarms', 'layer'],
    ],
    all.map(({ trait, auroc, found, harmful, falseAlarms, ordinary, layer, layers }) => {
      const vector = scanned(trait);
      return [
        ...[trait, vector.auroc.toFixed(4), percent(vector.limit)],
        ...[of(Math.round(vector.recall * harmful), harmful), of(Math.round(vector.falseAlarms * ordinary), ordinary)],
        ...[auroc.toFixed(4), of(found, harmful), of(falseAlarms, ordinary), of(layer, layers)],
      ];
    }),
  );
