import { basename } from 'node:path';
import type { AdapterProvenance } from '../adapters/files.js';
import type { Context, LoadReporter } from '../context/context.js';
import type { OptimizerState } from '../optim/optimizer.js';
import { RUN_FILES } from '../contract/runFiles.js';
import type { DoneEvent, Recipe, RunEvent } from '../contract/protocol.js';
import { saveCheckpoint, stateOf } from '../runs/checkpoint.js';
import type { Dependencies } from './dependencies.js';
import type { RunFolder } from '../runs/runFolder.js';

/** A recipe at work: what it reads, where it writes, how it is stopped. */
export interface Job<R extends Recipe> {
  readonly recipe: R;
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
  readonly context: Context;
  readonly folder: RunFolder;
  readonly signal: AbortSignal;
  /** SHA-256 of the model's weights. */
  readonly modelSha256: string;
  /** Everything the result depends on, and what computes it. */
  readonly dependencies: Dependencies;
  readonly machine: Dependencies;
  /** To be called once all inputs have been checked: from here on the run folder is written. */
  readonly begin: () => Promise<void>;
  /** Records an event in the run folder and reports it. */
  readonly emit: (event: RunEvent) => Promise<void>;
  /** Reports what is done between two events; not recorded. */
  readonly progress: (message: string, share?: number) => void;
}

/** What a recipe reports at its end. */
export type Ending = Pick<DoneEvent, 'measurements' | 'laws' | 'protectionWeakened' | 'vector'>;

/** Reports while the data of a job are loaded, before its folder is begun. */
export const loadReporter = ({ emit, progress, signal }: Job<Recipe>): LoadReporter => ({
  warn: (message, place, remedy) => void emit({ kind: 'warning', message, place, remedy }),
  progress: progress,
  signal,
});

export interface TrainingState {
  readonly state: OptimizerState;
  /** Training had ended when the checkpoint was written, though more steps were planned. */
  readonly ended: boolean;
  /** Files that the run wrote and will read back when it is resumed: name → SHA-256. */
  readonly artifacts: Record<string, string>;
  /** Saves the state, and whether training ends with it; returns the place. */
  readonly checkpoint: (enough: boolean) => Promise<string>;
}

/** The checkpoint's state where the run goes on from one, else a fresh one. */
export async function trainingState(
  { folder, context, dependencies, machine }: Job<Recipe>,
  fresh: () => Promise<OptimizerState>,
  names: readonly string[],
): Promise<TrainingState> {
  const kept = folder.checkpoint;
  const state = kept ? await stateOf(kept, names) : await fresh();
  const artifacts = { ...kept?.facts.made };
  return {
    state,
    ended: kept?.facts.enough ?? false,
    artifacts,
    checkpoint: async (enough) => {
      const facts = { enough, dependencies, machine, made: artifacts, logs: await folder.marks() };
      return saveCheckpoint(folder.file(RUN_FILES.checkpoint), state, facts, context.backend);
    },
  };
}

/** What is written beside an adapter: what it was trained on. */
export const provenance = (job: Job<Recipe>): AdapterProvenance => ({
  name: basename(job.folder.path),
  baseModel: {
    name: basename(job.context.model.path),
    architecture: job.context.spec.architecture,
    sha256: job.modelSha256,
  },
});
