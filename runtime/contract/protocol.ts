/**
 * What the extension host and the engine's process say to each other: requests, notifications, and what the engine asks
 * of its host.
 */
import type * as z from 'zod';
import type { Agreement } from './agreement.js';
import type { CleanResult, DataInfo, DataPreview, DatasetInfo, DatasetResult, RowGroups, RowText } from './dataInfo.js';
import type { Estimate } from './estimate.js';
import type { DoneEvent, Measurement, RunEvent } from './events.js';
import type { CombineResult, PublishPlan } from './exports.js';
import type { ScoreRow } from './generation.js';
import type { JudgeFacts } from './manifest.js';
import type { CacheEntry, CacheInfo, ModelInfo, TrainingDefaults } from './modelInfo.js';
import type { EditorChoice } from './recipeJudges.js';
import type { REQUESTS } from './requests.js';
import type { SweepPoint } from './sweep.js';
import type { ExplainedToken, ScanResult, ScanRow } from './scan.js';

export type RequestName = keyof typeof REQUESTS;

/** Every request ends with a result, an error or a cancellation. */
interface Results {
  run: DoneEvent;
  judge: {
    measurements: Measurement[];
    agreements: Agreement[];
    labelled: number;
    judges: JudgeFacts[];
    /** Of a sweep, instead of measurements and agreements: the points that were judged. */
    points?: SweepPoint[];
  };
  scan: Omit<ScanResult, 'perRow'>;
  rowTexts: RowText[];
  rowsWith: string;
  rowGroups: RowGroups;
  /** Null: the row is not in the file any more. */
  explain: ExplainedToken[] | null;
  /** Null: it could be no row. */
  explainAnswer: {
    /** See ScanRow.explained. */
    share: number;
    unjudged: 'known' | 'short' | null;
  } | null;
  clean: CleanResult;
  score: ScoreRow[];
  /** `stopped`: by the model itself. `seconds`: of the answer alone, without opening the model. */
  generate: { text: string; ids: number[]; stopped: boolean; seconds: number };
  inspect: ModelInfo;
  inspectAdapter: { role: 'task' | 'security'; rank: number; fits: boolean; reason: string | null };
  inspectData: DataInfo;
  previewData: DataPreview;
  /** `notes`: what the format cannot express, for people. */
  export: { path: string; sha256: string; notes?: string[] };
  combine: CombineResult;
  describeDataset: DatasetInfo;
  downloadDataset: DatasetResult;
  planPublish: PublishPlan;
  publish: { url: string; commit: string; isPublic: boolean };
  download: { path: string };
  defaults: TrainingDefaults;
  /** Null for a recipe that trains nothing, or on a cluster. */
  estimate: Estimate | null;
  cache: CacheInfo & { removed: CacheEntry[] };
}

/** Requests to the child process. */
export type Requests = { [K in RequestName]: { params: z.infer<(typeof REQUESTS)[K]>; result: Results[K] } };

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
