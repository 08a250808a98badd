/** The page that compares runs. */
import { ANSWER_STRINGS, type AnswerRow } from '../../runtime/contract/answers.js';
import { COMPARISON_STRINGS, type ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { JUDGE_STRINGS } from '../../runtime/contract/judgeText.js';
import { RUN_STRINGS } from './run.js';

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

/** English strings of the page that compares runs; the host sends them translated. */
export const COMPARE_STRINGS = {
  ...COMPARISON_STRINGS,
  ...ANSWER_STRINGS,
  ...JUDGE_STRINGS,
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
  smoothedBy: 'smoothed by {0}',
  valuesRaw: 'The values are as they were measured, not smoothed',
  logScale: 'Log scale',
  wholeRange: 'Whole range',
  chartKeys:
    'Drag over a chart to see that range in all of them; double click shows the whole. With the keyboard: arrows move, + and − zoom, Shift with arrows pans, 0 shows the whole.',
  copyPicture: 'Copy as picture',
  copied: 'Copied.',
  copyFailed: 'The picture could not be copied here: {0}. Save it instead.',
  noCurves: 'None of these runs has curves.',
  andMore: 'and {0} more',
  valuesAsTable: RUN_STRINGS.valuesAsTable,
  columnRun: 'run',
  columnFirst: RUN_STRINGS.columnFirst,
  columnLast: RUN_STRINGS.columnLast,

  recipesTitle: 'Where the recipes differ',
  recipesAlike: 'The recipes and the contents of their inputs are the same.',
  resultsTitle: 'Results',
  resultsNone: 'None of these runs measured anything.',
  comparedWith: 'Differences to',
  resultsNote:
    'Intervals: 95 % (Wilson for counts). Differences: 95 % interval (Newcombe), as if each run had its own prompts. Bold: beyond chance; among many numbers, some are bold by chance.',
  sortBy: 'Sort by {0}',

  parallelTitle: 'Recipe and result, a line for each run',
  parallelNote: 'The lines of the runs that are shown. The tables have the same numbers.',

  save: 'Save as {0}',
  requestFailed: RUN_STRINGS.requestFailed,
  stack: RUN_STRINGS.stack,
} as const;
export type CompareStrings = Record<keyof typeof COMPARE_STRINGS, string>;
