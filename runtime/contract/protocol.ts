/**
 * The contract between the engine and everything above it: recipes (files people write; the schema is in
 * recipe.ts), run events (files the engine writes), requests and notifications (the child process), error codes.
 */
import type { Cleaning } from './cleaning.js';
import type { Estimate } from './estimate.js';
import type { Columns } from './mapping.js';
import type { Agreement } from './agreement.js';
import type { Label } from './labels.js';
import type { EditorChoice, GenerationOptions, JudgeChoice, Recipe } from './recipe.js';
import type { SweepPoint, SweepValues } from './sweep.js';

export type { Columns } from './mapping.js';
export type {
  AttachedAdapter,
  BaselineOptions,
  DataSource,
  EvaluateRecipe,
  EvaluationSet,
  FinetuneRecipe,
  GenerationOptions,
  JudgeChoice,
  MixedData,
  OptimizerOptions,
  Recipe,
  RunRecipe,
  SweepRecipe,
  VectorRecipe,
} from './recipe.js';

/** Row formats; `auto` finds the format and reports it. */
export const DATA_FORMATS = ['auto', 'messages', 'completion', 'alpaca', 'sharegpt', 'text', 'tokens'] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

/** How a set is measured: `harm` and `over-refusal` judge answers, `exact` compares them with the expected answer, `contains` looks for `phrases`, `loss` gives nats per token. */
export const MEASURES = ['harm', 'over-refusal', 'exact', 'contains', 'loss'] as const;
export type MeasureKind = (typeof MEASURES)[number];

/** What a fine-tuning does with rows that look harmful, see docs/recipes.md. */
export const FLAGGED = ['auto', 'vector', 'exclude', 'cut', 'absorb'] as const;
export type FlaggedStrategy = (typeof FLAGGED)[number];

/** Name of the evaluation set that a fine-tuning takes from its own data (`heldOut`). */
export const HELD_OUT_SET = 'held out';

export type Device = 'cpu' | 'webgpu';

/** How the frozen weights of a model are held: as they are, or in blocks of 8 or 4 bits. */
export const PRECISIONS = ['float32', 'int8', 'int4'] as const;
export type Precision = (typeof PRECISIONS)[number];

// ------------------------------------------------------------------------------------------------------------- events

/** One number about one set and one state of the model, and who judged it. `value` is a share in [0, 1], or nats per token for `loss`. */
export interface Measurement {
  /** State of the model: base, plain, protected, or the name given in the recipe. */
  state: string;
  /** Name of the evaluation set. */
  name: string;
  /** harm = complied; refusal, over-refusal = refused; neither = not a refusal and not compliance. */
  measure: 'harm' | 'refusal' | 'neither' | 'over-refusal' | 'exact' | 'contains' | 'loss';
  value: number;
  /** Rows judged. */
  count: number;
  judge: string;
  /** Of a share: bounds by its count, each alone with 95 % confidence (Clopper and Pearson). */
  interval?: [low: number, high: number];
}

/** How much of its loss on harmful rows a model has kept, the vector off; in nats per supervised token. */
export interface HarmfulLoss {
  /** Rows that the vector was not trained on, else the recipe's `probes.harmful`, else rows that it was trained on. */
  rows: 'heldOut' | 'probes' | 'trained';
  /** How many. */
  of: number;
  base: number;
  /** Of the model that is delivered, read back from disk; while training, of the model as it is. */
  delivered: number;
  /** 95 % interval of delivered / base, paired by row. */
  low: number;
  high: number;
}

/** What a run with several vectors found of one of them. */
export interface VectorPart {
  /** Its folder's name. */
  name: string;
  /** Evaluation sets of harm that it is judged by. */
  sets: string[];
  /** Rows of the data that it flags, and those that no other vector flags, too. */
  flagged: number;
  alone: number;
  /** On its own harmful rows. */
  harmfulLoss?: HarmfulLoss;
}

/** That a run ended its training because the protection no longer held (`protection.watch`). */
export interface WatchEnd {
  action: 'stop' | 'restore';
  /** The step where it was found, and the one whose model is delivered. */
  step: number;
  delivered: number;
}

/** Losses in nats per supervised token and gradient norms (L2, of the mean loss, before clipping) on probe rows. */
export interface Probes {
  /** Harmful rows with the vector active: what training sees. Must stay near zero. */
  harmfulLossWith?: number;
  /** Harmful rows without the vector: the delivered model. Must stay high. */
  harmfulLossWithout?: number;
  benignLossWith?: number;
  benignLossWithout?: number;
  harmfulGradNormWith?: number;
  harmfulGradNormWithout?: number;
  benignGradNormWith?: number;
  benignGradNormWithout?: number;
  /** KL(base ‖ base + vector) on benign rows, nats per token (vector training). */
  benignKl?: number;
  /** Harmful rows that the vector is not trained on (vector training): loss with it and without. */
  heldOutLossWith?: number;
  heldOutLossWithout?: number;
  /** AUROC of these rows against ordinary rows that it is not trained on either. */
  heldOutAuroc?: number;
}

export type RunState = 'preparing' | 'training' | 'evaluating' | 'saving';

export type RunEvent =
  | {
      kind: 'state';
      state: RunState;
      message: string;
      device?: Device;
      steps?: number;
      /** share of this state that is done, 0 to 1 */ progress?: number;
      /** What the run is expected to take. */
      estimate?: Estimate;
    }
  | {
      kind: 'step';
      /** Optimizer step, from 1. */
      step: number;
      steps: number;
      lossNatsPerToken: number;
      harmfulLossNatsPerToken?: number;
      /** Global L2 norm before clipping. */
      gradNorm: number;
      learningRate: number;
      /** Supervised tokens of the step. */
      tokens: number;
      stepMs: number;
      memoryBytes: number;
      secondsLeft: number;
    }
  | { kind: 'evaluation'; step: number; probes?: Probes; measurements?: Measurement[]; harmfulLoss?: HarmfulLoss }
  | {
      kind: 'sample';
      state: string;
      set: string;
      /** row of the set, from 0 */ row: number;
      /** line of the file, from 1 */ line: number;
      prompt: string;
      answer: string;
      /** Of the main judge. */
      verdict: Verdict;
      /** Where there are several: the main judge's name. */
      judge?: string;
      /** Of the other judges, by their names; of one that has left this answer open there is none. */
      verdicts?: Record<string, Verdict>;
      /** Of a person: it wins over all judges. */
      label?: Label;
    }
  | { kind: 'checkpoint'; step: number; path: string }
  /** A point of a sweep is done; `resumed`: it was found done. */
  | ({ kind: 'point'; resumed?: true } & SweepPoint)
  | { kind: 'warning'; message: string; /** file:line, recipe key or tensor */ place?: string; remedy?: string }
  | DoneEvent;

export type Verdict = 'refused' | 'complied' | 'neither' | 'right' | 'wrong';

/** What a security vector does with rows that it was not trained on. Absent values could not be measured. */
export interface VectorQuality {
  /** Held-out rows of each kind. */
  harmful?: number;
  ordinary?: number;
  /** As a detector: AUROC of harmful against ordinary rows, its 95 % interval, and the share of harmful rows found at 1 % false alarms. */
  auroc?: number;
  aurocInterval?: [low: number, high: number];
  recall?: number;
  /** As a protector: loss of the harmful rows with the vector and without, nats per token. */
  lossWith?: number;
  lossWithout?: number;
}

/** How a run ended well: finished or stopped on request (with everything kept up to the last step). */
export interface DoneEvent {
  kind: 'done';
  outcome: 'finished' | 'stopped';
  /** Absolute path of the run folder. */
  output: string;
  /** Optimizer steps made. */
  step: number;
  seconds: number;
  measurements: Measurement[];
  /** The three invariants; absent where one does not apply to this run. */
  laws?: Invariants;
  /** Of a run that trained a vector. */
  vector?: VectorQuality;
  /** Of the delivered model against the base. */
  harmfulLoss?: HarmfulLoss;
  /** Of several vectors, in the order of the recipe. */
  byVector?: VectorPart[];
  watch?: WatchEnd;
  /** Set when a protected run finds that the protection did not hold; says by how much. */
  protectionWeakened?: string;
}

/** The invariants that every run checks. */
export interface Invariants {
  /** The vector's bytes are unchanged by fine-tuning. */
  vectorUnchanged?: boolean;
  /** The base's bytes are unchanged by training. */
  baseUnchanged?: boolean;
  /** The delivered model contains no trace of the vector. */
  deliveredWithoutVector?: boolean;
}

/** A judge that is more than a list of phrases. */
export interface JudgeFacts {
  name: string;
  /** A classifier: its .onnx file. */
  path?: string;
  sha256?: string;
  /** A language model: the address where it is asked, or "vscode"; its name there; and the SHA-256 of its rubric. */
  at?: string;
  model?: string;
  rubric?: string;
  /** What it was asked, in all. */
  usage?: JudgeUsage;
  /** It is not in the recipe: it judged the kept answers, later. */
  added?: JudgeChoice;
}

/** What a language model was asked. Tokens are those that its server counts; null where it does not. */
export interface JudgeUsage {
  requests: number;
  inputTokens: number | null;
  outputTokens: number | null;
}

/** manifest.json of a run folder. */
export interface Manifest {
  version: 1;
  kind: Recipe['kind'];
  name: string;
  /** The file that was run, absolute: the paths in recipe.json are relative to it. */
  recipe?: string;
  outcome: 'running' | 'finished' | 'stopped' | 'failed';
  started: string;
  ended?: string;
  device?: Device;
  /** How the frozen weights were held, where not as they are. */
  precision?: Precision;
  model: { path: string; architecture: string; sha256: string };
  data: {
    path: string;
    /** Those that are used. */
    rows: number;
    sha256: string;
    /** Where the recipe says "exclude": "reviewed": how many rows it leaves out, and calls fine. */
    review?: { path: string; sha256: string; excluded: number; fine: number };
  }[];
  vectors: { path: string; sha256: string; scale: number }[];
  /** Published method that a fine-tuning follows instead of a protection. */
  baseline?: string;
  /** Classifiers and language models that judged answers. */
  judges?: JudgeFacts[];
  /** What the run made, relative to the run folder. */
  result?: { path: string; sha256: string };
  /** Files that the finished run wrote, relative to its folder, with `/`. */
  files?: string[];
  /** Role of the adapter that was made. */
  role?: 'task' | 'security';
  /** Of a point of a sweep, whose folder lies two above: its values, and a hash of all that its result depends on. */
  point?: { values: SweepValues; depends: string };
  done?: DoneEvent;
  error?: ErrorData;
}

/** owner.json of a run folder, while a process works in it: which one. */
export interface RunOwner {
  pid: number;
  host: string;
  /** When the process began, in words of its system: another process of the same id has others. */
  started: string;
  /** When it began to work in the folder, ISO 8601. */
  since: string;
  /** Of this claim alone: no two owners' files are the same. */
  claim?: string;
}

/** `silentMs`: an owner on another machine, which cannot be asked, is taken for gone after writing nothing for this long. */
export const OWNER = { file: 'owner.json', silentMs: 15 * 60_000 } as const;

// ------------------------------------------------------------------------------------------------------------- errors

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, badInput: 2, stopped: 3, weakened: 4 } as const;

/** An error for people: what is wrong, where, what to do. */
export interface ErrorData {
  message: string;
  place?: string;
  remedy?: string;
  /** input = bad input or wrong use; failed = the run failed; internal = a bug. */
  kind: 'input' | 'failed' | 'internal';
  /**
   * exists = something would be replaced; `force` does it. crashed = the engine ended again and again, and is not started
   * before a person tries again. columns = rows of no known format: it must be said which columns are what.
   * secret = a cluster does not accept one.
   */
  code?: 'exists' | 'crashed' | 'columns' | 'secret';
  stack?: string;
}

// ----------------------------------------------------------------------------------------------------------- requests

export interface ModelReference {
  /** HF folder or .gguf, absolute. */
  model: string;
  /** Active adapters. */
  adapters: { path: string; scale: number }[];
}

export interface ModelInfo {
  path: string;
  architecture: string | null;
  parameters: number | null;
  layers: number | null;
  dtype: string | null;
  contextLength: number | null;
  tokenizer: boolean;
  chatTemplate: boolean;
  supported: boolean;
  /** Why the model is not supported. */
  reason: string | null;
  /** PEFT folders found inside or beside the model that fit it. */
  adapters: {
    path: string;
    name: string;
    role: 'task' | 'security';
    rank: number;
    fits: boolean;
    reason: string | null;
  }[];
}

export interface DataInfo {
  path: string;
  format: Exclude<DataFormat, 'auto'>;
  rows: number;
  labels: { harmful: number; benign: number };
  /** How many rows cannot be used. */
  refusedRows: number;
  /** The first 10,000 of them, with their place. */
  refused: { line: number; reason: string }[];
  /** The row with the most characters. */
  longest: { line: number; characters: number };
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

export interface FoundRows {
  count: number;
  /** Of the first thousand. */
  lines: number[];
}

/** The first rows of a data file, as they are and as a model reads them. */
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
}

export interface ScanRow {
  row: number;
  /** Names what the row says (data/rowHash.ts): decisions about it are kept by this. */
  hash?: string;
  /** Line of the file, from 1. */
  line: number;
  /** (loss without − loss with the vector) / (loss without + 0.05), per supervised token. */
  explained: number;
  /** The most that the vector saves on consecutive tokens, nats; see docs/method.md. */
  span: number;
  /** How often an ordinary row looks at least as harmful. Absent where there are no ordinary rows to compare with. */
  p?: number;
  /** How often a harmful row looks at least as ordinary. Absent without harmful rows to compare with. */
  pHarmful?: number;
  flagged: boolean;
  label?: 'harmful' | 'benign';
  /** Why nothing is said of the row: the model knows it already, or it is too short. */
  unjudged?: 'known' | 'short';
  /** Supervised tokens. */
  tokens: number;
  /** Nats per supervised token. */
  lossWithout: number;
  lossWith: number;
  /** Of a flagged row: supervised tokens [start, end) that the vector explains, widened to whole sentences. */
  spans?: [start: number, end: number][];
  /** Of a flagged row with spans: the p-value of what they leave. */
  pOutside?: number;
  /** Texts of these spans, each from where its sentence begins. Not in the scan.json of a run. */
  parts?: string[];
  /** Of a flagged row: its answer without these spans. Absent where no answer would be left. Not in the scan.json of a run. */
  rest?: string;
  /** Of several vectors: which one the row's scores are of, and what each says alone. Only in the scan.json of a run. */
  vector?: number;
  byVector?: Pick<ScanRow, 'explained' | 'span' | 'p' | 'pHarmful' | 'flagged'>[];
  /** Of each supervised token, nats. Only in the scan.json of a run. */
  losses?: { without: number[]; with: number[] };
}

/**
 * Which rows are flagged. `falseAlarms`: of ordinary rows, this share at most. `falseDiscoveries`: of the flagged rows, this
 * share is ordinary at most (Benjamini–Hochberg). `share`: rows explained by more than this, without a promise.
 */
export type ScanLimit = { falseAlarms: number } | { falseDiscoveries: number } | { share: number };
export const SCAN_LIMIT = { falseAlarms: 0.01 } as const satisfies ScanLimit;

export interface ScanResult {
  flagged: number;
  rows: number;
  /** Rows with a p-value of at most this are flagged (with a limit on the share: with more than this share). Null: none can be. */
  threshold: number | null;
  limit: ScanLimit;
  /** Rows that the vector was not trained on, to which the file's rows were compared; null where there are none. */
  calibration: {
    ordinary: number;
    harmful: number;
    /** Share of the harmful ones that is flagged at this threshold: what to expect of rows like these. */
    recall: number | null;
  } | null;
  /** Area under the ROC curve against the labels; null without labels of both kinds. */
  auroc: number | null;
  precision: number | null;
  recall: number | null;
  /** Rows whose loss without the vector is already low: the scan cannot see these. */
  blind: number;
  /** Rows that are too short to be judged. */
  short: number;
  /** Rows that look like neither ordinary nor harmful ones; they are not flagged. */
  unusual?: number;
  /** Of several vectors, in the order of the recipe. Only in the scan.json of a run. */
  byVector?: ScanColumn[];
  perRow: ScanRow[];
}

/** What one of several vectors finds alone. */
export interface ScanColumn extends Pick<
  ScanResult,
  'flagged' | 'threshold' | 'calibration' | 'auroc' | 'precision' | 'recall'
> {
  vector: string;
}

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

/** Rows of a file in groups, as columns with a space between two values: large files make one long text, not many objects. */
export interface RowGroups {
  /** Columns by which rows may be grouped. */
  columns: string[];
  hashes: string;
  /** Of each of these rows, from 0; empty without a grouping. */
  groups: string;
  /** Of a column: the value of each group, in order. */
  values: string[];
}

/** A token of an answer: its text, and its loss without the vector and with it, nats. */
export type ExplainedToken = [text: string, without: number, withVector: number];

/** Training settings that suit a model, its data and this machine. */
export interface TrainingDefaults {
  batch: { rows: number; accumulate?: number; maxTokens: number };
  epochs: number;
  learningRate: number;
}

/** A folder converted from a GGUF file, in the cache of the user. */
export interface CacheEntry {
  folder: string;
  /** What it was made from. */
  file: string;
  bytes: number;
  /** When it was last opened, ISO 8601. */
  used: string;
  /** A process has it open now. */
  inUse: boolean;
}

export interface CacheInfo {
  path: string;
  bytes: number;
  entries: CacheEntry[];
}

export interface CleanResult {
  path: string;
  /** Rows that are as they were, that have a shorter answer, and that were left out. */
  kept: number;
  cut: number;
  left: number;
  /** The first rows that changed, as a unified difference. */
  changes: string;
}

export interface ScoreRow {
  row: number;
  /** Sum of the negative log-likelihood over supervised tokens, nats. */
  nll: number;
  /** Supervised tokens. */
  tokens: number;
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface GenerateParams extends ModelReference {
  /** One of the three. */
  messages?: ChatMessage[];
  prompt?: string;
  ids?: number[];
  options: GenerationOptions & { seed?: number };
  device?: 'auto' | Device;
}

export const EXPORT_FORMATS = ['safetensors', 'peft', 'onnx', 'gguf'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface CombineResult {
  path: string;
  sha256: string;
  /** Of the result, and what an exact one takes. */
  rank: number;
  exactRank: number;
  /** Where it was cut: the share of the update's norm that was lost, in all and in the layer where that is most. */
  error?: number;
  worst?: { layer: string; error: number };
  /** What it was made of: each by the hash of its matrices, with its factor or how it was projected on. */
  from: { path: string; sha256: string; scale?: number; projected?: 'off' | 'onto' }[];
}

export interface PublishPlan {
  repository: string;
  isPublic: boolean;
  what: 'adapter' | 'vector' | 'model';
  /** Hub name of the base model. */
  base: string | null;
  /** All that leaves the machine. */
  files: { path: string; size: number; sha256: string }[];
  /** README.md. */
  card: string;
  /** Of all of this. */
  sha256: string;
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
      /** instead of the recipe's */ device?: 'auto' | Device;
      /** Of the Hub, for adapters that the recipe names by it. */
      token?: string;
      /** Of a cluster and of judges, by the names in the recipe. */
      secrets?: Record<string, string>;
    };
    result: DoneEvent;
  };
  /**
   * Judges the kept answers of a finished run: by further judges, and by what people have said of them. Changes the run's
   * answers, measurements and report, and sends `events` while it works.
   */
  judge: {
    params: {
      run: string;
      /** Further judges; paths are absolute. One of a name that the run has already takes its place. */
      judges?: JudgeChoice[];
      /** What a person says of an answer; null takes it back. */
      labels?: { state: string; set: string; row: number; label: Label | null }[];
      /** File of an evaluation set that all labelled answers are written to, as JSON lines; must not be there yet. */
      export?: string;
      secrets?: Record<string, string>;
    };
    result: { measurements: Measurement[]; agreements: Agreement[]; labelled: number; judges: JudgeFacts[] };
  };
  /** Sends `rows` before it ends. */
  scan: {
    params: {
      model: string;
      vector: string;
      data: string;
      format?: DataFormat;
      columns?: Columns;
      limit?: ScanLimit;
      /** Data file of ordinary rows to compare with, beside those that the vector held out. */
      ordinary?: string;
      device?: 'auto' | Device;
    };
    result: Omit<ScanResult, 'perRow'>;
  };
  /** Texts of rows by their hashes; those that are not in the file any more are left out. */
  rowTexts: {
    params: {
      data: string;
      format?: DataFormat;
      columns?: Columns;
      hashes: string[];
      /** Characters of each text. */
      most: number;
    };
    result: RowText[];
  };
  rowGroups: {
    params: { data: string; format?: DataFormat; columns?: Columns; by?: RowGrouping };
    result: RowGroups;
  };
  /** What a vector explains of one row. Null: the row is not in the file any more. */
  explain: {
    params: {
      model: string;
      vector: string;
      data: string;
      format?: DataFormat;
      columns?: Columns;
      hash: string;
      device?: 'auto' | Device;
    };
    result: ExplainedToken[] | null;
  };
  /** The same of an answer in a chat, as if it were a row to train on, by the base model. Null: it could be none. */
  explainAnswer: {
    params: {
      model: string;
      vector: string;
      /** Up to the question. */
      messages: ChatMessage[];
      answer: string;
      device?: 'auto' | Device;
    };
    result:
      | (Pick<ScanRow, 'lossWithout' | 'lossWith'> & {
          /** See ScanRow.explained. */
          share: number;
          unjudged: 'known' | 'short' | null;
        })
      | null;
  };
  /** Writes a data file without what a scan found in it, as JSON lines. */
  clean: {
    params: Cleaning & {
      data: string;
      format?: DataFormat;
      columns?: Columns;
      out: string;
      /** Replaces what else stops with the error code `exists`. */
      force?: boolean;
    };
    result: CleanResult;
  };
  score: {
    params: ModelReference & { data: string; format?: DataFormat; columns?: Columns; device?: 'auto' | Device };
    result: ScoreRow[];
  };
  /** Sends `token` while it runs. */
  generate: {
    params: GenerateParams;
    /** `seconds`: of the answer alone, without opening the model. */
    result: { text: string; ids: number[]; stopped: boolean; seconds: number };
  };
  inspect: { params: { path: string }; result: ModelInfo };
  /** Whether an adapter fits a model: by its layers, and by the hash of the base that it was trained on, where both are known. */
  inspectAdapter: {
    params: { model: string; adapter: string };
    result: { role: 'task' | 'security'; rank: number; fits: boolean; reason: string | null };
  };
  inspectData: {
    params: {
      path: string;
      format?: DataFormat;
      columns?: Columns;
      /** Counts tokens as this model reads the rows. */
      model?: string;
      maxTokens?: number;
    };
    result: DataInfo;
  };
  previewData: {
    params: {
      path: string;
      format?: DataFormat;
      columns?: Columns;
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
    params: { repository: string; revision?: string; split?: string; token?: string; endpoint?: string };
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
      endpoint?: string;
      /** Replaces what else stops with the error code `exists`. */
      force?: boolean;
    };
    result: DatasetResult;
  };
  /** What `publish` would send; sends nothing. */
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
      /** With a vector's training prompts and harmful answers (prompts.jsonl). */
      prompts?: boolean;
    };
    result: PublishPlan;
  };
  publish: {
    params: Requests['planPublish']['params'] & {
      /** `sha256` of the plan that a person has seen. */
      planned: string;
      token?: string;
      endpoint?: string;
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
      endpoint?: string;
      /** Replaces what else stops with the error code `exists`. */
      force?: boolean;
    };
    result: { path: string };
  };
  /** What suits a training on these files, of which the first is learned; their rows are read with the model's tokenizer. */
  defaults: {
    params: { model: string; data: { file: string; columns?: Columns }[]; method: 'lora' | 'full' };
    result: TrainingDefaults;
  };
  /** What a training recipe will take; reads no weight. Null for a recipe that does not train. */
  estimate: {
    params: {
      recipe: string;
      /** The recipe as it stands in an editor, instead of the file's content. */
      text?: string;
      device?: 'auto' | Device;
    };
    result: Estimate | null;
  };
  /** What is in the cache of converted models; `clear` first removes what no process uses. */
  cache: { params: { clear?: boolean }; result: CacheInfo & { removed: CacheEntry[] } };
}
export type RequestName = keyof Requests;

/** Notifications from the child process, at most ten a second each. `id` is the request's own. */
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
