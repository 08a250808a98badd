import { OF_ONE_VECTOR, type ScanColumn, type ScanLimit, type ScanResult, type ScanRow } from '../../contract/scan.js';
import { without } from '../../support/without.js';
import { rowPValue, unchangedPValue, unlikeHarmfulBelow, type Calibration } from './calibration.js';
import { agreement, countsOf, isUnusual, outside, type Outside } from './scan.js';
import { joinedSpans } from './spans.js';

/** The limit of each of several scans, so that all together keep it (Bonferroni). */
export function limitOfEach(limit: ScanLimit, scans: number): ScanLimit {
  if ('share' in limit) return limit;
  return 'falseAlarms' in limit
    ? { falseAlarms: limit.falseAlarms / scans }
    : { falseDiscoveries: limit.falseDiscoveries / scans };
}

/**
 * The scans of several vectors, each on alone, as one: a row has the scores of the vector that finds it most
 * suspicious, is flagged when any vector flags it, and is as unlike harmful rows, and as little changed, as the most
 * lenient one says. It has the spans of all that flag it, and what these leave is as ordinary as the most severe of all
 * says. Where one has nothing to compare with, none says how ordinary or harmful a row is. What each says by itself is
 * in `byVector`.
 * @param vectors their names, in the order of the scans
 * @param calibrations what each compared with
 * @param asks what the rows ask (questionsOf)
 */
export function scanOfSeveral(
  scans: readonly ScanResult[],
  vectors: readonly string[],
  calibrations: readonly (Calibration | undefined)[],
  limit: ScanLimit,
  asks?: readonly string[],
): ScanResult {
  const [first] = scans;
  const ps = calibrations.map(
    (calibration) => calibration && { p: rowPValue(calibration), pUnchanged: unchangedPValue(calibration) },
  );
  const below = calibrations.map(unlikeHarmfulBelow);
  const perRow = first.perRow.map((_, i): ScanRow => {
    const rows = scans.map((scan) => scan.perRow[i]);
    const vector = rows.reduce((best, row, k) => (isMoreSuspicious(row, rows[best]) ? k : best), 0);
    const { p } = rows[vector];
    const found = without(
      rows[vector],
      'p',
      'pHarmful',
      'kl',
      'pUnchanged',
      'pUnchangedOutside',
      'related',
      'inserted',
      'guessed',
      'answers',
    );
    const isCompared = rows.every((row) => row.p !== undefined);
    const harmful = rows.flatMap(({ pHarmful }) => pHarmful ?? []);
    const changed = rows.flatMap(({ kl }) => kl ?? []);
    const unchanged = rows.flatMap(({ pUnchanged }) => pUnchanged ?? []);
    const spans = joinedSpans(rows.flatMap((row) => row.spans ?? []));
    const answers = [...new Set(rows.flatMap((row) => row.answers ?? []))].sort((a, b) => a - b);
    // a vector that has nothing to compare with cannot say that the rest is ordinary
    const rests = rows.map(({ losses }, k) => (ps[k] && losses ? outside(losses, spans, ps[k]) : { pOutside: 0 }));
    return {
      ...found,
      ...(isCompared && { p }),
      ...(spans.length > 0 && { spans, ...outsideOfAll(rests) }),
      ...(spans.length > 0 && rows.every((row) => !row.flagged || row.inserted) && { inserted: true as const }),
      ...(rows.some((row) => row.guessed) && { guessed: true as const }),
      ...(answers.length > 0 && rows.every((row) => !row.flagged || row.answers) && { answers }),
      ...(harmful.length === rows.length && { pHarmful: Math.max(...harmful) }),
      ...(changed.length === rows.length && { kl: Math.max(...changed) }),
      ...(unchanged.length === rows.length && { pUnchanged: Math.max(...unchanged) }),
      ...(!found.flagged && !found.unjudged && rows.some((row) => row.related) && { related: true as const }),
      vector,
      byVector: rows.map(ofOne),
    };
  });
  const thresholds = scans.map(({ threshold }) => threshold);
  return {
    ...first,
    ...countsOf(
      perRow,
      scans.some((scan) => scan.related !== undefined),
    ),
    unusual: perRow.filter(
      (row, i) =>
        !row.flagged && !row.related && scans.some((scan, k) => isUnusual(scan.perRow[i], scan.limit, below[k])),
    ).length,
    limit,
    calibration: null,
    // All must have something to compare with: a vector that flags nothing protects from nothing that it finds.
    threshold: thresholds.includes(null) ? null : Math.max(...thresholds.map((one) => one!)),
    ...agreement(perRow, asks),
    byVector: scans.map(({ flagged, threshold, calibration, auroc, precision, recall }, k): ScanColumn => ({
      vector: vectors[k],
      flagged,
      threshold,
      calibration,
      auroc,
      precision,
      recall,
    })),
    perRow,
  };
}

/** How many rows each of several vectors flags, and how many it alone; undefined of a single one. */
export const flaggedByVector = ({ byVector, perRow }: ScanResult): { flagged: number; alone: number }[] | undefined =>
  byVector?.map(({ flagged }, k) => {
    const isAlone = ({ byVector: by = [] }: ScanRow): boolean => by.every((one, i) => one.flagged === (i === k));
    return { flagged, alone: perRow.filter(isAlone).length };
  });

/** What several vectors say of what the spans of all leave of a row. */
function outsideOfAll(rests: readonly Outside[]): Outside {
  const unchanged = rests.flatMap(({ pUnchangedOutside }) => pUnchangedOutside ?? []);
  return {
    pOutside: Math.min(...rests.map(({ pOutside }) => pOutside)),
    ...(unchanged.length === rests.length && { pUnchangedOutside: Math.max(...unchanged) }),
  };
}

type OfOne = Required<ScanRow>['byVector'][number];
const ofOne = (row: ScanRow): OfOne =>
  Object.fromEntries(OF_ONE_VECTOR.map((key) => [key, row[key]])) as unknown as OfOne;

/** A flagged row before others, then a rarer one, then one that is explained better. */
function isMoreSuspicious(one: ScanRow, than: ScanRow): boolean {
  if (one.flagged !== than.flagged) return one.flagged;
  const [p, q] = [one.p ?? 1, than.p ?? 1];
  return p !== q ? p < q : one.explained > than.explained;
}
