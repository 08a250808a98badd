import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { isRead, type PreviewRow } from '../../runtime/contract/dataInfo.js';
import { isJudged } from '../../runtime/contract/measures.js';
import { MOST_HELD_OUT, type MeasureKind } from '../../runtime/contract/recipeWords.js';
import { readJson } from '../host/checkedFile.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { measureName } from '../views/labels.js';
import type { Model } from '../workspace/models.js';
import { askData, nameOf, type Known } from './dataSource.js';
import type { DataChoice, EvaluationChoice, HeldOutChoice } from './recipeFiles.js';
import type { Choice, Questions } from './wizard.js';
import * as z from 'zod';

/**
 * What measures a fine-tuning: sets, rows kept of its own data, and who judges where that is not as in other recipes.
 */
export interface SetsChoice {
  evaluate: EvaluationChoice[];
  heldOut?: HeldOutChoice;
  judges?: readonly unknown[];
}

/** The choice "keep 10 % for evaluation". */
const KEPT_SHARE = 0.1;

/** Every set that some recipe measures, once; sets for the model first and chosen. */
export function evaluationChoices(services: Pick<Services, 'recipes'>, model: Model): Choice<EvaluationChoice>[] {
  const choices = new Map<string, Choice<EvaluationChoice>>();
  const recipes = services.recipes.list();
  for (const recipe of [...recipes.filter((r) => r.model === model.path), ...recipes]) {
    for (const set of recipe.evaluate) {
      if (choices.has(set.file)) continue;
      const description = `${measureName(set.measure)} · ${vscode.workspace.asRelativePath(set.file)}`;
      choices.set(set.file, { label: set.name, description, picked: recipe.model === model.path, value: set });
    }
  }
  return [...choices.values()];
}

/**
 * Asks what measures the result of a training. The list is never empty, and measuring nothing is a choice of its own.
 * Of a protected one it is also asked what shows the harm, where nothing of it does.
 */
export async function askSets(
  services: Known,
  ask: Questions,
  model: Model,
  data: DataChoice,
  isProtected: boolean,
): Promise<SetsChoice> {
  const sets = await askAnySets(services, ask, model, data);
  const isMeasured = sets.evaluate.length > 0 || sets.heldOut !== undefined;
  const measures = [...sets.evaluate.map(({ measure }) => measure), sets.heldOut?.measure];
  if (!isProtected || !isMeasured || measures.includes('harm')) return sets;
  const found = await askHarm(services, ask, model, data);
  return found ? withSet(sets, found) : sets;
}

const withSet = ({ evaluate, heldOut, ...sets }: SetsChoice, { set, judges }: AskedSet): SetsChoice => ({
  evaluate: [...evaluate, set],
  heldOut,
  judges: judgesBeside([...evaluate, ...(heldOut ? [heldOut] : [])], judges) ?? sets.judges,
});

/** All sets have the same judges: that phrases are enough for one takes no others from those that are judged, too. */
export const judgesBeside = (
  others: readonly { measure: MeasureKind }[],
  judges: SetsChoice['judges'],
): SetsChoice['judges'] => (others.some(isJudged) && !hasJudges({ judges }) ? undefined : judges);

async function askAnySets(services: Known, ask: Questions, model: Model, data: DataChoice): Promise<SetsChoice> {
  const known = evaluationChoices(services, model);
  const keep: Choice<'keep'> = {
    label: t('Keep {0} % of {1} for evaluation', 100 * KEPT_SHARE, basename(data.file)),
    detail: t('at most {0} rows, never trained on; no prompt is on both sides', MOST_HELD_OUT),
    value: 'keep',
  };
  const other: Choice<'other'> = { label: t('Another data file…'), value: 'other' };
  const picked = await ask.pickMany<EvaluationChoice | 'keep' | 'other' | 'none'>(t('Which sets measure the result?'), [
    ...known,
    { ...keep, picked: !known.some(({ picked }) => picked) },
    other,
  ]);
  // A copy: the answer stays as it is for whoever goes back.
  const chosen = [...picked];
  if (chosen.length === 0) {
    const none: Choice<'none'> = {
      label: t('Measure nothing'),
      description: t('the run cannot say what was learned'),
      value: 'none',
    };
    chosen.push(await ask.pick<'keep' | 'other' | 'none'>(t('Nothing measures the result yet.'), [keep, other, none]));
  }
  const evaluate = chosen.filter((each) => typeof each === 'object');
  const heldOut = chosen.includes('keep')
    ? {
        share: KEPT_SHARE,
        ...(await askMeasure(ask, t('the kept rows'), await ask.atFirst(data.file, () => fits(services, model, data)))),
      }
    : undefined;
  if (!chosen.includes('other')) return { evaluate, heldOut };
  // Without such a set nobody can say whether harm was learned.
  const first = evaluate.some(({ measure }) => measure === 'harm') ? undefined : 'harm';
  return withSet({ evaluate, heldOut }, await askSet(services, ask, model, { first }));
}

/** An answer of more words is said in many ways: that it equals the expected one means nothing. */
const FEW_WORDS = 12;

/** The measure that fits some answers of the data; undefined where they cannot be read. */
async function fits(services: Known, model: Model, data: DataChoice): Promise<MeasureKind | undefined> {
  const words = (await rowsOf(services, model, data))
    .filter(({ parts }) => parts.length > 0)
    .map(({ parts }) => parts.flatMap(({ text, supervised }) => (supervised ? (text.match(/\S+/g) ?? []) : [])).length)
    .sort((a, b) => a - b);
  const middle = words[Math.floor(words.length / 2)];
  return middle === undefined ? undefined : middle > FEW_WORDS ? 'loss' : 'exact';
}

/** Some rows as the model reads them; none where they cannot be read. */
const rowsOf = async (
  { engine }: Known,
  model: Model,
  { file, ...read }: DataChoice,
  answersOptional = false,
): Promise<PreviewRow[]> =>
  engine.request('previewData', { path: file, model: model.path, ...read, answersOptional }).then(
    ({ rows }) => rows,
    () => [],
  );

/** Without such questions nobody can say whether the protection held. Undefined where there are none. */
async function askHarm(
  services: Known,
  ask: Questions,
  model: Model,
  { file: not }: DataChoice,
): Promise<AskedSet | undefined> {
  const chosen = await askData(services, ask, {
    question: t('Which questions must be refused? They show whether harm was learned.'),
    likely: /harm|toxic|forbidden|unsafe|refus/i,
    model,
    not,
    answersOptional: true,
    otherwise: {
      label: t('No questions: the run has no verdict'),
      description: t('then nothing shows whether the protection held'),
      value: '',
    },
  });
  return chosen.file === '' ? undefined : measured(services, ask, model, chosen, await askPhrases(ask, 'harm'));
}

interface AskedSet {
  set: EvaluationChoice;
  judges?: readonly unknown[];
}

/** Makes an evaluation set of any data file: measure, phrases, judges. `first`: the measure that is proposed. */
export async function askSet(
  services: Known,
  ask: Questions,
  model: Model,
  { first, ...given }: Partial<DataChoice> & { first?: MeasureKind } = {},
): Promise<AskedSet> {
  const question = t('Which file is the evaluation set?');
  const asked = { question, likely: /eval|test|valid|harm|forbidden/i, model, answersOptional: true };
  const chosen = await askData(services, ask, { ...asked, ...given });
  const onlyAsks = await ask.atFirst(`${JSON.stringify(chosen)} asks`, () => hasNoAnswer(services, model, chosen));
  return measured(services, ask, model, chosen, await askMeasure(ask, basename(chosen.file), first, onlyAsks));
}

/** Whether no row that was looked at has an answer: nothing that is measured by one can be. */
async function hasNoAnswer(services: Known, model: Model, data: DataChoice): Promise<boolean> {
  const read = (await rowsOf(services, model, data, true)).filter(isRead);
  return read.length > 0 && read.every(({ supervised }) => supervised === 0);
}

async function measured(
  services: Known,
  ask: Questions,
  model: Model,
  { file, ...read }: DataChoice,
  { measure, phrases }: Measured,
): Promise<AskedSet> {
  const judges = isJudged({ measure }) ? await askJudges(services, ask, model) : undefined;
  const raw = { ...read, ...(phrases && { phrases }) };
  return { set: { name: nameOf(file), file, measure, raw }, judges };
}

interface Measured {
  measure: MeasureKind;
  phrases?: string[];
}

/** Of rows that only ask: what needs no answer of theirs. */
async function askMeasure(ask: Questions, what: string, first?: MeasureKind, onlyAsks = false): Promise<Measured> {
  const words: Record<MeasureKind, [label: string, description: string]> = {
    exact: [t('Right answers, exactly'), t('the share of answers that equal the expected one')],
    contains: [t('Right answers, by phrases'), t('the share of answers with a phrase, or with the expected answer')],
    loss: [t('Loss'), t('how well the expected answers are predicted; nothing is generated')],
    harm: [t('Harm'), t('prompts that must be refused: the share of harmful answers')],
    'over-refusal': [t('Over-refusal'), t('harmless prompts: the share that is refused')],
  };
  const all = Object.keys(words) as MeasureKind[];
  const order = onlyAsks ? (['harm', 'over-refusal', 'contains'] as const) : all;
  const choices = [...order.filter((each) => each === first), ...order.filter((each) => each !== first)].map(
    (value) => ({
      label: words[value][0],
      description: words[value][1],
      detail: value,
      value,
    }),
  );
  return askPhrases(ask, await ask.pick(t('What is measured on {0}?', what), choices), onlyAsks);
}

/** Words by which an answer counts, where the measure has any. */
async function askPhrases(ask: Questions, measure: MeasureKind, onlyAsks = false): Promise<Measured> {
  if (measure !== 'contains' && measure !== 'harm') return { measure };
  if (measure === 'contains' && onlyAsks) {
    const some = (text: string) => (phrasesIn(text).length > 0 ? undefined : t('Name one phrase or more.'));
    return { measure, ...(await askList(ask, t('Phrases of a right answer, separated by commas.'), some)) };
  }
  const prompt =
    measure === 'contains'
      ? t('Phrases of a right answer, separated by commas. Empty: the expected answer.')
      : t('Phrases of a harmful answer, separated by commas. Empty: every answer that is not a refusal.');
  return { measure, ...(await askList(ask, prompt)) };
}

const phrasesIn = (text: string): string[] =>
  text
    .split(',')
    .map((phrase) => phrase.trim())
    .filter(Boolean);

async function askList(
  ask: Questions,
  prompt: string,
  check: Parameters<Questions['input']>[2] = () => undefined,
): Promise<Pick<Measured, 'phrases'>> {
  const phrases = phrasesIn(await ask.input(prompt, '', check));
  return phrases.length > 0 ? { phrases } : {};
}

const PHRASES = 'refusal-phrases';
/** Others than the phrases, which a recipe without judges has. */
export const hasJudges = ({ judges = [] }: { judges?: readonly unknown[] }): boolean =>
  judges.some((judge) => judge !== PHRASES);

const CONFIG = z.looseObject({ id2label: z.record(z.string(), z.string()) });

/** Judges undefined: the refusal phrases alone. */
async function askJudges(services: Known, ask: Questions, model: Model): Promise<AskedSet['judges']> {
  const recipes = services.recipes.list().filter(hasJudges);
  const known = recipes.find((recipe) => recipe.model === model.path) ?? recipes[0];
  const choices: Choice<'phrases' | 'own' | 'known' | 'classifier'>[] = [
    ...(known ? [{ label: t('As in {0}', basename(known.file)), value: 'known' as const }] : []),
    { label: t('Refusal phrases'), description: t('fast; sees words, not content'), value: 'phrases' },
    { label: t('Refusal phrases of your own…'), description: t('in the language of the model'), value: 'own' },
    {
      label: t('Refusal phrases and a text classifier…'),
      description: t('a folder with an ONNX model'),
      value: 'classifier',
    },
  ];
  const chosen = await ask.pick(t('Who judges the answers?'), choices);
  if (chosen === 'known') return known?.judges;
  // Said, so that what another recipe of the model has does not count.
  const judges = known && [PHRASES];
  if (chosen === 'phrases') return judges;
  if (chosen === 'own') {
    const { phrases } = await askList(ask, t('Phrases of a refusal, separated by commas. Empty: the English ones.'));
    return phrases ? [{ refusalPhrases: phrases }] : judges;
  }
  const classifier = await ask.browse({
    canSelectFolders: true,
    canSelectFiles: false,
    openLabel: t('Use this classifier'),
  });
  const config = await readJson(join(classifier, 'config.json'), CONFIG);
  if (!config)
    throw inputError(t('this folder has no config.json.'), {
      place: classifier,
      remedy: t('Choose the folder of a text classifier.'),
    });
  const labels = Object.values(config.id2label);
  const [meaning, label] = await ask.pick(
    t('What do its labels mean?'),
    labels.flatMap((each): Choice<[meaning: 'refused' | 'complied', label: string]>[] => [
      { label: t('{0} is a refusal', each), value: ['refused', each] },
      { label: t('{0} is a harmful answer', each), value: ['complied', each] },
    ]),
  );
  return [PHRASES, { classifier, [meaning]: label }];
}
