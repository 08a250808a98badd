/** The files of a run folder. Paths are relative to it. */
export const RUN_FILES = {
  /** What was run, how it ended and what it made. It also marks the folder as one that this program wrote. */
  manifest: 'manifest.json',
  recipe: 'recipe.json',
  events: 'events.jsonl',
  answers: 'answers.jsonl',
  /** With "tensorboard": true. TensorBoard looks for "tfevents" in names. */
  tensorboard: 'events.out.tfevents.security-vectors',
  scan: 'scan.json',
  prompts: 'prompts.jsonl',
  /** Of a vector: how rows that it was not trained on score. */
  calibration: 'calibration.json',
  /** Of a vector: hashes of what it was trained on. */
  trained: 'trained.json',
  report: 'report.html',
  checkpoint: 'checkpoint',
  adapter: 'adapter',
  model: 'model',
  /** The vector, trained on the flagged rows, too ("flagged": "absorb"). */
  absorbed: 'absorbed',
  /** Of a run on a cluster: the names of its jobs there. */
  cluster: 'cluster.json',
  /** Also of one: what came back of it, until it was read. */
  received: 'received',
  /** Of a sweep: its table, and the run folders of its points. */
  sweep: 'sweep.json',
  points: 'points',
  /** Which process works in the folder, while it does. */
  owner: 'owner.json',
  /**
   * What a person calls it, its tags, and whether it is archived: written by the extension, read by nobody who
   * computes.
   */
  label: 'label.json',
  /** Where a run that replaces the finished one works until it is done. */
  next: 'next',
} as const;

/** What a run appends to all the time: results, not data. */
export const LOG_FILES = [RUN_FILES.events, RUN_FILES.answers] as const;
export const isLogFile = (name: string): boolean => LOG_FILES.some((log) => log === name);

/** The files of a PEFT folder; the last is this program's own. */
export const ADAPTER_FILES = {
  config: 'adapter_config.json',
  weights: 'adapter_model.safetensors',
  role: 'security_vector.json',
} as const;

/** In `checkpoint/`: the file that a run is resumed from. */
export const CHECKPOINT_FILE = 'state.safetensors';
/** Also there, while it trains: the last state where the protection held (`protection.watch`). */
export const HELD = 'held';

/**
 * What a new run removes from the folder of an unfinished one. The checkpoint is first: without it nothing is resumed.
 */
export const CLEARED_FILES: readonly string[] = [
  RUN_FILES.checkpoint,
  RUN_FILES.events,
  RUN_FILES.answers,
  RUN_FILES.tensorboard,
  RUN_FILES.scan,
  RUN_FILES.prompts,
  RUN_FILES.calibration,
  RUN_FILES.trained,
  RUN_FILES.report,
  RUN_FILES.adapter,
  RUN_FILES.model,
  RUN_FILES.absorbed,
  RUN_FILES.cluster,
  RUN_FILES.received,
];
