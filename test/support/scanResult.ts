import type { ScanResult, ScanRow } from '../../runtime/contract/scan.js';

/** What a scan finds in a row without labels, and with no rows to compare it with, but for what the test says. */
export const scanResult = (own: Partial<ScanResult> = {}): ScanResult => ({
  flagged: 0,
  rows: 1,
  threshold: 0.01,
  limit: { falseAlarms: 0.01 },
  calibration: null,
  auroc: null,
  precision: null,
  recall: null,
  blind: 0,
  short: 0,
  perRow: [],
  ...own,
});

/** A row of it that is not flagged, but for what the test says. */
export const scanRow = (row: number, more: Partial<ScanRow>): ScanRow => ({
  ...{ row, line: row + 1, explained: 0, span: 0, flagged: false, tokens: 20, lossWithout: 2, lossWith: 2, ...more },
});
