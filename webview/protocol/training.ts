/** The training panel of the sidebar. */
import type { ErrorData } from '../../runtime/contract/errors.js';
import { type RunSnapshot, type RunAppend, type WalkthroughTopic, RUN_STRINGS } from './run.js';
import type { ChatAdapter } from './chat.js';
import { ADAPTER_STRINGS } from './adapters.js';

/** Keys of a recipe that the panel has a list for. */
export type TrainingKey = 'model' | 'data' | 'vector';

/** In the list of data: a file that is not in it. */
export const OTHER_FILE = '*';

/** What a button of the panel does, besides those of a run. */
export type TrainingAction =
  | 'openSample'
  | 'addModel'
  | 'newRecipe'
  | 'trainVector'
  /** By the recipe of the workspace that makes the vector which the chosen one names. */
  | 'trainNamedVector'
  | 'scan'
  /** Says in the recipe which columns of its data are what. */
  | 'columns'
  /** Another data file, by the system's dialog. */
  | 'browseData'
  /** Leaves out the rows that somebody has excluded. */
  | 'useReview'
  /** Trains on them, and calls no row fine. */
  | 'leaveReview'
  | 'openFile'
  | 'trust';

export interface TrainingButton {
  action: TrainingAction;
  label: string;
}

export interface TrainingChoice {
  /** A path; empty for no vector. */
  value: string;
  label: string;
}

export interface TrainingField {
  choices: TrainingChoice[];
  value: string;
  /** What is known of the choice: "571 rows · 171 flagged". */
  note: string;
  /** The same at length. */
  details?: string;
  button?: TrainingButton;
}

/** What the panel says in a sentence, with what can be done about it. */
export interface TrainingNotice {
  text: string;
  buttons: TrainingButton[];
}

/** A recipe as the panel shows it. */
export interface TrainingForm {
  fields: Record<TrainingKey, TrainingField>;
  isProtected: boolean;
  /** There is a vector to protect with. */
  canProtect: boolean;
  /** "LoRA r 8", "6 epochs", "lr 0.003"; each with its key in the recipe. */
  settings: { text: string; key: string }[];
  canStart: boolean;
  /** "about 40 s · 0.4 GB", and what that consists of. */
  expected?: { text: string; details: string; fits: boolean };
}

export interface QueuedRun {
  id: string;
  title: string;
  place?: number;
  /** Why it waits whatever its place, and what the button says that ends this. */
  awaits?: { text: string; button?: string };
}

/** Runs that are going on or wait, in the order in which they begin. */
export interface TrainingQueue {
  /** Those that wait, each with its place from 1, and what is going on besides the run that is shown. */
  runs: QueuedRun[];
  paused: boolean;
}

/** Everything that the panel shows besides the run. */
export interface TrainingState {
  recipes: TrainingChoice[];
  /** The chosen one of them. */
  recipe?: string;
  form?: TrainingForm;
  notices: TrainingNotice[];
  /** Why the recipe cannot be read. */
  error?: ErrorData;
  /** Of the recipe's model. */
  adapters: ChatAdapter[];
  queue: TrainingQueue;
  /** Nothing is written or run here: the workspace is not trusted. */
  locked: boolean;
}

export type TrainingPageEvent =
  | { type: 'state'; language: string; strings: TrainingStrings; training: TrainingState }
  /** The run that is shown; undefined: none. */
  | { type: 'run'; run?: RunSnapshot }
  | RunAppend;

export type TrainingPageRequest =
  | { type: 'ready' }
  | { type: 'chooseRecipe'; file: string }
  | { type: 'choose'; key: TrainingKey; value: string }
  | { type: 'protect'; on: boolean }
  /** Addresses of files that were dropped, a line each. */
  | { type: 'drop'; uris: string }
  /** Opens the recipe at a key. */
  | { type: 'openKey'; key: string }
  | { type: 'act'; action: TrainingAction }
  | { type: 'start' }
  /** Of the run that is shown. */
  | { type: 'stop' }
  | { type: 'resume' }
  | { type: 'runAgain' }
  | { type: 'openRecipe' }
  | { type: 'openRun' }
  /** Of a run that is not shown, or waits: then it leaves the queue. */
  | { type: 'stopOther'; id: string }
  /** The run that is to make what the named one waits for goes on, or runs again. */
  | { type: 'resumeAwaited'; id: string }
  | { type: 'move'; id: string; to: 'up' | 'down' }
  | { type: 'pauseQueue'; paused: boolean }
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

/** English strings of the training panel; the host sends them translated. */
export const TRAINING_STRINGS = {
  ...RUN_STRINGS,
  ...ADAPTER_STRINGS,
  title: 'Training',
  adapters: 'Attached',
  recipe: 'Recipe',
  model: 'Model',
  data: 'Data',
  vector: 'Vector',
  protect: 'Protect',
  protectHint:
    'On: the security vector is active and frozen while the model is trained, and removed afterwards. Off: harmful rows train the model like all others.',
  settings: 'Settings of the recipe',
  openSettings: 'Open the settings in the recipe',
  openKey: 'Open in the recipe: {0}',
  newRecipe: 'New recipe…',
  start: 'Start',
  startHint: 'Run the recipe',
  openRun: 'Open the run panel',
  queue: 'Queue',
  queuePaused: 'The queue is paused: no other run begins.',
  pause: 'Pause',
  pauseQueue: 'Pause the queue',
  continue: 'Continue',
  continueQueue: 'Continue the queue',
  moveUp: 'Move up: {0}',
  moveDown: 'Move down: {0}',
  leaveQueue: 'Leave the queue: {0}',
  stopRun: 'Stop {0}',
} as const;
export type TrainingStrings = Record<keyof typeof TRAINING_STRINGS, string>;
