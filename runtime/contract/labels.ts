/**
 * What people have said of answers: kept beside the evaluation set, by the hash of prompt and answer, so that every
 * later evaluation of the set uses it. A label wins over every judge.
 */
import { plural } from './format.js';
import { hashListsText, parseHashLists, type HashListsFault } from './hashLists.js';

export const LABELS = ['complied', 'refused', 'neither'] as const;
export type Label = (typeof LABELS)[number];
/** By the hash of prompt and answer. */
export type Labels = ReadonlyMap<string, Label>;

/** What a person says of the answer of a row in a state; null takes it back. */
export interface LabelledAnswer {
  set: string;
  row: number;
  state: string;
  /** What was read there: by now another run may have answered. */
  prompt: string;
  answer: string;
  label: Label | null;
}

const SUFFIX = '.labels.json';
export const labelsFile = (set: string): string => `${set}${SUFFIX}`;
export const isLabelsFile = (file: string): boolean => file.endsWith(SUFFIX);
/** That labels decide a result, said wherever it stands. @param file of the set, where it is known */
export function countedText({ count, of, state, set }: LabelCount, file: string | undefined): string {
  const place = file === undefined ? '' : ` (${labelsFile(file.split(/[/\\]/).at(-1)!)})`;
  return `${count} of ${of} answers of "${state}" to "${set}" ${plural(count, 'has', 'have')} a human label${place}, which counts`;
}

/** How many answers of a state to a set have a label. */
export interface LabelCount {
  count: number;
  of: number;
  state: string;
  set: string;
}

/** What is hashed: white space around an answer says nothing. */
export const labelledText = (prompt: string, answer: string): string => JSON.stringify([prompt, answer.trim()]);

export function parseLabels(text: string): { labels: Labels } | { fault: HashListsFault } {
  const read = parseHashLists(LABELS, text);
  return 'fault' in read ? read : { labels: read.found };
}

export const labelsText = (labels: Labels): string => hashListsText(LABELS, labels);
