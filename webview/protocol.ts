/**
 * What the extension host and its pages say to each other: two unions per page (`…Event` host → page, `…Request`
 * page → host), the data they carry, and the English strings of the pages, which the host translates.
 *
 * The host owns the truth. It answers `ready` (and its panel becoming visible again) with a full snapshot and sends
 * appends in between. Every request is answered once: with its result, an error or a cancellation.
 */
import { ANSWER_STRINGS, type AnswerRow } from '../runtime/contract/answers.js';
import type { ProbeColumns, TrainColumns } from '../runtime/contract/columns.js';
import type { Difference } from '../runtime/contract/comparison.js';
import { DIFFERENCE, DURATION_WORDS } from '../runtime/contract/format.js';
import { INVARIANTS_TITLE } from '../runtime/contract/invariants.js';
import { VIEW_STRINGS, type RunReading } from '../runtime/contract/runView.js';
import type { ChartTopic } from '../runtime/contract/series.js';
import type { RunPhase, RunVerdict } from '../runtime/contract/verdict.js';
import type { Device, ErrorData } from '../runtime/contract/protocol.js';

// ---------------------------------------------------------------------------------------------------------- envelopes

/** Page → host. `id` counts up from 1 in each page. */
export interface PageMessage<Request> {
  id: number;
  request: Request;
}

/** How a request ended. */
export type Outcome = { kind: 'result' } | { kind: 'error'; error: ErrorData } | { kind: 'cancelled' };

/** Host → page: something happened, or the answer to the request with the id `reply`. */
export type HostMessage<Event> = { event: Event } | { reply: number; outcome: Outcome };

// ------------------------------------------------------------------------------------------------------------ run page

export interface RunProgress {
  state: RunPhase;
  /** What is being done, a few words; may be empty. */
  message: string;
  step: number;
  /** null until the engine has counted its batches, and for evaluations. */
  steps: number | null;
  /** Share of the present state that is done, 0 to 1; null where unknown. */
  fraction: number | null;
  /** Less than zero where the clock was set meanwhile: nobody knows. */
  secondsElapsed: number;
  secondsLeft: number | null;
}

export interface RunWarning {
  message: string;
  place?: string;
  remedy?: string;
}

/** Everything the run page draws. */
export interface RunSnapshot extends RunReading {
  /** Stable id of the run (its folder), kept in the page's state for the serializer. */
  id: string;
  /** "colours, protected by forbidden-topic". */
  title: string;
  /** Names of the security vectors that are active while training; empty for a plain run. */
  vectors: string[];
  progress: RunProgress;
  device?: Device;
  /** Runs whose numbers stand in the table or the charts beside its own, with what else differs between them. */
  compared: { title: string; states: string[]; differences: Difference[] }[];
  warnings: RunWarning[];
  error?: ErrorData;
  /** The process that works on it, if it is none of this window's: it can be watched, not stopped. */
  elsewhere?: string;
  canStop: boolean;
  canResume: boolean;
  /** It failed with nothing to go on from: when the cause is mended it can run anew. */
  canRunAgain: boolean;
  hasAnswers: boolean;
  hasReport: boolean;
}

/** What has come to a run since. */
export interface RunAppend {
  type: 'append';
  /** Lengths of the columns before this append. The page asks for a snapshot (`ready`) when it has others. */
  from: { train: number; probes: number };
  train: TrainColumns;
  probes: ProbeColumns;
  progress: RunProgress;
  verdict: RunVerdict;
}

export type RunPageEvent =
  | { type: 'snapshot'; language: string; strings: RunStrings; run: RunSnapshot }
  | RunAppend
  /** Sent on `openAnswers`, and when the answers change; the page shows them below the table. */
  | { type: 'answers'; rows: AnswerRow[] };

export type RunPageRequest =
  | { type: 'ready' }
  | { type: 'stop' }
  | { type: 'resume' }
  | { type: 'runAgain' }
  | { type: 'openRecipe' }
  | { type: 'openAnswers' }
  | { type: 'openReport' }
  | { type: 'openFolder' }
  /** Opens the walkthrough at the page that explains a chart. */
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

export type WalkthroughTopic = ChartTopic | 'table' | 'danger';

/** Kept by `setState`; a serializer reopens the page with it. */
export interface RunPageState {
  run: string;
}

// ----------------------------------------------------------------------------------------------------------- chat page

export interface ChatAdapter {
  path: string;
  name: string;
  role: 'task' | 'security';
  attached: boolean;
}

export interface ChatTurn {
  role: 'user' | 'assistant';
  content: string;
  /** Assistant: names of the adapters that were attached. */
  adapters?: string[];
  /** Assistant: the state of the model that answered, which has a history of its own in this chat. */
  state?: string;
  /** Assistant: what of this chat it was given besides the question. */
  saw?: Seen;
  /** Assistant: ended by Stop. */
  stopped?: boolean;
  /** Assistant: why there is no (whole) answer. */
  error?: ErrorData;
}

/** Questions with their answers: a state of the model sees those that it has answered itself, and no other state's. */
export interface Seen {
  own: number;
  others: number;
}

export interface ChatState {
  /** Stable id of the chat (the model's path), kept in the page's state for the serializer. */
  id: string;
  model: { name: string; path: string };
  adapters: ChatAdapter[];
  /** While `busy` the last turn is the answer that is being written. */
  turns: ChatTurn[];
  busy: boolean;
  /** What the model with what is attached now would see with the next question. */
  sees: Seen;
  /** False when the model has no template of its own and the documented plain one is used. */
  chatTemplate: boolean;
  /** The model cannot answer at all. */
  error?: ErrorData;
}

export type ChatPageEvent =
  | { type: 'state'; language: string; strings: ChatStrings; chat: ChatState }
  /** Appended to the answer that is being written. */
  | { type: 'token'; text: string }
  /** The finished answer, replaces what was streamed. */
  | { type: 'done'; turn: ChatTurn };

export type ChatPageRequest =
  | { type: 'ready' }
  /** The host adds the user's turn and an empty answer, streams `token`, ends with `done`, and only then replies. */
  | { type: 'send'; text: string }
  | { type: 'stop' }
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  | { type: 'clear' }
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

/** Kept by `setState`; a serializer reopens the page with it. */
export interface ChatPageState {
  chat: string;
  /** What is typed and not sent. */
  draft: string;
}

// ------------------------------------------------------------------------------------------------------- training page

/** Keys of a recipe that the panel has a list for. */
export type TrainingKey = 'model' | 'data' | 'vector';

/** What a button of the panel does, besides those of a run. */
export type TrainingAction =
  | 'openSample'
  | 'addModel'
  | 'newRecipe'
  | 'trainVector'
  /** By the recipe of the workspace that makes the vector which the chosen one names. */
  | 'trainNamedVector'
  | 'scan'
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
  /** Runs that are going on or wait, besides the one that is shown. */
  queue: { id: string; title: string }[];
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
  /** Of a run that waits. */
  | { type: 'stopQueued'; id: string }
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

// ------------------------------------------------------------------------------------------------------------- strings

/** English strings of the run page; the host sends them translated. {0}, {1}… are filled in by the page. */
export const RUN_STRINGS = {
  stop: 'Stop',
  resume: 'Resume',
  runAgain: 'Run again',
  openRecipe: 'Open recipe',
  report: 'Report',
  answers: 'Answers side by side',
  folder: 'Run folder',
  help: 'What does this show?',

  stepOf: 'step {0} / {1}',
  stepOnly: 'step {0}',
  elapsed: '{0} elapsed',
  left: 'about {0} left',
  ...DURATION_WORDS,
  preparing: 'preparing',
  training: 'training',
  evaluating: 'evaluating',
  saving: 'saving',
  finished: 'finished',
  stopped: 'stopped',
  failed: 'failed',
  interrupted: 'interrupted',
  device: 'on {0}',
  elsewhere: 'run by another process: {0}',

  ...VIEW_STRINGS,

  axisStep: 'optimizer step',

  chartEmpty: 'The first point comes when the base model is measured.',
  chartMissing: 'This run does not measure this.',
  chartNoData: 'Nothing was measured.',
  valuesAsTable: 'Values as a table',
  columnSeries: 'series',
  columnFirst: 'first',
  columnLast: 'last',
  columnStep: 'at step',
  gapsOne: '{0}: no number at step {1}; the line has a gap there.',
  gapsMany: '{0}: no number at {1} steps (first {2}, last {3}); the line has gaps there.',
  zerosLog: '{0}: zero at {1} steps, which a log scale cannot show.',

  tableTitle: 'What the models do',
  tableEmpty: 'The evaluation comes at the end of the run.',
  tableNone: 'This recipe evaluates nothing.',
  comparedAlike: '{0}: from {1}, which was trained alike.',
  comparedDiffers: '{0}: from {1}, which differs: {2}.',
  comparedCurve: 'grey line',
  difference: DIFFERENCE,
  judgedBy: 'judge: {0}',

  invariantsTitle: INVARIANTS_TITLE,

  ...ANSWER_STRINGS,
  answersEmpty: 'No answers were kept.',
  answersSet: 'Set',
  answersDiffer: 'Only where the models differ',
  answersMore: 'Show {0} more',
  answersCount: '{0} of {1} prompts',

  warnings: 'Warnings',
  errorTitle: 'The run failed',
  requestFailed: 'That did not work',
  stack: 'Technical details',
} as const;
export type RunStrings = Record<keyof typeof RUN_STRINGS, string>;

/** Check boxes of adapters, wherever a page has them. */
const ADAPTER_STRINGS = {
  adapters: 'Adapters',
  noAdapters: 'No adapters: this is the base model.',
  roleTask: 'task',
  roleSecurity: 'security vector',
  danger:
    'Danger: the security vector {0} is attached. It makes the model answer harmful requests; it is meant for training only. Detach it before you use or share this model.',
  detach: 'Detach {0}',
  whyDanger: 'Why?',
} as const;
export type AdapterStrings = Record<keyof typeof ADAPTER_STRINGS, string>;

/** English strings of the chat page; the host sends them translated. */
export const CHAT_STRINGS = {
  ...ADAPTER_STRINGS,
  noTemplate: 'This model has no chat template; a plain one is used.',
  empty:
    'Ask something, then attach or detach an adapter and ask again. The model with other adapters is another state of it: each state sees only what it has answered itself.',
  seesNow:
    'For the next answer the model sees {0} of {1} earlier answers: those that it gave with the adapters that are attached now. Answers of its other states are left out.',
  saw: 'saw {0} of {1} earlier answers: those of this state of the model',
  you: 'You',
  thinking: 'thinking…',
  stopped: 'stopped',
  emptyAnswer: ANSWER_STRINGS.emptyAnswer,
  placeholder: 'Message {0}',
  messageLabel: 'Message',
  send: 'Send',
  stop: 'Stop',
  clear: 'New chat',
  hint: 'Enter sends, Shift+Enter starts a new line.',
  requestFailed: 'That did not work',
  answerFailed: 'No answer',
  modelFailed: 'This model cannot answer',
  stack: 'Technical details',
} as const;
export type ChatStrings = Record<keyof typeof CHAT_STRINGS, string>;

/** English strings of the training panel; the host sends them translated. */
export const TRAINING_STRINGS = {
  ...RUN_STRINGS,
  ...ADAPTER_STRINGS,
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
  queue: 'Also running or waiting',
  stopRun: 'Stop {0}',
} as const;
export type TrainingStrings = Record<keyof typeof TRAINING_STRINGS, string>;
