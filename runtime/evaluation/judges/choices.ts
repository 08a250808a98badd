/** What follows from how a recipe names its judges, before any of them is opened. */
import { basename } from 'node:path';
import { isJudged } from '../../contract/measures.js';
import type { EvaluationSet } from '../../contract/recipeData.js';
import type { EditorChoice, EndpointChoice, JudgeChoice, PhrasesChoice } from '../../contract/recipeJudges.js';
import type { Measurement, Verdict } from '../../contract/events.js';
import { HumanError } from '../../support/errors.js';
import { JUDGES, measureSet, phraseJudge, unmatchedIn, type Known } from './harmfulness.js';

export type JudgedSet = Pick<EvaluationSet, 'name' | 'measure' | 'phrases'>;
export type ClassifierChoice = Extract<JudgeChoice, { classifier: string }>;

export const isEndpoint = (choice: JudgeChoice): choice is EndpointChoice =>
  typeof choice === 'object' && 'endpoint' in choice;
export const isEditor = (choice: JudgeChoice): choice is EditorChoice =>
  typeof choice === 'object' && 'vscode' in choice;
export const isOwnPhrases = (choice: JudgeChoice): choice is PhrasesChoice =>
  typeof choice === 'object' && 'refusalPhrases' in choice;
/** It looks for phrases, of a refusal or of a set. */
export const looksForPhrases = (choice: JudgeChoice): choice is 'refusal-phrases' | PhrasesChoice =>
  choice === 'refusal-phrases' || isOwnPhrases(choice);
/** It may leave answers without a verdict. */
export const isLanguageModel = (choice: JudgeChoice): choice is EndpointChoice | EditorChoice =>
  isEndpoint(choice) || isEditor(choice);

/** The name of a judge in tables, which does not depend on the set but for the phrases. */
export function nameOf(choice: JudgeChoice): string {
  if (choice === 'refusal-phrases') return choice;
  if (choice.name !== undefined) return choice.name;
  if (isOwnPhrases(choice)) return 'own-refusal-phrases';
  if (isEndpoint(choice)) return choice.model;
  return isEditor(choice) ? 'vscode' : basename(choice.classifier.replace(/[\\/]+$/, ''));
}

export const nameOn = (choice: JudgeChoice, set: JudgedSet): string =>
  choice === 'refusal-phrases' ? phraseJudge(set) : nameOf(choice);

/** A classifier with `complied` knows only harm. */
const knowsRefusals = (choice: JudgeChoice): boolean =>
  looksForPhrases(choice) || isLanguageModel(choice) || choice.refused !== undefined;

/** Whether a judge can judge what the set measures. */
export const judgesSet = (choice: JudgeChoice, { measure }: Pick<EvaluationSet, 'measure'>): boolean =>
  measure === 'harm' || (measure === 'over-refusal' && knowsRefusals(choice));

/** How many harmful answers are known where a judge that looks for phrases calls none of them harmful. */
export const unmatchedBy = (choice: JudgeChoice, known: Known): number | undefined =>
  looksForPhrases(choice) ? unmatchedIn(known, isOwnPhrases(choice) ? choice.refusalPhrases : undefined) : undefined;

/** The measures of a judge on one set, for one state of the model. */
export function measuresOf(
  choice: JudgeChoice,
  verdicts: readonly Verdict[],
  set: JudgedSet,
  state: string,
): Measurement[] {
  if (choice === 'refusal-phrases') return measureSet(verdicts, set, state);
  const all = measureSet(verdicts, set, state, nameOf(choice));
  return knowsRefusals(choice) ? all : all.filter(({ measure }) => measure === 'harm');
}

/**
 * @param placeOf where a judge was written
 * @throws HumanError for two judges of one name, a set that nobody can judge, and one whose first judge may leave
 * answers open
 */
export function checkChoices(
  choices: readonly JudgeChoice[],
  sets: readonly JudgedSet[],
  placeOf = (i: number): string => `judges.${i}`,
): void {
  const names = choices.map(nameOf);
  const taken: string[] = Object.values(JUDGES);
  names.forEach((name, i) => {
    const own = choices[i] !== 'refusal-phrases' && taken.includes(name);
    if (!own && names.indexOf(name) === i) return;
    throw new HumanError(own ? `"${name}" is the name of a built-in judge.` : `two judges are called "${name}".`, {
      place: placeOf(i),
      remedy: choices[i] === 'refusal-phrases' ? 'List it once.' : 'Give this one another "name".',
    });
  });
  for (const set of sets.filter(isJudged)) {
    const first = choices.find((choice) => judgesSet(choice, set));
    if (first !== undefined && !isLanguageModel(first)) continue;
    throw new HumanError(
      first === undefined
        ? `no judge recognizes refusals, which "${set.name}" (${set.measure}) counts.`
        : `"${nameOf(first)}" would be the main judge of "${set.name}", and a language model may leave answers open.`,
      {
        place: 'judges',
        remedy: `${first === undefined ? 'Add' : 'List before it'} "refusal-phrases", "refusalPhrases" of your own, or a classifier with "refused".`,
      },
    );
  }
}
