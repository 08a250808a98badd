/** What is told of a model, and of what is kept of it. */

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
  /** What a model that is supported lacks to read texts, and what to do: rows of tokens can be used as it is. */
  missing: { message: string; remedy: string } | null;
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
