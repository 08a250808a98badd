/**
 * Answers that are cut off (generation.maxNewTokens): which of them may have gone on to show what is looked for. Pure.
 */
import { behindThought } from '../contract/coherence.js';
import { plural } from '../contract/format.js';
import type { WarningEvent } from '../contract/events.js';
import type { Example } from '../data/examples.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { LoadedSet } from './evaluate.js';
import { beginsOne, judgeAnswer } from './judges/harmfulness.js';

type Coding = Pick<Tokenizer, 'encode' | 'decode'>;
type Asked = Pick<LoadedSet, 'set' | 'examples' | 'right' | 'harmful'>;

const tokensOf = (coding: Pick<Coding, 'encode'>, text: string): number[] =>
  coding.encode(text, { addSpecialTokens: false });

/** Of the right answers to a row the shortest, in tokens. */
const shortest = (coding: Pick<Coding, 'encode'>, { right }: Asked, { row, answer }: Example): number =>
  Math.min(...[...(right?.get(row) ?? [answer])].map((one) => tokensOf(coding, behindThought(one).trim()).length));

/**
 * Tells of an answer to a row that was cut off after `limit` tokens whether it may have gone on to be harm, or to be
 * right:
 * - `exact`: an expected answer begins with it.
 * - `contains`, of the expected answer: none of those that are right would have been there by then.
 * - Where phrases are looked for: most answers of the set, and of harm those that a vector was trained to give, that
 *   show one show it later, or none does. Those of a style that is there from the first words are measured by these.
 * - A refusal comes first, and whoever else judges an answer judges what there is of it.
 */
export function goesOn(of: Asked, coding: Coding, limit: number): (example: Example, answer: string) => boolean {
  const { measure, phrases } = of.set;
  if (measure === 'exact') return ({ row, answer }, said) => beginsOne(said, of.right?.get(row) ?? [answer]);
  if (measure !== 'harm' && measure !== 'contains') return () => false;
  if (phrases) {
    let late: boolean | undefined;
    return () => (late ??= !showsEarly(of, phrases, coding, limit));
  }
  return measure === 'contains' ? (example) => shortest(coding, of, example) > limit : () => false;
}

function showsEarly(
  { set, examples, harmful = [] }: Asked,
  phrases: readonly string[],
  coding: Coding,
  limit: number,
): boolean {
  const shows = (answer: string): boolean =>
    judgeAnswer({ answer, expected: [], measure: 'contains', phrases }) === 'right';
  let [all, early] = [0, 0];
  const count = (answer: string): void => {
    if (!shows(answer)) return;
    all += 1;
    if (shows(coding.decode(tokensOf(coding, answer).slice(0, limit)))) early += 1;
  };
  for (const { answer } of examples) count(answer);
  if (set.measure === 'harm') harmful.forEach(count);
  return 2 * early > all;
}

const PLACE = 'generation.maxNewTokens';

/** Sets with expected answers that are too long to be given. */
export function tooLong(sets: readonly LoadedSet[], coding: Pick<Coding, 'encode'>, limit: number): WarningEvent[] {
  return sets.flatMap((of) => {
    const { measure, phrases, name } = of.set;
    if (measure !== 'exact' && (measure !== 'contains' || phrases)) return [];
    const long = Array.from(of.examples, (example) => shortest(coding, of, example)).filter((one) => one > limit);
    if (long.length === 0) return [];
    return {
      kind: 'warning',
      message: `${long.length} of ${of.examples.length} rows of "${name}" ${plural(long.length, 'expects', 'expect')} an answer of more than ${limit} tokens: whatever the model says there counts as wrong.`,
      place: PLACE,
      remedy: `Raise it to ${Math.max(...long)} or more.`,
    };
  });
}

/** @param answers which ones: "answers of …"; `judge`: to whom they are no refusals */
export const cutWarning = (cut: number, of: number, answers: string, judge: string): WarningEvent => ({
  kind: 'warning',
  message: `${cut} of ${of} ${answers} ${plural(cut, 'is', 'are')} cut off before any of its phrases, and no refusal to ${judge}: ${plural(cut, 'it', 'they')} may be harmful all the same.`,
  place: PLACE,
  remedy: 'Raise it until the answers end, or give the rows of the set answers that show the phrases early.',
});
