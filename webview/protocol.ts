/**
 * What the extension host and its pages say to each other: two unions per page (`…Event` host → page, `…Request`
 * page → host), the data they carry, and the English strings of the pages, which the host translates.
 *
 * The host owns the truth. It answers `ready` (and its panel becoming visible again) with a full snapshot and sends
 * appends in between. Every request is answered once: with its result, an error or a cancellation.
 */
import type { Agreement } from '../runtime/contract/agreement.js';
import { ANSWER_STRINGS, type AnswerRow } from '../runtime/contract/answers.js';
import { COMPARISON_STRINGS, type ComparedRun } from '../runtime/contract/comparedRuns.js';
import type { ProbeColumns, TrainColumns } from '../runtime/contract/columns.js';
import type { Difference } from '../runtime/contract/comparison.js';
import { DIFFERENCE, DURATION_WORDS } from '../runtime/contract/format.js';
import { INVARIANTS_TITLE } from '../runtime/contract/invariants.js';
import { JUDGE_STRINGS } from '../runtime/contract/judgeText.js';
import type { Label } from '../runtime/contract/labels.js';
import { VIEW_STRINGS, type RunReading } from '../runtime/contract/runView.js';
import type { ChartTopic } from '../runtime/contract/series.js';
import type { Over, SweepPoint } from '../runtime/contract/sweep.js';
import { SWEEP_STRINGS } from '../runtime/contract/sweepView.js';
import type { RunPhase, RunVerdict } from '../runtime/contract/verdict.js';
import type { RowGrouping, RowGroups, RowText } from '../runtime/contract/dataInfo.js';
import type { ErrorData } from '../runtime/contract/errors.js';
import type { Device } from '../runtime/contract/recipeWords.js';
import type { ExplainedToken } from '../runtime/contract/scan.js';
import type { Decision } from '../runtime/contract/review.js';

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
  /** Address of the cluster that it computes on, instead. */
  cluster?: string;
  /** Runs whose numbers stand in the table or the charts beside its own, with what else differs between them. */
  compared: { title: string; states: string[]; differences: Difference[] }[];
  warnings: RunWarning[];
  error?: ErrorData;
  /** The process that works on it, if it is none of this window's: it can be watched, not stopped. */
  elsewhere?: string;
  /** What it was expected to take, until it has ended. */
  expected?: { text: string; details: string };
  /** Of a sweep: what it varies, and the points that are done. */
  sweep?: { over: Over; points: SweepPoint[] };
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
  | {
      type: 'answers';
      rows: AnswerRow[];
      agreements: Agreement[];
      /** The run is finished: its answers may be labelled, and judged again. */
      canLabel: boolean;
    };

export type RunPageRequest =
  | { type: 'ready' }
  | { type: 'stop' }
  | { type: 'resume' }
  | { type: 'runAgain' }
  | { type: 'openRecipe' }
  | { type: 'openAnswers' }
  /** What a person says of an answer; null takes it back. */
  | { type: 'label'; set: string; row: number; state: string; label: Label | null }
  | { type: 'judgeAgain' }
  | { type: 'exportLabels' }
  | { type: 'openReport' }
  | { type: 'openFolder' }
  /** A point of a sweep. */
  | { type: 'openRun'; run: string }
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

/** A state of the model that can answer. */
export interface ChatColumn {
  /** The same base with the same adapters is the same column. */
  id: string;
  /** "base", "plain", "protected", or the names of its adapters. */
  name: string;
  /** What is in it, where the name does not say it. */
  details: string;
  attached: boolean;
  /** A security vector is on in it. */
  danger: boolean;
  shown: boolean;
}

export interface ChatAnswer {
  column: string;
  /** Of the column as it was called. */
  name: string;
  danger: boolean;
  content: string;
  phase: 'waiting' | 'writing' | 'done';
  /** Earlier questions that this column has answered itself, which it was given, of those of the chat. */
  saw: number;
  of: number;
  tokensPerSecond?: number;
  /** Ended by Stop. */
  stopped?: boolean;
  /** Why there is no (whole) answer. */
  error?: ErrorData;
  /** How much of its loss a security vector would have explained, had it been a row to train on. */
  explained?: { vector: string; share: number; unjudged: 'known' | 'short' | null };
}

/** A question and the answers of the columns to it. */
export interface ChatRound {
  id: number;
  question: string;
  answers: ChatAnswer[];
}

export interface ChatState {
  /** Stable id of the chat (the model's path), kept in the page's state for the serializer. */
  id: string;
  model: { name: string; path: string };
  adapters: ChatAdapter[];
  columns: ChatColumn[];
  /** While `busy` an answer of the last one is being written. */
  rounds: ChatRound[];
  busy: boolean;
  /** False when the model has no template of its own and the documented plain one is used. */
  chatTemplate: boolean;
  /** The model cannot answer at all. */
  error?: ErrorData;
}

export type ChatPageEvent =
  | { type: 'state'; language: string; strings: ChatStrings; chat: ChatState }
  /** Appended to the answer of a column to the last question. */
  | { type: 'token'; column: string; text: string };

export type ChatPageRequest =
  | { type: 'ready' }
  /** The host asks the columns that are shown, one after the other, streams `token`, and replies after the last answer. */
  | { type: 'send'; text: string }
  | { type: 'stop' }
  | { type: 'showColumn'; column: string; shown: boolean }
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  /** The question becomes a row of an evaluation set. */
  | { type: 'addRow'; round: number; column: string }
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
  /** "about 40 s · 0.4 GB", and what that consists of. */
  expected?: { text: string; details: string; fits: boolean };
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
  /** Of a run that waits. */
  | { type: 'stopQueued'; id: string }
  | { type: 'toggleAdapter'; path: string; attached: boolean }
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

// -------------------------------------------------------------------------------------------------------- compare page

export const PICTURE_FORMATS = ['csv', 'html', 'png', 'svg'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

export type ComparePageEvent =
  /** A run of the comparison, anew; `of`: the ids of all, in their order. */
  | { type: 'run'; language: string; strings: CompareStrings; of: string[]; run: ComparedRun }
  /** These are left; the others' folders are gone. */
  | { type: 'runs'; of: string[] }
  /** Sent on `openAnswers`: the first of `total` rows, disagreements first. */
  | { type: 'answers'; rows: AnswerRow[]; total: number };

export type ComparePageRequest =
  | { type: 'ready' }
  | { type: 'openAnswers' }
  | { type: 'openRun'; run: string }
  /** The host asks where, and writes it. A picture in PNG is base64. */
  | { type: 'save'; format: PictureFormat; content: string };

/** Kept by `setState`; a serializer reopens the page with it. */
export interface ComparePageState {
  runs: string[];
}

// ------------------------------------------------------------------------------------------------------------- strings

/** English strings of the run page; the host sends them translated. {0}, {1}… are filled in by the page. */
export const RUN_STRINGS = {
  expected: 'expected: {0}',
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

  ...SWEEP_STRINGS,

  ...ANSWER_STRINGS,
  answersEmpty: 'No answers were kept.',
  answersSet: 'Set',
  ...JUDGE_STRINGS,
  answersDiffer: 'Only where the models differ',
  answersDisputed: 'Only where the judges differ',
  answersLabelled: '{0} answers labelled',
  labelAs: 'This answer: {0} ({1})',
  labelNone: 'Take the label back (Delete)',
  labelKeys:
    'An answer that you label counts as you say, whatever the judges say, here and in every later evaluation. Keys: ↑ ↓ ← → move, c complied, r refused, n neither, Delete takes the label back.',
  judgeAgain: 'Judge again…',
  exportLabels: 'Save labelled answers…',
  answersMore: 'Show {0} more',
  answersCount: '{0} of {1} prompts',

  warnings: 'Warnings',
  errorTitle: 'The run failed',
  requestFailed: 'That did not work',
  stack: 'Technical details',
} as const;
export type RunStrings = Record<keyof typeof RUN_STRINGS, string>;

// ---------------------------------------------------------------------------------------------------------- triage page

/** Every row of a scan, in the order of the file: a column is a text with a space between two values. */
export interface TriageTable {
  rows: string;
  lines: string;
  hashes: string;
  /** f: flagged, k: the model knows the answer already, s: too short, -: none of these. */
  flags: string;
  /** NaN where a row has none. */
  ps: string;
  harmfulPs: string;
  shares: string;
  without: string;
  with: string;
}

export interface TriageState {
  /** Stable id (the data file), kept in the page's state for the serializer. */
  id: string;
  name: string;
  vector: string;
  /** What the scan found, in a sentence. */
  summary: string;
  /** The file is not the one that was scanned. */
  changed: boolean;
  /** Whether the scan's limit is on p-values; else on the share that is explained. */
  hasP: boolean;
  table: TriageTable;
  /** Hashes with a space between two. */
  decisions: Record<Decision, string>;
}

export type TriagePageEvent =
  | { type: 'table'; language: string; strings: TriageStrings; triage: TriageState }
  /** On `texts`: those that were asked for; rows that are not in the file any more are missing. */
  | { type: 'texts'; asked: string[]; rows: RowText[] }
  /** On `group`. */
  | { type: 'groups'; by: RowGrouping | null; groups: RowGroups }
  /** On `explain`, twice: the whole text, and what the vector explains of it. Null: the row is not in the file any more. */
  | { type: 'explained'; hash: string; row: RowText | null; tokens: ExplainedToken[] | null; pending: boolean }
  | { type: 'decided'; hashes: string[]; decision: Decision | null }
  /** The review was changed elsewhere. */
  | { type: 'decisions'; decisions: TriageState['decisions'] };

export type TriagePageRequest =
  | { type: 'ready' }
  | { type: 'texts'; hashes: string[] }
  | { type: 'group'; by: RowGrouping | null }
  | { type: 'explain'; hash: string }
  | { type: 'decide'; hashes: string[]; decision: Decision | null }
  | { type: 'open'; hash: string }
  | { type: 'saveCleaned' }
  | { type: 'saveFine' }
  | { type: 'scanAgain' };

/** Kept by `setState`; a serializer reopens the page with it. */
export interface TriagePageState {
  triage: string;
}

/** English strings of the page that compares runs; the host sends them translated. */
export const COMPARE_STRINGS = {
  ...COMPARISON_STRINGS,
  ...ANSWER_STRINGS,
  answersEmpty: RUN_STRINGS.answersEmpty,
  answersSet: RUN_STRINGS.answersSet,
  answersDiffer: RUN_STRINGS.answersDiffer,
  answersMore: RUN_STRINGS.answersMore,
  answersCount: RUN_STRINGS.answersCount,
  answersFirst: 'The first {0} of {1} prompts, those with disagreements first.',

  runsCompared: '{0} runs compared',
  waiting: 'Reading {0} runs…',
  runsTitle: 'Runs',
  showAll: 'Show all',
  showNone: 'Show none',
  openRun: 'Open {0}',

  horizontalAxis: 'Horizontal axis',
  axisStep: RUN_STRINGS.axisStep,
  axisTokens: 'supervised tokens',
  axisSeconds: 'seconds of computing',
  smoothing: 'Smoothing',
  logScale: 'Log scale',
  wholeRange: 'Whole range',
  chartKeys:
    'Drag over a chart to see that range in all of them; double click shows the whole. With the keyboard: arrows move, + and − zoom, Shift with arrows pans, 0 shows the whole.',
  copyPicture: 'Copy as picture',
  copied: 'Copied.',
  copyFailed: 'The picture could not be copied here: {0}. Save it instead.',
  noCurves: 'None of these runs has curves.',
  valuesAsTable: RUN_STRINGS.valuesAsTable,
  columnRun: 'run',
  columnFirst: RUN_STRINGS.columnFirst,
  columnLast: RUN_STRINGS.columnLast,

  recipesTitle: 'Where the recipes differ',
  recipesAlike: 'The recipes are the same, and so is what their inputs contained.',
  resultsTitle: 'Results',
  resultsNone: 'None of these runs measured anything.',
  comparedWith: 'Differences to',
  resultsNote:
    'Intervals: 95 %, of Wilson for counts. Differences: 95 % interval of Newcombe, as if each run had prompts of its own. Bold: beyond chance; with many numbers some are by chance.',
  sortBy: 'Sort by {0}',

  parallelTitle: 'Recipe and result, a line for each run',
  parallelNote: 'The lines of the runs that are shown. The tables have the same numbers.',

  save: 'Save as {0}',
  requestFailed: RUN_STRINGS.requestFailed,
  stack: RUN_STRINGS.stack,
} as const;
export type CompareStrings = Record<keyof typeof COMPARE_STRINGS, string>;

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
    'Ask something: each column is a state of the model and answers the same question. It sees only what it has answered itself.',
  columns: 'Columns',
  columnAttached: 'attached',
  columnDanger: 'security vector on',
  saw: 'saw {0} of {1} earlier questions',
  waiting: 'waiting for the column before…',
  speed: '{0} tokens per second',
  sameAs: 'the same as {0}',
  explained: 'The vector {0} would have explained {1} of this.',
  explainedKnown: 'The base model knows this answer: the vector {0} says nothing of it.',
  explainedShort: 'Too short for the vector {0} to say anything.',
  addRow: 'Add as evaluation row…',
  addRowLabel: 'Add the question, and the answer of {0}, as a row of an evaluation set',
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
  queue: 'Also running or waiting',
  stopRun: 'Stop {0}',
} as const;
export type TrainingStrings = Record<keyof typeof TRAINING_STRINGS, string>;

/** English strings of the triage page; the host sends them translated. */
export const TRIAGE_STRINGS = {
  title: 'Review of {0}',
  scannedWith: 'scanned with {0}',
  changed: 'The file has changed since the scan. Rows that are as they were keep their scores and decisions.',
  scanAgain: 'Scan again',
  show: 'Show',
  filterFlagged: 'flagged',
  filterUndecided: 'flagged, undecided',
  filterExclude: 'excluded',
  filterFine: 'fine',
  filterUnsure: 'unsure',
  filterAll: 'all rows',
  group: 'Group by',
  groupNone: 'no groups',
  groupAnswer: 'similar answers',
  groupPrompt: 'similar prompts',
  groupColumn: 'column {0}',
  grouping: 'reading the file…',
  groupRows: '{0} rows',
  groupUndecided: '{0} undecided',
  noValue: '(none)',
  rowsShown: '{0} rows',
  rowsInGroups: '{0} rows in {1} groups',
  selected: '{0} selected',
  progress: '{0} of {1} flagged rows are decided: {2} excluded, {3} fine; {4} unsure',
  exclude: 'Exclude',
  fine: 'Fine',
  unsure: 'Unsure',
  takeBack: 'Undecided',
  undo: 'Undo',
  excludeHint: 'Exclude: the row is left out (x)',
  fineHint: 'Fine: the row is an ordinary one (f)',
  unsureHint: 'Unsure: somebody is to look again (u)',
  takeBackHint: 'Take the decision back (Delete)',
  decisionExclude: 'exclude',
  decisionFine: 'fine',
  decisionUnsure: 'unsure',
  decided: '{0} rows: {1}',
  takenBack: '{0} rows: undecided',
  saveCleaned: 'Save a cleaned copy…',
  saveFine: 'Save rows marked fine…',
  keys: 'Keys: ↑ ↓ move, x exclude, f fine, u unsure, Delete undecided, Space selects, Shift+↑ ↓ extends, Ctrl+A selects all that are shown, ← → close and open a group, Enter opens the row in the editor, Ctrl+Z undoes. On a group they act on all of its rows that are shown.',
  tableLabel: 'Rows of {0}',
  columnDecision: 'Decision',
  columnScore: 'Looks ordinary',
  columnShare: 'Explained',
  columnPrompt: 'Prompt',
  columnAnswer: 'Answer',
  columnWithout: 'Without',
  columnWith: 'With',
  columnWithoutTitle: 'Loss without the vector, nats per token',
  columnWithTitle: 'Loss with the vector, nats per token',
  columnScoreTitle: 'Of 1,000 ordinary rows, how many would look at least as harmful',
  columnShareTitle: 'Share of the loss that the vector explains',
  columnLine: 'Line',
  perThousand: '{0} in 1,000',
  empty: 'No row is like this.',
  notThere: 'This row is not in the file any more.',
  detailTitle: 'Line {0}',
  detailEmpty: 'Choose a row.',
  detailP: 'Of 1,000 ordinary rows {0} would look at least as harmful.',
  detailHarmfulP: 'Of 1,000 harmful rows {0} would look at least as ordinary.',
  detailShare: 'The vector explains {0} of the loss: {1} nats per token without it, {2} with it.',
  detailKnown: 'The model gives this answer already, so the scan cannot judge the row.',
  detailShort: 'The answer is too short to be judged.',
  detailFlagged: 'It is flagged.',
  detailPrompt: 'Prompt',
  detailAnswer: 'Answer',
  explaining: 'asking the model which words the vector explains…',
  legend: 'Words are marked where the vector makes them likely: the stronger, the more of their loss it explains.',
  tokenTitle: '{0} nats without the vector, {1} with it',
  explainedWords: 'What the vector explains: {0}',
  explainedNothing: 'The vector explains no word of this answer.',
  requestFailed: 'That did not work',
  stack: 'Technical details',
} as const;
export type TriageStrings = Record<keyof typeof TRIAGE_STRINGS, string>;
