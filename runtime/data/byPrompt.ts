/** Rows by what they ask: answers to the same prompt are no further evidence, as they come out alike. */
import { sum } from '../contract/sum.js';
import { questionsOf } from './askedBy.js';
import type { ExampleList } from './exampleList.js';
import type { Example } from './examples.js';
import { random, type Random } from '../support/random.js';

type Asking = Parameters<typeof questionsOf>[0];

/**
 * Places of rows in their list, by prompt, of conversations by the first one that is answered: rows of different groups
 * share none.
 * @param hear all that a row teaches to answer
 */
export function byPrompt<R extends Asking>(
  rows: Iterable<R>,
  hear?: (questions: readonly string[], row: R) => void,
): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  let at = 0;
  for (const row of rows) {
    const questions = questionsOf(row);
    hear?.(questions, row);
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
  Array.from(byPrompt(rows).values(), (group) => sum(group.map((row) => figures[row])));

/**
 * At most `most` rows of a list, in its order: of as many prompts as they can have, and from all over it, as files
 * often have one kind of rows after the other. Which ones follows from the list alone.
 */
export const variedRows = <E extends Example>(list: ExampleList<E>, most: number): E[] =>
  variedPlaces(list, most).map((row) => list.at(row)!);

/** Their places in the list. */
export function variedPlaces(list: ExampleList, most: number): number[] {
  if (list.length <= most) return Array.from({ length: list.length }, (_, i) => i);
  const rng = random('varied rows');
  const groups = Array.from(byPrompt(list).values(), (group) => rng.shuffle(group));
  const chosen: number[] = [];
  for (let turn = 0; chosen.length < most; turn++)
    chosen.push(
      ...spread(
        groups.flatMap((group) => group.slice(turn, turn + 1)),
        most - chosen.length,
        rng,
      ),
    );
  return chosen.sort((a, b) => a - b);
}

/** One of each of `most` equal parts of a list; all of a shorter one. */
function spread(list: readonly number[], most: number, rng: Random): readonly number[] {
  if (list.length <= most) return list;
  const begin = (part: number): number => Math.floor((part * list.length) / most);
  return Array.from({ length: most }, (_, i) => list[begin(i) + rng.int(begin(i + 1) - begin(i))]);
}

/** The first of each list, then the second of each, and so on. */
export const inTurn = <T>(lists: readonly (readonly T[])[]): T[] =>
  Array.from({ length: lists.reduce((most, { length }) => Math.max(most, length), 0) }, (_, i) =>
    lists.flatMap((list) => list.slice(i, i + 1)),
  ).flat();
