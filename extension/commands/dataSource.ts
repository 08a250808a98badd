import { basename, extname } from 'node:path';
import * as vscode from 'vscode';
import { isRead, type DataPreview, type PreviewRow } from '../../runtime/contract/dataInfo.js';
import { isFieldOf, type Columns, type ReadAs } from '../../runtime/contract/mapping.js';
import { BROWSED, isTable } from '../data/files.js';
import { countsText, showPreview } from '../data/previews.js';
import { fileInFront } from '../host/documents.js';
import { inputError, type HostError } from '../host/errors.js';
import { mappingText } from '../host/mappingText.js';
import { t } from '../host/text.js';
import { readAs, readBy } from '../services/choice.js';
import type { Services } from '../services/services.js';
import { dataDescription } from '../views/labels.js';
import type { Model } from '../workspace/models.js';
import type { DataChoice } from './recipeFiles.js';
import { wizard, type Choice, type Questions } from './wizard.js';

export type Known = Pick<Services, 'engine' | 'files' | 'inspector' | 'mappings' | 'recipes' | 'scans'>;

interface Asked extends ReadAs {
  question: string;
  /** Names of files that come first. */
  likely?: RegExp;
  /** Shows rows as this model reads them; undefined: as they are. */
  model?: Pick<Model, 'path' | 'name'>;
  /** Answers that are known. */
  file?: string;
  /** Other columns are wanted than those that are known. */
  anew?: boolean;
  /** Not to be chosen. */
  not?: string;
  /** Rows that only ask are right, too: evaluation sets may have them. */
  answersOptional?: boolean;
  /** Further answers of the first question: what they mean is up to who asks. */
  more?: Choice<string>[];
  /** One of them that comes before files whose names say nothing. */
  otherwise?: Choice<string>;
}

const BROWSE = '\0browse';

/**
 * Asks for a data file and, where its rows have no format that is known, for the columns that are prompt and answer.
 */
export async function askData(services: Known, ask: Questions, asked: Asked): Promise<DataChoice> {
  const { question, likely = /(?!)/, file: given, otherwise, answersOptional = false } = asked;
  const more = [...(asked.more ?? []), ...(otherwise ? [otherwise] : [])];
  const choices = (): Choice<string>[] => [
    ...dataChoices(services, likely, answersOptional, otherwise).filter((choice) => choice.value !== asked.not),
    ...(asked.more ?? []),
    { label: t('Browse…'), iconPath: new vscode.ThemeIcon('folder-opened'), alwaysShow: true, value: BROWSE },
  ];
  const chosen = given ?? (await ask.pick(question, choices()));
  if (more.some(({ value }) => value === chosen)) return { file: chosen };
  const file = chosen === BROWSE ? await browse(ask) : chosen;
  const isSaid = asked.columns !== undefined || asked.format !== undefined;
  const known = isSaid ? asked : asked.anew ? {} : await ask.atFirst(file, () => knownReading(services, file));
  if (known.columns || known.format)
    return { file, ...(known.columns && { columns: known.columns }), ...(known.format && { format: known.format }) };
  const columns = await askColumns(services, ask, { ...asked, file });
  // Kept at once: whoever leaves the wizard here is not asked again. Who leaves before keeps what was chosen before.
  if (columns ?? services.mappings.get(file)) await services.mappings.set(file, columns);
  return { file, ...(columns && { columns }) };
}

/**
 * How the file is read, as far as that is known. Columns that it has no more do not count, whoever chose them: others
 * are asked for.
 */
async function knownReading(services: Known, file: string): Promise<ReadAs> {
  const reading = readAs(services, file);
  if (!reading.columns || readBy(services.recipes, file)) return reading;
  const { columns } = await services.engine.request('previewData', { path: file });
  return Object.values(reading.columns).every((name) => columns.includes(name)) ? reading : {};
}

/** The data file that the person looks at. */
export function dataInFront({ files }: Pick<Services, 'files'>): string | undefined {
  const file = fileInFront();
  return file !== undefined && (isTable(file) || files.dataFiles().includes(file)) ? file : undefined;
}

/** How a data file is read, for a recipe that is there already. */
export async function chooseReading(services: Known, file: string, model: Model | undefined): Promise<ReadAs> {
  const asked = { question: t('Which data?'), file, model };
  const { file: _, ...reading } = await wizard(t('Use a data file'), (ask) => askData(services, ask, asked));
  return reading;
}

const browse = (ask: Questions): Promise<string> =>
  ask.browse({ filters: { [t('Data files')]: [...BROWSED] }, openLabel: t('Use this file') });

function dataChoices(services: Known, likely: RegExp, sets: boolean, otherwise?: Choice<string>): Choice<string>[] {
  const { files, inspector, recipes, scans } = services;
  const all = files.dataFiles();
  const shown = all.filter((file) => sets || !recipes.isEvaluationSet(file));
  // Rows that a vector has learned do not show what it keeps out: they come last.
  const learned = new Set(sets ? recipes.list().flatMap(({ kind, data }) => (kind === 'vector' ? data : [])) : []);
  const first = shown.filter((file) => likely.test(basename(file)) && !learned.has(file));
  const choice = (value: string): Choice<string> => ({
    label: vscode.workspace.asRelativePath(value),
    description: learned.has(value)
      ? t('a security vector is trained on it')
      : dataDescription(inspector.get(value), scans.get(value), sets && recipes.isEvaluationSet(value)),
    value,
  });
  const others = shown
    .filter((file) => !first.includes(file))
    .sort((a, b) => Number(learned.has(a)) - Number(learned.has(b)));
  return [...first.map(choice), ...(otherwise ? [otherwise] : []), ...others.map(choice)];
}

/**
 * Which columns are what, where that must be said: the rows have no known format, or cannot be used by it. Undefined
 * where the file is read by the names it has.
 */
async function askColumns(
  { engine }: Pick<Services, 'engine'>,
  ask: Questions,
  { file, model, answersOptional = false }: Pick<Asked, 'model' | 'answersOptional'> & { file: string },
): Promise<Columns | undefined> {
  const look = (columns?: Columns): Promise<DataPreview> =>
    engine.request('previewData', { path: file, model: model?.path, columns, answersOptional });
  const found = await look();
  if (found.format !== null && found.rows.some(isRead) && !found.suggested) return undefined;
  if (!hasChoice(found)) throw unusable(found);
  // Where the names say it, the rows are shown at once: one question instead of four.
  let columns = found.suggested ?? (await askMapping(ask, found, answersOptional));
  let mapped = await look(columns);
  for (;;) {
    const answer = await ask.pick(
      t('{0}: should it be read like this? The part that is learned is between ⟦ and ⟧.', basename(file)),
      confirmations(mapped, columns),
    );
    if (answer === 'use') return columns;
    if (answer === 'show') await showPreview(mapped, model, columns);
    else {
      columns = await askMapping(ask, found, answersOptional);
      mapped = await look(columns);
    }
  }
}

/** Whether rows could be read, and other columns than those that they have by name may be meant. */
const hasChoice = ({ rows, columns, format }: DataPreview): boolean =>
  rows.some(({ cells }) => Object.keys(cells).length > 0) &&
  (format === null || columns.some((name) => !isFieldOf(format, name)));

function unusable({ path, rows: [first, ...others] }: DataPreview): HostError {
  if (first?.problem === undefined)
    return inputError(t('the data set is empty.'), { place: path, remedy: t('Put at least one row into it.') });
  const place = `${path}:${first.line}`;
  if (others.length === 0) return inputError(`${first.problem}.`, { place, remedy: t('Correct or remove this row.') });
  const message = t('none of the rows looked at can be used; the first: {0}.', first.problem);
  return inputError(message, { place, remedy: t('Correct the rows, or choose another file.') });
}

async function askMapping(ask: Questions, found: DataPreview, answersOptional: boolean): Promise<Columns> {
  const name = basename(found.path);
  const problem = found.format === null || found.rows.some(isRead) ? undefined : found.rows[0]?.problem;
  const question =
    problem === undefined ? t('{0}: what are its rows?', name) : t('{0}: {1}. What are its rows?', name, problem);
  const chosen = await ask.pick<Columns | 'pair' | 'text' | 'messages'>(question, [
    ...(found.suggested
      ? [{ label: mappingText(found.suggested), description: t('guessed from the names'), value: found.suggested }]
      : []),
    { label: t('A prompt and an answer'), description: t('two columns'), value: 'pair' as const },
    { label: t('A text'), description: t('one column; all of it is learned'), value: 'text' as const },
    { label: t('A conversation'), description: t('one column with a list of messages'), value: 'messages' as const },
  ]);
  if (typeof chosen === 'object') return chosen;
  const choices = found.columns.map((value) => ({
    label: value,
    description: found.rows[0]?.cells[value]?.replace(/\s+/g, ' '),
    value,
  }));
  if (chosen !== 'pair') return { [chosen]: await ask.pick(t('Which column?'), choices) };
  const prompt = await ask.pick(t('Which column is the prompt?'), choices);
  const none = { label: t('None'), description: t('the rows only ask'), value: '' };
  const completion = await ask.pick(t('Which column is the answer?'), [
    ...choices.filter(({ value }) => value !== prompt),
    ...(answersOptional ? [none] : []),
  ]);
  return { prompt, ...(completion && { completion }) };
}

/** The rows as the model reads them, each with one line; a row that cannot be used says why. */
function confirmations({ rows }: DataPreview, columns: Columns): Choice<'use' | 'show' | 'other'>[] {
  const use: Choice<'use'> = {
    label: t('Use these columns'),
    description: mappingText(columns),
    iconPath: new vscode.ThemeIcon('check'),
    value: 'use',
  };
  const other: Choice<'other'> = {
    label: t('Other columns…'),
    iconPath: new vscode.ThemeIcon('list-selection'),
    alwaysShow: true,
    value: 'other',
  };
  const shown = rows.map((row): Choice<'show'> => ({
    label: row.problem === undefined ? countsText(row) : t('line {0} cannot be used', row.line),
    detail: row.problem ?? rowText(row),
    iconPath: new vscode.ThemeIcon(row.problem === undefined ? 'eye' : 'error'),
    value: 'show',
  }));
  return [...(rows.some(isRead) ? [use] : []), ...shown, other];
}

const SHOWN_BEFORE = 60;
/** Of a long text, its end: what comes behind it is to be seen in one line. */
const end = (text: string): string => (text.length > SHOWN_BEFORE ? `…${text.slice(-SHOWN_BEFORE)}` : text);

/** With what is supervised between ⟦ and ⟧; without a model, the cells. */
const rowText = ({ parts, cells }: PreviewRow): string =>
  (parts.length > 0
    ? parts.map(({ text, supervised }) => (supervised ? `⟦${text}⟧` : end(text))).join('')
    : Object.values(cells).join(' · ')
  ).replace(/\s+/g, ' ');

/** `train.csv` → "train": a name for a set. */
export const nameOf = (file: string): string => basename(file, extname(file));
