/**
 * What the extension host and the engine's process say to each other: requests, notifications, and what the engine asks
 * of its host.
 */
import type { Agreement } from './agreement.js';
import type { Cleaning } from './cleaning.js';
import type {
  CleanResult,
  DataInfo,
  DataPreview,
  DatasetInfo,
  DatasetResult,
  RowGrouping,
  RowGroups,
  RowText,
} from './dataInfo.js';
import type { Estimate } from './estimate.js';
import type { DoneEvent, Measurement, RunEvent } from './events.js';
import type { CombineResult, ExportFormat, PublishPlan } from './exports.js';
import type { ChatMessage, GenerateParams, ScoreRow } from './generation.js';
import type { LabelledAnswer } from './labels.js';
import type { JudgeFacts } from './manifest.js';
import type { ReadAs } from './mapping.js';
import type { CacheEntry, CacheInfo, ModelInfo, ModelReference, TrainingDefaults } from './modelInfo.js';
import type { EditorChoice, JudgeChoice } from './recipeJudges.js';
import type { Computing, DeviceChoice } from './recipeWords.js';
import type { SweepPoint } from './sweep.js';
import type { ExplainedToken, ScanLimit, ScanResult, ScanRow } from './scan.js';

/** Requests to the child process: every request ends with a result, an error or a cancellation. */
export interface Requests {
  /** Runs a recipe; sends `events` while it runs. */
  run: {
    params: {
      recipe: string;
      output?: string;
      resume?: boolean;
      /** Replace a finished run in the output folder when the new one is done. */
      force?: boolean;
      /** instead of the recipe's */ device?: DeviceChoice;
      /** Of the Hub, for adapters that the recipe names by it. */
      token?: string;
      /** Of a cluster and of judges, by `secretKey`; who gives any gives all. Default: the environment's. */
      secrets?: Record<string, string>;
    };
    result: DoneEvent;
  };
  /**
   * Judges the kept answers of a finished run, or of all points of a sweep that are done: by further judges, and by
   * what people have said of them. Changes the run's answers, measurements and report, and the table of its sweep, and
   * sends `events` while it works.
   */
  judge: {
    params: {
      run: string;
      /** Further judges; paths are absolute. One of a name that the run has already takes its place. */
      judges?: JudgeChoice[];
      labels?: LabelledAnswer[];
      /** File of an evaluation set that all labelled answers are written to, as JSON lines; must not be there yet. */
      export?: string;
      /** Of the further judges, as for a run. */
      secrets?: Record<string, string>;
    };
    result: {
      measurements: Measurement[];
      agreements: Agreement[];
      labelled: number;
      judges: JudgeFacts[];
      /** Of a sweep, instead of measurements and agreements: the points that were judged. */
      points?: SweepPoint[];
    };
  };
  /** Sends `rows` before it ends. */
  scan: {
    params: Computing &
      ReadAs & {
        model: string;
        vector: string;
        data: string;
        limit?: ScanLimit;
        /** Data file of ordinary rows to compare with, beside those that the vector held out. */
        ordinary?: string;
        /**
         * Rows that the review of the file excludes are left out as in a run, or scanned where they can be, and what is
         * wrong with the others stops nothing. Absent: the review is not read.
         */
        reviewed?: 'leave' | 'read';
      };
    result: Omit<ScanResult, 'perRow'>;
  };
  /** Texts of rows by their hashes; those that are not in the file any more are left out. */
  rowTexts: {
    params: ReadAs & {
      data: string;
      hashes: string[];
      /** Characters of each text. */
      most: number;
    };
    result: RowText[];
  };
  /** Hashes of the rows whose prompt or answer contains the text, whatever its case, with a space between two. */
  rowsWith: {
    params: ReadAs & { data: string; text: string };
    result: string;
  };
  rowGroups: {
    params: ReadAs & { data: string; by?: RowGrouping };
    result: RowGroups;
  };
  /** What a vector explains of one row. Null: the row is not in the file any more. */
  explain: {
    params: Computing &
      ReadAs & {
        model: string;
        vector: string;
        data: string;
        hash: string;
      };
    result: ExplainedToken[] | null;
  };
  /** The same of an answer in a chat, as if it were a row to train on, by the base model. Null: it could be none. */
  explainAnswer: {
    params: Computing & {
      model: string;
      vector: string;
      /** Up to the question. */
      messages: ChatMessage[];
      answer: string;
      /** The model has not ended it: the end that the chat template writes is none of it. */
      cut?: boolean;
    };
    result: {
      /** See ScanRow.explained. */
      share: number;
      unjudged: 'known' | 'short' | null;
    } | null;
  };
  /** Writes a data file without what a scan found in it: as JSON lines, or as a file of the same kind. */
  clean: {
    params: Cleaning &
      ReadAs & {
        data: string;
        out: string;
        /** Replaces what else stops with the error code `exists`. */
        force?: boolean;
      };
    result: CleanResult;
  };
  score: {
    params: ModelReference & Computing & ReadAs & { data: string };
    result: ScoreRow[];
  };
  /** Sends `token` while it runs. */
  generate: {
    params: GenerateParams;
    /** `stopped`: by the model itself. `seconds`: of the answer alone, without opening the model. */
    result: { text: string; ids: number[]; stopped: boolean; seconds: number };
  };
  inspect: { params: { path: string }; result: ModelInfo };
  /**
   * Whether an adapter fits a model: by its layers, and by the hash of the base that it was trained on, where both are
   * known.
   */
  inspectAdapter: {
    params: { model: string; adapter: string };
    result: { role: 'task' | 'security'; rank: number; fits: boolean; reason: string | null };
  };
  inspectData: {
    params: ReadAs & {
      path: string;
      /** Counts tokens as this model reads the rows. */
      model?: string;
      maxTokens?: number;
      /** Reads no more rows than these. */
      limit?: number;
    };
    result: DataInfo;
  };
  previewData: {
    params: ReadAs & {
      path: string;
      /** How many rows; default 3. */
      rows?: number;
      model?: string;
      /** Rows that only ask are right, too. */
      answersOptional?: boolean;
    };
    result: DataPreview;
  };
  export: {
    params: ModelReference & {
      format: ExportFormat;
      /** Folder, or .gguf file; must not be there yet. */
      out: string;
      /** Type of the matrices in a GGUF file; default F16, and F32 for an adapter. */
      quantization?: 'F16' | 'Q8_0' | 'F32';
      /** gguf only: the model with its adapters merged (default), or the adapters alone as a LoRA. */
      what?: 'model' | 'adapter';
    };
    /** `notes`: what the format cannot express, for people. */
    result: { path: string; sha256: string; notes?: string[] };
  };
  /** One adapter that does what several do together, less or only what lies along another one. */
  combine: {
    params: ModelReference & {
      /** Folder; must not be there yet. */
      out: string;
      /** At most one of both. */
      off?: string;
      onto?: string;
      /** Largest rank of the result; without it the result is exact. */
      rank?: number;
    };
    result: CombineResult;
  };
  /** What a data set of the Hub is, before it is downloaded. */
  describeDataset: {
    params: { repository: string; revision?: string; split?: string; token?: string };
    result: DatasetInfo;
  };
  downloadDataset: {
    params: {
      /** `owner/name`, or `owner/name/file.parquet` for one file as it is. */
      repository: string;
      revision?: string;
      split?: string;
      /** Rows of each file that is written. Default: 1000 for a set of the table, else all. */
      limit?: number;
      out: string;
      token?: string;
      /** Replaces what else stops with the error code `exists`. */
      force?: boolean;
    };
    result: DatasetResult;
  };
  /** What `publish` would send, and, with a token, what it would remove there; sends nothing. */
  planPublish: {
    params: {
      /** A run folder, an adapter or a model. */
      folder: string;
      /** OWNER/NAME. */
      repository: string;
      isPublic?: boolean;
      /** Hub name of the base model, where the folder does not tell. */
      base?: string;
      /** Run folder that the folder's content comes from. */
      run?: string;
      /** With a vector's training prompts, of harmful rows with their answers, and of ordinary ones (prompts.jsonl). */
      prompts?: boolean;
      token?: string;
    };
    result: PublishPlan;
  };
  publish: {
    params: Requests['planPublish']['params'] & {
      /** `sha256` of the plan that a person has seen. */
      planned: string;
    };
    result: { url: string; commit: string; isPublic: boolean };
  };
  download: {
    params: {
      repository: string;
      /** Default: a model. */
      kind?: 'adapter';
      revision?: string;
      folder: string;
      token?: string;
      /** Replaces what else stops with the error code `exists`. */
      force?: boolean;
    };
    result: { path: string };
  };
  /**
   * What suits a training on these files, of which the first is learned, at most `limit` rows of it; their rows are
   * read with the model's tokenizer.
   */
  defaults: {
    params: {
      model: string;
      /** `exclude`: without the rows that the review beside the file excludes. */
      data: (ReadAs & { file: string; limit?: number; exclude?: 'reviewed' })[];
      method: 'lora' | 'full' | 'vector';
      /** Each step holds rows of an anchor, too. */
      anchored?: boolean;
      /** Security vectors, of which rows are held and measured. */
      vectors?: readonly string[];
      /** As in a recipe: by the phrases of one a base may refuse, and then further rows are held. */
      judges?: readonly unknown[];
    };
    result: TrainingDefaults;
  };
  /**
   * What a training recipe or sweep will take; reads no weight. Null for a recipe that trains nothing, or on a cluster.
   */
  estimate: {
    params: {
      recipe: string;
      /** The recipe as it stands in an editor, instead of the file's content. */
      text?: string;
      device?: DeviceChoice;
    };
    result: Estimate | null;
  };
  /** What is in the cache of converted models; `clear` first removes what no process uses. */
  cache: { params: { clear?: boolean }; result: CacheInfo & { removed: CacheEntry[] } };
}
export type RequestName = keyof Requests;

/**
 * Notifications from the child process; of `events`, `token` and `progress` at most ten a second each. `id` is the
 * request's own.
 */
export interface Notifications {
  events: { id: number; events: RunEvent[] };
  token: { id: number; text: string };
  progress: { id: number; message: string; /** 0 to 1 */ fraction?: number };
  /** What a scan found, some hundred rows at a time: the host is never held by a large file. */
  rows: { id: number; rows: ScanRow[] };
  log: { level: 'info' | 'warn' | 'error'; message: string };
}
export type NotificationName = keyof Notifications;

/** Requests of the child process to its host. `id` is that of the request for which it asks. */
export interface HostRequests {
  /** Asks a language model of the editor. The host asks the person first, once for each judge. */
  askModel: {
    params: {
      id: number;
      /** Name of the judge. */
      judge: string;
      model: EditorChoice['vscode'];
      /** How many answers it may be asked about in all. */
      most: number;
      system: string;
      user: string;
    };
    result: ModelReply;
  };
}

/** What a language model of the editor said, or why nothing; `over`: asking again is of no use. */
export type ModelReply =
  | { text: string; model: string; inputTokens: number | null; outputTokens: number | null }
  | { fault: string; over: boolean };
