import { appendFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { isObject } from '../../runtime/contract/isObject.js';
import { isJudged } from '../../runtime/contract/measures.js';
import type { Columns } from '../../runtime/contract/mapping.js';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import { openDocument } from '../host/documents.js';
import { exists, parseJson, readText } from '../host/checkedFile.js';
import { openData } from '../data/openData.js';
import { inputError } from '../host/errors.js';
import { unwritable } from '../host/state.js';
import { t } from '../host/text.js';
import type { Said } from '../panels/chat.js';
import { setFor } from '../runs/recipe.js';
import { columnsOf } from '../services/choice.js';
import type { Services } from '../services/services.js';
import { measureName } from '../views/labels.js';
import { freeFile, slug } from './recipeFiles.js';
import { askRoot, requireRoots } from './root.js';
import { wizard, type Choice, type Questions } from './wizard.js';
import { makeFolder } from '../../runtime/support/makeFolder.js';

/** Sets that people write by hand; larger ones are made by programs. */
const MOST_BYTES = 64 * 1024 * 1024;
const JSON_LINES = /\.(jsonl|ndjson)$/i;

/** Adds a question of a chat to an evaluation set, or begins one with it, and opens the file there. */
export async function addEvaluationRow(
  services: Pick<Services, 'mappings' | 'recipes' | 'scans'>,
  model: string,
  { messages, answer, cut }: Said,
): Promise<{ file: string; line: number }> {
  requireRoots();
  const sets = setsOf(services, model);
  const { file, expected } = await wizard(t('Add an evaluation row'), async (ask) => {
    const chosen = sets.length === 0 ? null : await ask.pick<string | null>(t('To which set?'), [...sets, newSet()]);
    const name =
      chosen === null
        ? await ask.input(t('Name of the new set'), 'from-chat', (text) =>
            slug(text) ? undefined : t('A name is needed.'),
          )
        : undefined;
    const measure = chosen === null ? undefined : setFor(chosen, services.recipes.measuring(chosen))?.measure;
    const file = chosen ?? (await freeFile(join(await askRoot(ask, model), 'eval'), slug(name!), '.jsonl'));
    return { file, expected: await askExpected(ask, measure, cut ? '' : answer) };
  });
  const line = await append(file, (first) => rowLike(first, messages, expected, columnsOf(services, file), file));
  await openData(file, line);
  return { file, line };
}

const newSet = (): Choice<null> => ({ label: t('A new set…'), iconPath: new vscode.ThemeIcon('add'), value: null });

/** Sets of JSON lines, those of the model's own recipes first. */
function setsOf({ recipes }: Pick<Services, 'recipes'>, model: string): Choice<string>[] {
  const all = recipes.list();
  const sets = [...all.filter((recipe) => recipe.model === model), ...all].flatMap(({ evaluate }) => evaluate);
  const files = [...new Set(sets.map(({ file }) => file))].filter((file) => JSON_LINES.test(file));
  return files.map((file) => {
    const set = sets.find((each) => each.file === file)!;
    return {
      label: set.name,
      description: `${measureName(set.measure)} · ${vscode.workspace.asRelativePath(file)}`,
      value: file,
    };
  });
}

/** What a right answer is; a set of harm or over-refusal needs none. */
async function askExpected(ask: Questions, measure: MeasureKind | undefined, answer: string): Promise<string> {
  if (isJudged({ measure })) return '';
  const needed = measure === 'exact' || measure === 'loss';
  const prompt = needed ? t('The right answer') : t('The right answer. Empty: the row only asks.');
  return ask.input(prompt, answer, (text) => (needed && !text.trim() ? t('This set needs an answer.') : undefined));
}

type Row = Record<string, unknown>;

/** The row in the form of the set's first one. */
export function rowLike(
  first: Row | undefined,
  messages: readonly ChatMessage[],
  expected: string,
  columns: Columns | undefined,
  file: string,
): Row {
  const all = expected ? [...messages, { role: 'assistant' as const, content: expected }] : messages;
  const list = columns?.messages ?? 'messages';
  if (!first || Array.isArray(first[list])) return { [list]: all };
  const prompt = columns?.prompt ?? 'prompt';
  const completion = columns?.completion ?? 'completion';
  const name = basename(file);
  if (typeof first[prompt] !== 'string')
    throw inputError(t('the rows of {0} are neither conversations nor prompts.', name), {
      place: file,
      remedy: t('Choose another set, or begin a new one.'),
    });
  if (messages.length > 1)
    throw inputError(t('the rows of {0} are single prompts, and this question has others before it.', name), {
      place: file,
      remedy: t('Ask it first in a new chat, or choose another set.'),
    });
  return { [prompt]: messages[0]!.content, ...(expected && { [completion]: expected }) };
}

/** Into the editor that shows the file, else into the file. @returns the line of the new row, from 1 */
async function append(file: string, make: (first: Row | undefined) => Row): Promise<number> {
  const open = openDocument(file);
  const text = open?.getText() ?? ((await exists(file)) ? await readText(file, MOST_BYTES) : undefined) ?? '';
  const first = text.split('\n').find((line) => line.trim());
  const made = JSON.stringify(make(first === undefined ? undefined : rowOf(first, file)));
  const added = `${text === '' || text.endsWith('\n') ? '' : '\n'}${made}\n`;
  if (open) {
    const edit = new vscode.WorkspaceEdit();
    edit.insert(open.uri, open.positionAt(text.length), added);
    if (!(await vscode.workspace.applyEdit(edit)) || !(await open.save()))
      throw inputError(t('the file could not be saved.'), { place: file, remedy: t('Save it yourself.') });
  } else await appendTo(file, added);
  return (text + added).split('\n').length - 1;
}

/** What stands there may be no UTF-8; a link to it, and who may read it, stay as they are. */
async function appendTo(file: string, text: string): Promise<void> {
  try {
    await makeFolder(dirname(file));
    await appendFile(file, text);
  } catch (error) {
    throw unwritable(file, error);
  }
}

function rowOf(line: string, file: string): Row {
  const { value } = parseJson(line);
  if (isObject(value)) return value as Row;
  throw inputError(t('its first row is not a JSON object.'), { place: file, remedy: t('Choose another set.') });
}
