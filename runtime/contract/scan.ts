/** What a scan finds in the rows of a file. */
import type * as z from 'zod';
import type { RowFormat } from './mapping.js';
import type { scanRowSchema } from './scanRowSchema.js';

/** What of a row one vector says alone. */
export const OF_ONE_VECTOR = [
  'explained',
  'span',
  'choice',
  'probe',
  'p',
  'pHarmful',
  'kl',
  'pUnchanged',
  'flagged',
  'related',
] as const;

export interface ScanRow extends z.infer<typeof scanRowSchema> {
  /**
   * Of several vectors: which one the row's scores are of, and what each says alone. Only in the scan.json of a run.
   */
  vector?: number;
  byVector?: Pick<ScanRow, (typeof OF_ONE_VECTOR)[number]>[];
  /** Of each supervised token, nats, and its KL. Only in the scan.json of a run. */
  losses?: { without: number[]; with: number[]; kl?: number[] };
}

/**
 * Which rows are flagged. `falseAlarms`: of ordinary rows, this share at most. `falseDiscoveries`: of the flagged rows,
 * this share is ordinary at most (Benjamini–Hochberg). `share`: rows explained by more than this, without a promise.
 */
export type ScanLimit = { falseAlarms: number } | { falseDiscoveries: number } | { share: number };
/** Of how many scores a p-value is made. */
export const SCAN_SCORES = 4;
export const SCAN_LIMIT = { falseAlarms: 0.01 } as const satisfies ScanLimit;

export interface ScanResult {
  flagged: number;
  rows: number;
  /**
   * Rows with a p-value of at most this are flagged (with a limit on the share: with more than this share). Null: none
   * can be.
   */
  threshold: number | null;
  limit: ScanLimit;
  /**
   * Rows that the vector was not trained on, to which the file's rows were compared; null where there are none, and of
   * several vectors, each of which has its own (`byVector`).
   */
  calibration: {
    ordinary: number;
    /** Of the ordinary ones; an earlier version did not count them. */
    ordinaryPrompts?: number;
    harmful: number;
    /** Share of the harmful ones that is flagged at this threshold: what to expect of rows like these. */
    recall: number | null;
    /** The same at 1 % false alarms, whatever the threshold is. */
    detected?: number | null;
  } | null;
  /** Area under the ROC curve against the labels; null without labels of both kinds. */
  auroc: number | null;
  /**
   * What these three rest on: labelled rows of each kind, those of them that are flagged, and the 95 % interval of the
   * AUROC.
   */
  labels?: {
    harmful: number;
    benign: number;
    flagged: number;
    /**
     * Different prompts of these, on which interval and bounds rest, where they are fewer; an earlier version did not
     * count them.
     */
    prompts?: { harmful: number; benign: number; flagged: number };
    aurocInterval: [low: number, high: number];
  };
  precision: number | null;
  recall: number | null;
  /** Rows that are `known`: the scan cannot see these. */
  blind: number;
  /** Rows that are too short to be judged. */
  short: number;
  /**
   * Rows that were not scanned: they are too long for the model, or their answers cannot be told apart. Not in the
   * scan.json of a run, which warns of them.
   */
  skipped?: number;
  /**
   * Rows that are `related`; undefined where that cannot be told: of vectors that are no detector, of few harmful rows,
   * or of an earlier version.
   */
  related?: number;
  /** Other rows that look like neither ordinary nor harmful ones; they are not flagged. */
  unusual?: number;
  /**
   * Rows in languages (ISO 639-1) that no harmful row of the vector is in, most rows first; absent where there are none,
   * or where the vector does not say which languages its rows are in. Not in the scan.json of a run, which warns of them.
   */
  otherLanguages?: LanguageCount[];
  /** As which row format the rows were read, also where nobody said it. Not in the scan.json of a run. */
  rowFormat?: RowFormat;
  /** Of several vectors, in the order of the recipe. Only in the scan.json of a run. */
  byVector?: ScanColumn[];
  perRow: ScanRow[];
}

export interface LanguageCount {
  language: string;
  rows: number;
}

/** What one of several vectors finds alone. */
export interface ScanColumn extends Pick<
  ScanResult,
  'flagged' | 'threshold' | 'calibration' | 'auroc' | 'precision' | 'recall'
> {
  vector: string;
}

/** A token of an answer: its text, and its loss without the vector and with it, nats. */
export type ExplainedToken = [text: string, without: number, withVector: number];
