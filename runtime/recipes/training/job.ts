import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { loadedAs, type AdapterConfig, type NamedBase } from '../../adapters/adapterConfig.js';
import type { AdapterProvenance } from '../../adapters/files.js';
import { loadData, sourceOptions, type Context, type LoadedData, type LoadReporter } from '../../context/context.js';
import type { Example } from '../../data/examples.js';
import type { AskEditor } from '../../evaluation/judges/editor.js';
import type { Sessions } from '../../evaluation/judges/languageModel.js';
import { readManifest } from '../../models/hub/manifest.js';
import { useOf } from '../../adapters/base.js';
import type { ModelFolder } from '../../models/weights/modelFolder.js';
import type { OptimizerState } from '../../optim/optimizer.js';
import { plural } from '../../contract/format.js';
import { HELD, RUN_FILES } from '../../contract/runFiles.js';
import type { DoneEvent, RunEvent } from '../../contract/events.js';
import type { Manifest } from '../../contract/manifest.js';
import type { Recipe } from '../../contract/recipe.js';
import type { DataSource } from '../../contract/recipeData.js';
import type { Secrets } from '../../contract/secrets.js';
import type { Cluster } from '../../cluster/cluster.js';
import { openCheckpoint, restoreState, saveCheckpoint, stateOf } from '../../runs/checkpoint.js';
import { requireAsHashed, type Dependencies } from './dependencies.js';
import type { RunFolder } from '../../runs/runFolder.js';

export type Once = <T>(key: readonly unknown[], make: () => Promise<T>) => Promise<T>;

/** A recipe at work: what it reads, where it writes, how it is stopped. */
export interface Job<R extends Recipe> {
  readonly recipe: R;
  /** That of the run: the name of its output folder, also while it works in `next/` there. */
  readonly name: string;
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
  readonly context: Context;
  readonly folder: RunFolder;
  readonly signal: AbortSignal;
  /** The hash that names the model. */
  readonly modelSha256: string;
  /** Everything the result depends on, and what computes it. */
  readonly dependencies: Dependencies;
  readonly machine: Dependencies;
  /** Where it computes, if not here. */
  readonly cluster?: Cluster;
  /** Where the recipe says to continue. */
  readonly watch?: 'stop';
  readonly secrets: Secrets;
  /** Asks a language model of the editor; absent outside of one. */
  readonly askEditor?: AskEditor;
  /** Language models that judge the other runs of a sweep, too. */
  readonly sessions?: Sessions;
  /** What other runs of a sweep make, too, made once: `key` names all that it depends on. */
  readonly once: Once;
  /** How often sets are answered, by this run or by all of its sweep. */
  readonly evaluations: number;
  /** Whether activations are computed again in the backward pass. */
  readonly recompute: boolean;
  /** That the run has taken so far, sessions that ended before its checkpoint included. */
  readonly seconds: () => number;
  /** To be called once all inputs have been checked: from here on the run folder is written. */
  readonly begin: () => Promise<void>;
  /** Records an event in the run folder and reports it. */
  readonly emit: (event: RunEvent) => Promise<void>;
  /** Reports what is done between two events; not recorded. */
  readonly progress: (message: string, share?: number) => void;
}

/** What a recipe reports at its end. */
export type Ending = Pick<
  DoneEvent,
  | 'measurements'
  | 'laws'
  | 'vector'
  | 'taken'
  | 'harmfulLoss'
  | 'byVector'
  | 'flagged'
  | 'watch'
  | 'trainedPrompts'
  | 'protectionWeakened'
>;

/** Reports while the data of a job are loaded, before its folder is begun. */
export const loadReporter = ({ emit, progress, signal }: Job<Recipe>): LoadReporter => ({
  // What fails here fails the next event, too, which somebody waits for.
  warn: (message, place, remedy) => void emit({ kind: 'warning', message, place, remedy }).catch(() => undefined),
  progress,
  signal,
});

/**
 * The rows of a data source of the recipe; what a review leaves out of them is said.
 * @param key of the source, for errors
 */
export async function loadSource(
  job: Job<Recipe>,
  source: DataSource,
  key: string,
  maxTokens?: number,
  onExample?: (example: Example) => void,
): Promise<LoadedData> {
  const options = { ...sourceOptions(source, key), maxTokens, onExample };
  const loaded = await loadData(job.context, job.path(source.file), options, loadReporter(job));
  requireAsHashed(job.dependencies, `${key}.file`, loaded);
  if (loaded.review) {
    const { excluded, fine } = loaded.review;
    const message = `${basename(loaded.path)}, as reviewed: ${excluded} ${plural(excluded, 'row is', 'rows are')} left out, ${fine.size} ${plural(fine.size, 'is', 'are')} fine`;
    await job.emit({ kind: 'state', state: 'preparing', message });
  }
  return loaded;
}

/** Loaded data as a manifest names them. */
export const dataFacts = ({ path, examples, sha256, review }: LoadedData): Manifest['data'][number] => ({
  path,
  rows: examples.length,
  sha256,
  ...(review && {
    review: { path: review.path, sha256: review.sha256, excluded: review.excluded, fine: review.fine.size },
  }),
});

export interface TrainingState {
  readonly state: OptimizerState;
  /** Training had ended when the checkpoint was written, though more steps were planned. */
  readonly ended: boolean;
  /** Files that the run wrote and will read back when it is resumed: name → SHA-256. */
  readonly artifacts: Record<string, string>;
  /** Saves the state, and whether training ends with it; returns the place. */
  readonly checkpoint: (enough: boolean) => Promise<string>;
  /** Keeps the state beside the checkpoint, in place of one that was kept before. */
  readonly hold: () => Promise<void>;
  /** Goes back to the state that was kept; false where there is none. */
  readonly restore: () => Promise<boolean>;
  /** Removes what is kept. */
  readonly forget: () => Promise<void>;
}

/** The checkpoint's state where the run goes on from one, else a fresh one. */
export async function trainingState(
  { folder, context, dependencies, machine, seconds }: Job<Recipe>,
  fresh: () => Promise<OptimizerState>,
  names: readonly string[],
): Promise<TrainingState> {
  const kept = folder.checkpoint;
  const state = kept ? await stateOf(kept, names) : await fresh();
  const artifacts = { ...kept?.facts.made };
  const held = folder.file(RUN_FILES.checkpoint, HELD);
  const save = async (place: string, enough: boolean): Promise<string> => {
    const facts = { enough, seconds: seconds(), dependencies, machine, made: artifacts, logs: await folder.marks() };
    return saveCheckpoint(place, state, facts, context.backend);
  };
  return {
    state,
    ended: kept?.facts.enough ?? false,
    artifacts,
    checkpoint: (enough) => save(folder.file(RUN_FILES.checkpoint), enough),
    hold: async () => void (await save(held, false)),
    restore: async () => {
      const found = await openCheckpoint(held);
      if (!found) return false;
      await restoreState(state, found, context.backend);
      return true;
    },
    forget: () => rm(held, { recursive: true, force: true }),
  };
}

/**
 * What PEFT loads as the base: the repository and revision that it was downloaded from, or its folder. A GGUF file is
 * none.
 */
export async function namedBase(
  { folder, gguf }: Pick<ModelFolder, 'folder' | 'gguf'>,
  { baseModelName, revision }: NamedBase = {},
): Promise<NamedBase> {
  // A damaged record is no reason not to train.
  const record = gguf === undefined ? await readManifest(folder).catch(() => undefined) : undefined;
  if (record)
    return { baseModelName: record.repository, revision: record.revision === 'main' ? undefined : record.revision };
  if (baseModelName !== undefined || gguf !== undefined) return { baseModelName, revision };
  return { baseModelName: folder };
}

/** The config of an adapter that was trained, with the name of its base. */
export const withBase = async (config: AdapterConfig, { context }: Job<Recipe>): Promise<AdapterConfig> => ({
  ...config,
  ...loadedAs(context.spec.family),
  ...(await namedBase(context.model, config)),
});

/** What is written beside an adapter: what it was trained on. */
export const provenance = (job: Job<Recipe>): AdapterProvenance => ({
  name: job.name,
  baseModel: {
    name: basename(job.context.model.path),
    architecture: job.context.spec.architecture,
    sha256: job.modelSha256,
    ...useOf(job.context),
  },
});
