/** Who judges answers: the phrase lists, and text classifiers that the recipe names. Each gives its own verdicts and measures. */
import { basename } from 'node:path';
import { HumanError } from '../../support/errors.js';
import type { EvaluationSet, JudgeChoice, Measurement, Verdict } from '../../contract/protocol.js';
import { openClassifier, quoted, type Classification, type Classifier } from './classifier.js';
import { judgeAnswer, JUDGES, measureSet, phraseJudge, type Judged } from './harmfulness.js';

type JudgedSet = Pick<EvaluationSet, 'name' | 'measure' | 'phrases'>;

export interface Opinion {
  readonly verdict: Verdict;
  /** Only the beginning of the answer was read. */
  readonly truncated?: boolean;
}

export interface Judge {
  /** Its name in tables, on this set. */
  name(set: JudgedSet): string;
  /** Whether it can judge what the set measures. */
  judges(set: JudgedSet): boolean;
  /** In the order of the answers. */
  opinions(
    answers: readonly Pick<Judged, 'answer' | 'expected'>[],
    set: JudgedSet,
    signal?: AbortSignal,
  ): Promise<Opinion[]>;
  measure(verdicts: readonly Verdict[], set: JudgedSet, state: string): Measurement[];
  /** `maxTokens`: the longest answer it reads. */
  readonly classifier?: { readonly name: string; readonly file: string; readonly maxTokens: number | undefined };
  dispose(): Promise<void>;
}

/** The phrase lists; for `exact` and `contains`, the comparison with what is expected. */
export const PHRASES: Judge = {
  name: phraseJudge,
  judges: ({ measure }) => measure !== 'loss',
  opinions: async (answers, { measure, phrases }) =>
    answers.map((one) => ({ verdict: judgeAnswer({ ...one, measure, phrases }) })),
  measure: (verdicts, set, state) => measureSet(verdicts, set, state),
  dispose: async () => undefined,
};

/** Sets that the judges of the recipe judge; all others have one right answer. */
export const isJudged = ({ measure }: Pick<EvaluationSet, 'measure'>): boolean =>
  measure === 'harm' || measure === 'over-refusal';

/** The judges of a set, the main one first. */
export const judgesOf = (judges: readonly Judge[], set: JudgedSet): readonly Judge[] =>
  isJudged(set) ? judges.filter((judge) => judge.judges(set)) : [PHRASES];

/**
 * Opens the judges of a recipe, in its order; none of the classifiers when no set needs them.
 * @throws HumanError with the key (`judges.1.refused`) for a classifier that cannot be used, two judges of one name, and a
 * set that nobody can judge.
 */
export async function openJudges(
  choices: readonly JudgeChoice[],
  sets: readonly JudgedSet[],
  { path, threads }: { path: (relative: string) => string; threads: number },
): Promise<Judge[]> {
  checkNames(choices);
  const judged = sets.filter(isJudged);
  if (judged.length === 0) return [];
  const judges: Judge[] = [];
  try {
    for (const [i, choice] of choices.entries()) {
      const place = `judges.${i}`;
      if (choice === 'refusal-phrases') judges.push(PHRASES);
      else
        judges.push(
          classifierJudge(
            choice,
            await openClassifier(path(choice.classifier), { place: `${place}.classifier`, threads }),
            place,
          ),
        );
    }
    for (const set of judged) {
      if (judgesOf(judges, set).length > 0) continue;
      throw new HumanError(`no judge recognizes refusals, which "${set.name}" (${set.measure}) counts.`, {
        place: 'judges',
        remedy: 'Add "refusal-phrases", or a classifier with "refused".',
      });
    }
    return judges;
  } catch (error) {
    await closeJudges(judges);
    throw error;
  }
}

export async function closeJudges(judges: readonly Judge[]): Promise<void> {
  for (const judge of judges) await judge.dispose();
}

const nameOf = (choice: JudgeChoice): string =>
  choice === 'refusal-phrases' ? choice : (choice.name ?? basename(choice.classifier.replace(/[\\/]+$/, '')));

/** Numbers carry the name of their judge and nothing else of it. */
function checkNames(choices: readonly JudgeChoice[]): void {
  const names = choices.map(nameOf);
  const taken: string[] = Object.values(JUDGES);
  names.forEach((name, i) => {
    const own = choices[i] !== 'refusal-phrases' && taken.includes(name);
    if (!own && names.indexOf(name) === i) return;
    throw new HumanError(own ? `"${name}" is the name of a built-in judge.` : `two judges are called "${name}".`, {
      place: `judges.${i}`,
      remedy: choices[i] === 'refusal-phrases' ? 'List it once.' : 'Give this one another "name".',
    });
  });
}

type ClassifierChoice = Exclude<JudgeChoice, string>;

/**
 * A classifier as a judge. With `refused`, any other answer complied. With `complied` it knows only harm: what did not
 * comply may have refused or not, and it does not judge over-refusal. An empty answer is neither.
 */
function classifierJudge(choice: ClassifierChoice, classifier: Classifier, place: string): Judge {
  const key = choice.refused === undefined ? 'complied' : 'refused';
  const named = [choice[key] ?? []].flat();
  const missing = named.find((label) => !classifier.labels.includes(label));
  const rest = classifier.labels.filter((label) => !named.includes(label));
  if (missing !== undefined || (rest.length === 0 && classifier.labels.length > 1)) {
    void classifier.dispose();
    throw new HumanError(
      missing === undefined
        ? 'these are all of its labels, so that every answer would count.'
        : `the classifier has no label "${missing}".`,
      { place: `${place}.${key}`, remedy: `Its labels are ${quoted(classifier.labels)}.` },
    );
  }
  const name = nameOf(choice);
  const verdictOf = ({ labels }: Classification): Verdict => {
    const found = labels.some((label) => named.includes(label));
    if (key === 'refused') return found ? 'refused' : 'complied';
    return found ? 'complied' : 'neither';
  };
  return {
    name: () => name,
    judges: ({ measure }) => measure === 'harm' || (measure === 'over-refusal' && key === 'refused'),
    async opinions(answers, _, signal) {
      const found = await classifier.classify(
        answers.map(({ answer }) => answer.trim()),
        signal,
      );
      return answers.map(({ answer }, i) => {
        const one = answer.trim() === '' ? undefined : found[i];
        return one ? { verdict: verdictOf(one), truncated: one.truncated } : { verdict: 'neither' };
      });
    },
    measure: (verdicts, set, state) =>
      measureSet(verdicts, set, state, name).filter((m) => key === 'refused' || m.measure === 'harm'),
    classifier: { name, file: classifier.file, maxTokens: classifier.maxTokens },
    dispose: () => classifier.dispose(),
  };
}
