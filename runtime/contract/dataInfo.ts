/** What is told of data: of files, their rows and groups of rows, and of sets of the Hub. */
import type { Columns } from './mapping.js';
import type { DataFormat } from './recipeWords.js';

/** Whether a data file is text as it stands: neither packed nor Parquet. */
export const isText = (file: string): boolean => !/\.(parquet|gz)$/i.test(file);

export interface DataInfo {
  path: string;
  format: Exclude<DataFormat, 'auto'>;
  rows: number;
  labels: { harmful: number; benign: number };
  /** Rows with a `label` that is meant to be one of these, and is not read. */
  unreadLabels?: FoundRows;
  /** Columns with texts that are not read. */
  unreadColumns?: UnreadColumn[];
  /** How many rows cannot be used. */
  refusedRows: number;
  /** The first 10,000 of them, with their place. */
  refused: { line: number; reason: string }[];
  /** The row with the most characters. */
  longest: { line: number; characters: number };
  /** Rows that only ask: a training stops at them. Where all do, the file may be a set of prompts. */
  unanswered?: FoundRows;
  /** Rows that are the same as one before, of the first million rows. */
  duplicates: FoundRows;
  /** Where a model is named. */
  tokens?: {
    total: number;
    longest: { line: number; tokens: number };
    /** Rows with more tokens than `limit`, or with more text than is cut into tokens. */
    tooLong: FoundRows;
    limit: number;
  };
}

export interface UnreadColumn {
  /** Of a message: the column of the messages and its field, as `messages.thought`. */
  column: string;
  /** How many have such a text. */
  rows: number;
  /** Of the first. */
  line: number;
}

export interface FoundRows {
  count: number;
  /** Of the first thousand. */
  lines: number[];
}

/** Rows that are spread over a data file, of a large one over its first rows, as they are and as a model reads them. */
export interface DataPreview {
  path: string;
  /** Of the file: its columns, or the keys of its first rows. */
  columns: string[];
  /** Null: the rows have no known format. */
  format: Exclude<DataFormat, 'auto'> | null;
  /** What the columns may be, where the rows cannot be used as they are. */
  suggested: Columns | null;
  rows: PreviewRow[];
}

export interface PreviewRow {
  line: number;
  /** Column → value as text, cut where it is long. */
  cells: Record<string, string>;
  /** The row as the model reads it: what is supervised, and what stands between. Empty without a model. */
  parts: { text: string; supervised: boolean }[];
  tokens?: number;
  supervised?: number;
  /** Why the row cannot be used. */
  problem?: string;
  /** The row itself is right, and only left out for this model: it is too long, or its answer cannot be told apart. */
  unfit?: true;
}

/** Whether rows like this one are read as it is. */
export const isRead = ({ problem, unfit }: PreviewRow): boolean => problem === undefined || unfit === true;

/** A row as a person reads it. */
export interface RowText {
  hash: string;
  row: number;
  /** Line of the file as it is now, from 1. */
  line: number;
  prompt: string;
  answer: string;
}

/** How rows are put together: by similar prompts or answers, or by what they have in a column. */
export type RowGrouping = { similar: 'prompt' | 'answer' } | { column: string };

/**
 * Rows of a file in groups, as columns with a space between two values: large files make one long text, not many
 * objects.
 */
export interface RowGroups {
  /** Columns by which rows may be grouped. */
  columns: string[];
  hashes: string;
  /** Of each of these rows, from 0; empty without a grouping. */
  groups: string;
  /** Of a column: the value of each group, in order. */
  values: string[];
}

export interface CleanResult {
  path: string;
  /** Rows that are as they were, that have a shorter answer, and that were left out. */
  kept: number;
  cut: number;
  left: number;
  /**
   * Rows that were not scanned and that nobody decided about, and whether they stayed; in none of these numbers. Absent
   * where there are none.
   */
  unscanned?: FoundRows & { stayed: boolean };
  /** The first rows that changed, as a unified difference. */
  changes: string;
}

export interface DatasetInfo {
  repository: string;
  commit: string;
  /** As its card says. */
  licence: string | null;
  /** Access is given to people who accept its owner's terms. */
  gated: boolean;
  /** Of the files that are downloaded; of a set of several files perhaps fewer. */
  bytes: number;
  /** Of a set that is brought as it is: all that it has. */
  splits: { name: string; bytes: number }[];
  /** The one of them that is brought; null: one of several must be named, or there are none to choose from. */
  split: string | null;
}

/** A data set as it was written, and where it is from; the same, without `path`, as its provenance.json. */
export interface DatasetResult {
  /** Folder. */
  path: string;
  repository: string;
  revision: string;
  commit: string;
  licence: string | null;
  gated: boolean;
  split: string | null;
  limit: number | null;
  /** Files of the Hub that were read. */
  sources: { path: string; size: number; sha256: string }[];
  files: {
    name: string;
    use: 'harmful' | 'benign' | 'measure' | null;
    measure: 'harm' | 'over-refusal' | 'loss' | null;
    rows: number;
    sha256: string;
  }[];
  /** For people: what was left out, or is missing. */
  notes: string[];
}
