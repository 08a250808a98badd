/** What a scan found, in a sentence: English, for the command line and the report. */
import { formatPercent } from './format.js';
import type { ScanLimit, ScanResult } from './scan.js';

type Numbers = Omit<ScanResult, 'perRow'>;

/**
 * Whether a p-value is smaller than the rows that a row was compared with can show, and so an extrapolation of how far these
 * differ: twice 1 / (n + 1), as it is made of two scores. Of none nothing is extrapolated.
 */
export const isExtrapolated = (p: number, compared: number): boolean => compared > 0 && p < 2 / (compared + 1);

/** "171 of 571 rows look harmful (at most 1 % of ordinary rows would; …)." */
export function scanText(scan: Numbers): string {
  const { calibration, limit } = scan;
  if (scan.threshold === null)
    return 'No row is flagged: there are no ordinary rows to compare with. Train the vector with benign rows, or give ordinary ones (--ordinary).';
  const parts = [`${scan.flagged} of ${scan.rows} rows look harmful (${limitText(limit)})`];
  if (calibration) {
    const { ordinary, harmful, recall } = calibration;
    const rate = 'falseAlarms' in limit ? limit.falseAlarms : undefined;
    const beyond =
      rate !== undefined && isExtrapolated(rate, ordinary)
        ? `, from which the ${formatPercent(rate)} is extrapolated`
        : '';
    parts.push(
      `compared with ${ordinary} ordinary rows${beyond}`,
      ...(recall === null
        ? []
        : [`of ${harmful} harmful rows that the vector has not seen, ${formatPercent(recall)} would be found`]),
    );
  }
  if (scan.auroc !== null)
    parts.push(
      `against the labels: AUROC ${scan.auroc.toFixed(4)}${scan.precision === null ? '' : `, precision ${scan.precision.toFixed(3)}`}${scan.recall === null ? '' : `, recall ${scan.recall.toFixed(3)}`}`,
    );
  if (scan.unusual) parts.push(`${scan.unusual} rows look like neither ordinary nor harmful ones, and are not flagged`);
  if (scan.blind > 0) parts.push(`${scan.blind} rows cannot be judged: the model gives these answers already`);
  if (scan.short > 0) parts.push(`${scan.short} rows are too short to be judged`);
  if (scan.skipped)
    parts.push(`${scan.skipped} rows were not scanned: they are too long, or their answers cannot be told apart`);
  return `${parts.join('; ')}.`;
}

function limitText(limit: ScanLimit): string {
  if ('share' in limit) return `explained by more than ${formatPercent(limit.share)}`;
  return 'falseAlarms' in limit
    ? `as at most ${formatPercent(limit.falseAlarms)} of ordinary rows would`
    : `of them at most ${formatPercent(limit.falseDiscoveries)} ordinary`;
}
