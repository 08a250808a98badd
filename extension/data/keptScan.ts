/** What a scan is kept as. */
import * as z from 'zod';
import { COLUMN_FIELDS } from '../../runtime/contract/mapping.js';
import { DATA_FORMATS } from '../../runtime/contract/recipeWords.js';
import { SCAN_TABLE } from './scanTable.js';

/** Of some hundred thousand rows. */
export const MAX_BYTES = 256 * 1024 * 1024;

/** As columns, each with a space between two values: a table of sixty thousand rows is read in some milliseconds. */
export const KEPT = z.object({
  version: z.literal(5),
  data: z.string(),
  model: z.string().optional(),
  vector: z.string(),
  vectorName: z.string(),
  columns: z.partialRecord(z.enum(COLUMN_FIELDS), z.string()).optional(),
  format: z.enum(DATA_FORMATS).optional(),
  size: z.number(),
  mtimeMs: z.number(),
  sha256: z.string(),
  lineCount: z.number(),
  flagged: z.number(),
  rows: z.number(),
  threshold: z.number().nullable(),
  calibration: z
    .object({
      ordinary: z.number(),
      ordinaryPrompts: z.number().optional(),
      harmful: z.number(),
      recall: z.number().nullable(),
    })
    .nullable(),
  auroc: z.number().nullable(),
  labels: z
    .object({
      ...{ harmful: z.number(), benign: z.number(), flagged: z.number() },
      prompts: z.object({ harmful: z.number(), benign: z.number(), flagged: z.number() }).optional(),
      aurocInterval: z.tuple([z.number(), z.number()]),
    })
    .optional(),
  precision: z.number().nullable(),
  recall: z.number().nullable(),
  blind: z.number(),
  short: z.number(),
  related: z.number().optional(),
  unusual: z.number().optional(),
  skipped: z.number().optional(),
  otherLanguages: z.array(z.object({ language: z.string(), rows: z.number() })).optional(),
  rowFormat: z.enum(DATA_FORMATS).exclude(['auto']).optional(),
  lines: z.string(),
  explained: z.string(),
  /** NaN where a row has none. */
  ps: z.string(),
  /** A line for each mark. */
  parts: z.string(),
  keys: z.string(),
  /** Of rows of several lines `LINES:KEY`, of others nothing. */
  blocks: z.string(),
  hashes: z.string(),
  table: SCAN_TABLE,
  cut: z.array(z.tuple([z.number(), z.union([z.string(), z.array(z.number())])])),
});
