/** Rows by what they ask: answers to the same prompt are no further evidence, as they come out alike. */
import { questionsOf } from './askedBy.js';
import type { ExampleList } from './exampleList.js';
import type { Example } from './examples.js';

type Asking = Parameters<typeof questionsOf>[0];

/**
 * Places of rows in their list, by prompt, of conversations by the first one that is answered: rows of different groups share none.
 * @param hear all that a row teaches to answer
 */
export function byPrompt(rows: Iterable<Asking>, hear?: (questions: readonly string[]) => void): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  let at = 0;
  for (const row of rows) {
    const questions = questionsOf(row);
    hear?.(questions);
    const group = groups.get(questions[0]);
    if (group) group.push(at);
    else groups.set(questions[0], [at]);
    at += 1;
  }
  return groups;
}

export const promptCount = (rows: Iterable<Asking>): number => byPrompt(rows).size;

/** Sums of a figure of each row over the rows with the same prompt. */
export const sumsByPrompt = (rows: Iterable<Asking>, figures: readonly number[]): number[] =>
  Array.from(byPrompt(rows).values(), (group) => group.reduce((sum, row) => sum + figures[row], 0));

/** At most `most` rows of a list, in its order, with as many prompts as they can have. */
export function variedRows(list: ExampleList, most: number): Example[] {
  if (list.length <= most) return [...list];
  const chosen = inTurn([...byPrompt(list).values()]).slice(0, most);
  return chosen.sort((a, b) => a - b).map((row) => list.at(row)!);
}

/** The first of each list, then the second of each, and so on. */
export const inTurn = <T>(lists: readonly (readonly T[])[]): T[] =>
  Array.from({ length: lists.reduce((most, { length }) => Math.max(most, length), 0) }, (_, i) =>
    lists.flatMap((list) => list.slice(i, i + 1)),
  ).flat();
