/** The run page. */
import type { Agreement } from '../../runtime/contract/agreement.js';
import { ANSWER_STRINGS, type AnswerRow } from '../../runtime/contract/answers.js';
import type { ProbeColumns, TrainColumns } from '../../runtime/contract/columns.js';
import type { Difference } from '../../runtime/contract/comparison.js';
import { DIFFERENCE, DURATION_WORDS } from '../../runtime/contract/format.js';
import { INVARIANTS_TITLE } from '../../runtime/contract/invariants.js';
import { JUDGE_STRINGS } from '../../runtime/contract/judgeText.js';
import type { LabelledAnswer } from '../../runtime/contract/labels.js';
import { VIEW_STRINGS, type RunReading } from '../../runtime/contract/runView.js';
import type { ChartTopic } from '../../runtime/contract/series.js';
import type { Over, SweepPoint } from '../../runtime/contract/sweep.js';
import { SWEEP_STRINGS } from '../../runtime/contract/sweepView.js';
import type { RunPhase, RunVerdict } from '../../runtime/contract/verdict.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { Device } from '../../runtime/contract/recipeWords.js';

export interface RunProgress {
  state: RunPhase;
  /** What is being done, a few words; may be empty. */
  message: string;
  /** It was asked to stop, and has not: `message` says what the host makes of that. */
  isStopping?: boolean;
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
  /** Of every step. */
  train: TrainColumns;
  progress: RunProgress;
  device?: Device;
  /** Address of the cluster that it computes on, instead. */
  cluster?: string;
  /** Runs whose numbers stand in the table or the charts beside its own, with what else differs between them. */
  compared: { title: string; states: string[]; differences: Difference[] }[];
  warnings: RunWarning[];
  error?: ErrorData;
  /** On the button that opens the place of the error, where that is one in a file: "Open train.jsonl, line 7". */
  openPlace?: string;
  /** The process that works on it, if it is none of this window's: it can be watched, not stopped. */
  elsewhere?: string;
  /** What it was expected to take, until it has ended. */
  expected?: { text: string; details: string };
  /** Of a vector: it was trained until it needed no more steps, not until it only got worse. */
  reachedGoal?: boolean;
  /** Of a sweep: what it varies, the points that are done, and whether their answers can be judged again. */
  sweep?: { over: Over; points: SweepPoint[]; canJudge: boolean };
  /** It waits in the queue: nothing of it goes on. */
  waits?: boolean;
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
      /** They were asked for: the page goes to them. */
      reveal: boolean;
    };

export type RunPageRequest =
  | { type: 'ready' }
  | { type: 'stop' }
  | { type: 'resume' }
  | { type: 'runAgain' }
  | { type: 'openRecipe' }
  | { type: 'openAnswers' }
  | ({ type: 'label' } & LabelledAnswer)
  | { type: 'judgeAgain' }
  | { type: 'exportLabels' }
  | { type: 'openReport' }
  | { type: 'openFolder' }
  | { type: 'openPlace' }
  /** A point of a sweep. */
  | { type: 'openRun'; run: string }
  /** Opens the walkthrough at the page that explains a chart. */
  | { type: 'openWalkthrough'; topic: WalkthroughTopic };

export type WalkthroughTopic = ChartTopic | 'table' | 'danger';

/** Kept by `setState`; a serializer reopens the page with it. */
export interface RunPageState {
  run: string;
}

/** English strings of the run page; the host sends them translated. {0}, {1}… are filled in by the page. */
export const RUN_STRINGS = {
  expected: 'expected: {0}',
  stop: 'Stop',
  endNow: 'End now…',
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
  left: 'about {0} left to train',
  ...DURATION_WORDS,
  preparing: 'preparing',
  training: 'training',
  evaluating: 'evaluating',
  saving: 'saving',
  finished: 'finished',
  finishedEarly: 'finished early because the vector needed no more steps',
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
  answersLabelled: 'labelled answers: {0}',
  labelAs: 'This answer: {0} ({1})',
  labelNone: 'Remove the label (Delete)',
  labelKeys:
    'Your label overrides the judges, here and in every later evaluation. Keys: ↑ ↓ ← → move, c complied, r refused, n neither, Delete removes the label.',
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
