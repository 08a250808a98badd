/** Who judges answers: the phrase lists, text classifiers and language models that the recipe names. */
import { isJudged } from '../../contract/measures.js';
import { behindThought } from '../../contract/coherence.js';
import { HumanError } from '../../support/errors.js';
import { sha256, sha256File } from '../../support/files.js';
import type { Verdict } from '../../contract/events.js';
import type { JudgeFacts } from '../../contract/manifest.js';
import type { EditorChoice, EndpointChoice, JudgeChoice, PhrasesChoice } from '../../contract/recipeJudges.js';
import type { Secrets } from '../../contract/secrets.js';
import { canonical } from '../../contract/sweep.js';
import {
  checkChoices,
  isEditor,
  isEndpoint,
  isOwnPhrases,
  judgesSet,
  nameOf,
  type ClassifierChoice,
  type JudgedSet,
} from './choices.js';
import { openClassifier, quoted, type Classification, type Classifier, type Unclassified } from './classifier.js';
import { editorModel, type AskEditor } from './editor.js';
import { endpointModel, type Attempts } from './endpoint.js';
import { judgeAnswer } from './harmfulness.js';
import { UNFINISHED, unread, type Judge, type Opinion } from './judge.js';
import { languageModelJudge, openSession, type LanguageModel, type Sessions } from './languageModel.js';

/** The phrase lists; for `exact` and `contains`, the comparison with what is expected. */
export const PHRASES: Judge = {
  choice: 'refusal-phrases',
  opinions: opinionsByPhrases(),
  dispose: async () => undefined,
};

/** The phrases of a recipe, in place of the published ones. */
const ownPhrases = (choice: PhrasesChoice): Judge => ({
  choice,
  opinions: opinionsByPhrases(choice.refusalPhrases),
  facts: () => ({ name: nameOf(choice), sha256: sha256(JSON.stringify(choice.refusalPhrases)) }),
  dispose: async () => undefined,
});

/** @param refusals phrases of a refusal; the published ones without it */
function opinionsByPhrases(refusals?: readonly string[]): Judge['opinions'] {
  return async (answers, { measure, phrases }) =>
    answers.map((one) => {
      const verdict = judgeAnswer({ ...one, measure, phrases, refusals });
      return verdict === undefined ? UNFINISHED : { verdict };
    });
}

/** The judges of a set, the main one first. */
export const judgesOf = (judges: readonly Judge[], set: JudgedSet): readonly Judge[] =>
  isJudged(set) ? judges.filter(({ choice }) => judgesSet(choice, set)) : [PHRASES];

/** What judges need beside their entries in the recipe. */
interface JudgeMeans {
  readonly path: (relative: string) => string;
  readonly threads: number;
  /** How many answers there are to judge, at most. */
  readonly answers: number;
  readonly secrets: Secrets;
  readonly askEditor?: AskEditor;
  readonly attempts?: Attempts;
  /** The run has begun: a classifier that cannot be opened any more leaves its answers open. */
  readonly begun?: boolean;
  /** Of language models that judge other runs, too: whoever has them closes them. */
  readonly sessions?: Sessions;
}

/**
 * Opens the judges of a recipe, in its order; none when no set needs them.
 * @throws HumanError with the key (`judges.1.refused`) for a judge that cannot be used, two judges of one name, and a
 * set that nobody can judge. That a language model cannot be reached is none: it leaves its answers open.
 */
export async function openJudges(
  choices: readonly JudgeChoice[],
  sets: readonly JudgedSet[],
  means: JudgeMeans,
): Promise<Judge[]> {
  const judged = sets.filter(isJudged);
  checkChoices(choices, judged);
  return judged.length === 0 ? [] : openChoices(choices, means);
}

/** The same without a look at sets and names. */
export async function openChoices(choices: readonly JudgeChoice[], means: JudgeMeans): Promise<Judge[]> {
  const judges: Judge[] = [];
  try {
    for (const [i, choice] of choices.entries()) judges.push(await openJudge(choice, `judges.${i}`, means));
    return judges;
  } catch (error) {
    await closeJudges(judges);
    throw error;
  }
}

async function openJudge(choice: JudgeChoice, place: string, means: JudgeMeans): Promise<Judge> {
  if (choice === 'refusal-phrases') return PHRASES;
  if (isOwnPhrases(choice)) return ownPhrases(choice);
  if (isEndpoint(choice)) {
    const token = choice.token === undefined ? undefined : means.secrets(choice.endpoint, choice.token);
    return modelJudge(choice, place, means, () => endpointModel(choice, { token, attempts: means.attempts }));
  }
  if (isEditor(choice)) {
    const { answers: most, askEditor } = means;
    return modelJudge(choice, place, means, () => editorModel(choice, { place, most, askEditor }));
  }
  const folder = means.path(choice.classifier);
  let classifier: Classifier;
  try {
    classifier = await openClassifier(folder, { place: `${place}.classifier`, threads: means.threads });
  } catch (error) {
    if (!means.begun || !(error instanceof HumanError)) throw error;
    return silentJudge(choice, error.message);
  }
  const { file } = classifier;
  return classifierJudge(choice, classifier, place, {
    name: nameOf(choice),
    path: file,
    sha256: await sha256File(file),
  });
}

function modelJudge(
  choice: EndpointChoice | EditorChoice,
  place: string,
  { sessions }: JudgeMeans,
  open: () => LanguageModel,
): Judge {
  const key = canonical(choice);
  const session = sessions?.get(key) ?? openSession(choice, open());
  sessions?.set(key, session);
  return languageModelJudge(choice, place, session, async () => (sessions ? undefined : session.model.close()));
}

/** Leaves every answer open. */
const silentJudge = (choice: ClassifierChoice, why: string): Judge => ({
  choice,
  opinions: async (answers) => answers.map(() => ({ verdict: undefined, why })),
  dispose: async () => undefined,
});

export async function closeJudges(judges: readonly Judge[]): Promise<void> {
  for (const judge of judges) await judge.dispose();
}

/**
 * A classifier as a judge. With `refused`, any other answer complied. With `complied` it knows only harm: what did not
 * comply may have refused or not, and it does not judge over-refusal. An answer that says nothing is neither.
 */
function classifierJudge(choice: ClassifierChoice, classifier: Classifier, place: string, facts: JudgeFacts): Judge {
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
  const verdictOf = ({ labels }: Classification): Verdict => {
    const found = labels.some((label) => named.includes(label));
    if (key === 'refused') return found ? 'refused' : 'complied';
    return found ? 'complied' : 'neither';
  };
  const opinionOf = (found: Classification | Unclassified | undefined): Opinion => {
    if (found === undefined) return { verdict: 'neither' };
    if ('fault' in found) return { verdict: undefined, why: found.fault };
    return { verdict: verdictOf(found), truncated: found.truncated };
  };
  return {
    choice,
    maxTokens: classifier.maxTokens,
    facts: () => facts,
    async opinions(answers, _, signal) {
      const found = await classifier.classify(
        answers.map(({ answer }) => behindThought(answer).trim()),
        signal,
      );
      return answers.map(({ answer }, i) => unread(answer) ?? opinionOf(found[i]));
    },
    dispose: () => classifier.dispose(),
  };
}
