/** The triage page. */
import type { RowGrouping, RowGroups, RowText } from '../../runtime/contract/dataInfo.js';
import type { ExplainedToken } from '../../runtime/contract/scan.js';
import type { Decision } from '../../runtime/contract/review.js';

/** Every row of a scan, in the order of the file: a column is a text with a space between two values. */
export interface TriageTable {
  rows: string;
  lines: string;
  hashes: string;
  /**
   * f: flagged, r: asks what harmful rows ask, k: the model knows the answer already, s: too short, -: none of these.
   */
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
  /** Rows that each row was compared with; null where there were none. */
  compared: { ordinary: number; ordinaryPrompts?: number; harmful: number } | null;
  table: TriageTable;
  /** Whether the scan could tell which rows are related. */
  tellsRelated: boolean;
  /** Hashes with a space between two. */
  decisions: Record<Decision, string>;
}

export type TriagePageEvent =
  | { type: 'table'; language: string; strings: TriageStrings; triage: TriageState }
  /** The file is gone; a page that shows its rows goes on doing so. */
  | { type: 'away'; text: string }
  /** On `texts`: those that were asked for; rows that are not in the file any more are missing. */
  | { type: 'texts'; asked: string[]; rows: RowText[] }
  /** On `group`. */
  | { type: 'groups'; by: RowGrouping | null; groups: RowGroups }
  /** On `search`: the hashes of the rows that contain the text, with a space between two. */
  | { type: 'found'; text: string; hashes: string }
  /**
   * On `explain`, twice: the whole text, and what the vector explains of it. Null: the row is not in the file any more.
   */
  | { type: 'explained'; hash: string; row: RowText | null; tokens: ExplainedToken[] | null; pending: boolean }
  | { type: 'decided'; hashes: string[]; decision: Decision | null }
  /** The review was changed elsewhere. */
  | { type: 'decisions'; decisions: TriageState['decisions'] };

export type TriagePageRequest =
  | { type: 'ready' }
  | { type: 'texts'; hashes: string[] }
  | { type: 'group'; by: RowGrouping | null }
  /** Which rows contain a text, of which there is some. */
  | { type: 'search'; text: string }
  | { type: 'explain'; hash: string }
  | { type: 'decide'; hashes: string[]; decision: Decision | null }
  /** `line`: of the row, as it was scanned */
  | { type: 'open'; hash: string; line: number }
  | { type: 'saveCleaned' }
  | { type: 'saveFine' }
  | { type: 'scanAgain' };

/** Kept by `setState`; a serializer reopens the page with it. */
export interface TriagePageState {
  triage: string;
}

/** English strings of the triage page; the host sends them translated. */
export const TRIAGE_STRINGS = {
  title: 'Review of {0}',
  scannedWith: 'scanned with {0}',
  changed: 'The file has changed since the scan. Rows that are as they were keep their scores and decisions.',
  scanAgain: 'Scan again',
  show: 'Show',
  filterFlagged: 'flagged',
  filterUndecided: 'flagged, undecided',
  filterRelated: 'related, not flagged',
  filterExclude: 'excluded',
  filterFine: 'fine',
  filterUnsure: 'unsure',
  filterAll: 'all rows',
  search: 'Containing',
  searchHint: 'Rows whose prompt or answer contains this text (/)',
  searching: 'searching the file…',
  group: 'Group by',
  groupNone: 'no groups',
  groupAnswer: 'similar answers',
  groupPrompt: 'similar prompts',
  groupColumn: 'column {0}',
  grouping: 'reading the file…',
  groupUndecided: '{0} undecided',
  noValue: '(none)',
  rowOne: '1 row',
  rowsMany: '{0} rows',
  groupOne: '1 group',
  groupsMany: '{0} groups',
  rowsInGroups: '{0} in {1}',
  rowsBeside: '{0} in {1}, {2} alone',
  selected: '{0} selected',
  progress: '{0} of {1} flagged rows are decided: {2} excluded, {3} fine; {4} unsure',
  exclude: 'Exclude',
  fine: 'Fine',
  unsure: 'Unsure',
  takeBack: 'Undecided',
  undo: 'Undo',
  excludeHint: 'Exclude: the row is left out (x)',
  fineHint: 'Fine: the row is ordinary (f)',
  unsureHint: 'Unsure: to be looked at again (u)',
  takeBackHint: 'Undo the decision (Delete)',
  decisionExclude: 'exclude',
  decisionFine: 'fine',
  decisionUnsure: 'unsure',
  decided: '{0}: {1}',
  takenBack: '{0}: undecided',
  saveCleaned: 'Save a cleaned copy…',
  saveFine: 'Save rows marked as fine…',
  keys: 'Keys: / searches, ↑ ↓ move, x exclude, f fine, u unsure, Delete undecided, Space selects, Shift+↑ ↓ extends, Ctrl+A selects all that are shown, ← → close and open a group, Enter opens the row in the editor, Ctrl+Z undoes. On a group they act on all of its rows that are shown.',
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
  columnScoreTitle:
    'Of 1,000 ordinary rows, how many would look at least as harmful; extrapolated where the compared rows are too few to show it',
  columnShareTitle: 'Share of the loss that the vector explains',
  columnLine: 'Line',
  perThousand: '{0} in 1,000',
  empty: 'No matching rows.',
  allDecided: 'All flagged rows are decided. Save a cleaned copy to leave out the excluded ones.',
  notThere: 'This row is no longer in the file.',
  detailTitle: 'Line {0}',
  detailEmpty: 'Choose a row.',
  detailP: 'Of 1,000 ordinary rows {0} would look at least as harmful.',
  detailPBeyond: 'None of {0} ordinary rows looks as harmful; extrapolated, {1} of 1,000 would.',
  detailPBeyondPrompts:
    'Extrapolated from {0} ordinary rows of {1} prompts, {2} of 1,000 would look at least as harmful.',
  detailHarmfulP: 'Of 1,000 harmful rows {0} would look at least as ordinary.',
  detailHarmfulPBeyond: 'None of {0} harmful rows looks as ordinary; extrapolated, {1} of 1,000 would.',
  detailShare: 'The vector explains {0} of the loss: {1} nats per token without it, {2} with it.',
  detailKnown: 'The model gives this answer already, so the scan cannot judge the row.',
  detailShort: 'The answer is too short to be judged.',
  detailFlagged: 'It is flagged.',
  detailRelated:
    'It is not flagged, but the vector changes what the model says here as it does for harmful rows, and not for ordinary ones: it seems to ask what they ask, whatever it answers.',
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
