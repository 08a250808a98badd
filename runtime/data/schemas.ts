import { suggestColumns, TURNS, type Columns } from '../contract/mapping.js';
import type { ChatMessage } from '../contract/generation.js';
import { DATA_FORMATS, type DataFormat } from '../contract/recipeWords.js';
import { isThere } from '../contract/isNone.js';
import { isObject } from '../contract/isObject.js';
import { speakerOf } from '../contract/speakers.js';
import { shown } from '../support/jsonFile.js';
import type { JsonObject } from '../support/jsonFile.js';
import { keysText, mapRow, namesText } from './columns.js';
import { NOT_SUPERVISED } from './conversation.js';
import { InvalidRow } from './invalidRow.js';
import type { ReadRow } from './rawRow.js';
import { answersIn, checkAnswers, textsIn, type RowContent } from './rowContent.js';
import { namesOfTools, toolsIn } from './toolFields.js';
import { chat, noList, roleOf, shareGpt, type Turns } from './turns.js';

export type RowFormat = Exclude<DataFormat, 'auto'>;

interface Schema {
  /** Fields by which `auto` knows the format. */
  has: (row: JsonObject) => boolean;
  /** Columns of a table that it is in: the one that it needs, and what is answered. */
  columns: readonly string[];
  read: (row: JsonObject) => RowContent;
}

/** Masks of TRL and others: 0 or false where nothing is learned. */
export const MASKS = ['completion_mask', 'assistant_masks', 'assistant_mask', 'loss_mask'];
/** Where packed rows begin, in the ways of transformers. */
export const PACKED = ['position_ids', 'seq_lengths', 'seq_idx', 'cu_seqlens', 'cu_seq_lens_q'];

/** Fields that any format has; others are not read. */
export const FIELDS: ReadonlySet<string> = new Set([
  'messages',
  'conversations',
  'prompt',
  'completion',
  'instruction',
  'input',
  'output',
  'text',
  'input_ids',
  'labels',
  'attention_mask',
  'label',
  'system',
  'history',
  'context',
  'response',
  'tools',
  'functions',
  'chat_template_kwargs',
  ...MASKS,
  ...PACKED,
]);

/** In the order in which `auto` tries them. */
const SCHEMAS: Record<RowFormat, Schema> = {
  tokens: { has: (row) => Array.isArray(row.input_ids), columns: ['input_ids'], read: tokens },
  messages: {
    has: (row) => isThere(row.messages),
    columns: ['messages'],
    read: (row) => conversation(row, chat(row.messages, 'messages')),
  },
  sharegpt: {
    has: (row) => isThere(row.conversations),
    columns: ['conversations'],
    read: (row) => conversation(row, shareGpt(row.conversations)),
  },
  alpaca: { has: (row) => 'instruction' in row, columns: ['instruction', 'output', 'response'], read: alpaca },
  completion: { has: (row) => 'prompt' in row, columns: ['prompt', 'completion', 'response'], read: completion },
  text: {
    has: (row) => 'text' in row && !isMessage(row),
    columns: ['text'],
    read: (row) => ({ kind: 'text', text: filled(row, 'text') }),
  },
};

const formatsIn = (row: JsonObject): RowFormat[] =>
  (Object.keys(SCHEMAS) as RowFormat[]).filter((format) => SCHEMAS[format].has(row));

/** Whether a row has the fields of a format, whichever others it has. */
export const hasFormat = (row: JsonObject, format: RowFormat): boolean => SCHEMAS[format].has(row);

/** The format of a row; undefined when it has none of the known fields. */
export const formatOf = (row: JsonObject): RowFormat | undefined => formatsIn(row).at(0);

/** The formats that a table with these columns may have. */
export const formatsOfTable = (names: readonly string[], columns?: Columns): RowFormat[] =>
  formatsIn(mapRow(Object.fromEntries(names.map((name) => [name, []])), columns));

/**
 * The same of a row as it was read. Of a table its columns say it, whichever cells are empty: a format yields only
 * where the row lacks what it needs and has more cells of another one, as in tables that were joined.
 */
export function formatAsRead({ value, names }: ReadRow, columns?: Columns): RowFormat | undefined {
  const row = mapRow(value, columns);
  if (!names) return formatOf(row);
  const formats = formatsOfTable(names, columns).filter((format) => format !== 'text' || !isMessage(row));
  const cells = (format: RowFormat): number => SCHEMAS[format].columns.filter((name) => !isEmptyList(row[name])).length;
  const most = Math.max(...formats.map(cells));
  return formats.find((format) => !isEmptyList(row[SCHEMAS[format].columns[0]]) || cells(format) === most);
}

/** Names the fields of a row and the formats that are known. */
export function unknownFields(row: JsonObject): string {
  const names = Object.keys(row);
  if (isMessage(row))
    return 'it is a message of its own; a row is a conversation: {"messages": […]}, also where each line is a list of messages';
  const pairs = pairsIn(row);
  if (pairs !== undefined)
    return `the turns in "${pairs}" have no role (their keys: ${keysText((row[pairs] as JsonObject[])[0])}): write each as a message, {"role": "user", "content": …}, {"role": "assistant", "content": …}, in "messages"`;
  const suggested = suggestColumns(row);
  return `its fields (${namesText(names.slice(0, 8))}) match no row format (${DATA_FORMATS.slice(1).join(', ')})${suggested ? meantText(suggested) : wrappedText(row)}`;
}

/**
 * Whether a row is one turn of a conversation, as where each line of a file is a list of turns, or a file has a row for
 * each node of a tree of messages (OASST).
 */
const isMessage = ({ role, content, from, value, text }: JsonObject): boolean =>
  (isThere(content) && ['system', 'user', 'assistant', 'tool'].includes(String(roleOf({ role })))) ||
  (isThere(value) && speakerOf(from) !== undefined) ||
  (isThere(text) && speakerOf(role ?? from) !== undefined);

/** The key of a list of turns that are no messages: their keys say who says what, as in `{"human", "assistant"}`. */
const pairsIn = (row: JsonObject): string | undefined =>
  Object.keys(row).find((name) => {
    const [turn] = Array.isArray(row[name]) ? (row[name] as unknown[]) : [];
    return isObject(turn) && !isMessage(turn) && (TURNS.includes(name.toLowerCase()) || isPair(turn));
  });

const isPair = (turn: JsonObject): boolean =>
  ['user', 'assistant'].every((role) => Object.keys(turn).some((key) => speakerOf(key.toLowerCase()) === role));

/** Whether columns may be chosen for a row whose fields match no format. */
export const isUnmapped = (row: JsonObject): boolean =>
  !isMessage(row) && pairsIn(row) === undefined && wrapperOf(row) === undefined;

/** The key of an object that has the rows of the file in a list: of such a file no column can be chosen. */
function wrapperOf(row: JsonObject): string | undefined {
  const isRow = (value: unknown): boolean =>
    isObject(value) && !isMessage(value) && (formatOf(value) ?? suggestColumns(value)) !== undefined;
  return Object.keys(row).find((name) => Array.isArray(row[name]) && isRow((row[name] as unknown[])[0]));
}

function wrappedText(row: JsonObject): string {
  const key = wrapperOf(row);
  return key === undefined ? '' : `; the rows in "${key}" must be a list at the top level of the file`;
}

export const meantText = (columns: Columns | undefined): string =>
  columns ? `; "columns": ${JSON.stringify(columns)} may be meant` : '';

/** @throws InvalidRow saying what is missing or wrong. */
export function readContent(row: JsonObject, format: RowFormat): RowContent {
  const content = SCHEMAS[format].read(row);
  if (textsIn(content).some((text) => /\p{Surrogate}/u.test(text)))
    throw new InvalidRow('a text has half of a surrogate pair');
  // Of a conversation that only asks, no answer is learned.
  if (content.kind === 'chat' && content.messages.at(-1)?.role === 'assistant')
    checkAnswers(content.messages, content.unlearned);
  return content;
}

/** The row's `label`, where the truth is known. */
export function labelOf(row: JsonObject): 'harmful' | 'benign' | undefined {
  return row.label === 'harmful' || row.label === 'benign' ? row.label : undefined;
}

/** Values that are meant as one of the labels. Other files have a column of that name, too. */
const MEANT = /^"?\s*(harmful|benign|[01])\s*"?$/i;

/**
 * A `label` that seems meant as harmful or benign but is not read, as it is shown.
 * @param isMapped a column was named as `label`
 */
export function unreadLabel(row: JsonObject, isMapped: boolean): string | undefined {
  const { label } = row;
  if (!isThere(label) || label === '' || labelOf(row)) return undefined;
  const text = shown(label, 40);
  return isMapped || MEANT.test(text) ? text : undefined;
}

/** Whether the row's `label` says that its answer is a bad one, as TRL's rows of unpaired preferences do. */
export const isMarkedBad = ({ label }: JsonObject): boolean =>
  label === false || (typeof label === 'string' && label.toLowerCase() === 'false');

function textField(row: JsonObject, name: string): string {
  const value = row[name];
  if (!isThere(value)) throw new InvalidRow(`"${name}" is missing`);
  if (typeof value !== 'string') throw new InvalidRow(`"${name}" is not a string`);
  return value;
}

function filled(row: JsonObject, name: string): string {
  const value = textField(row, name);
  if (value.trim() === '') throw new InvalidRow(`"${name}" is empty`);
  return value;
}

/** An answer that may be missing, as rows that only ask have none, but not be blank. Many call it `response`. */
function answerField(row: JsonObject, name: string): string | undefined {
  const found = [name, 'response'].find((each) => isThere(row[each]));
  return found && filled(row, found);
}

/** `prompt` and `completion` are texts, or both lists of messages. */
function completion(row: JsonObject): RowContent {
  if (Array.isArray(row.prompt)) {
    const answer = row.completion ?? [];
    if (!Array.isArray(answer)) throw new InvalidRow('"prompt" is a list of messages, "completion" is not');
    if (row.prompt.length === 0) throw new InvalidRow('"prompt" is empty');
    const { messages, unlearned } = chat([...row.prompt, ...(answer as unknown[])], 'prompt');
    const earlier = answersIn(messages.slice(0, row.prompt.length));
    return conversation(row, { messages, unlearned: [...new Set([...earlier, ...unlearned])] });
  }
  checkTurns(row);
  const system = systemField(row);
  return {
    kind: 'completion',
    prompt: textField(row, 'prompt'),
    completion: answerField(row, 'completion'),
    ...(system && { system }),
    ...toolsFor(row, system),
  };
}

/** The instruction, and the input below it, is what the user says. Dolly calls the input `context`. */
function alpaca(row: JsonObject): RowContent {
  checkTurns(row);
  const instruction = filled(row, 'instruction');
  const below = isThere(row.input) ? 'input' : 'context';
  const input = isThere(row[below]) ? textField(row, below) : '';
  const messages: ChatMessage[] = [
    { role: 'user', content: input.trim() ? `${instruction}\n\n${input}` : instruction },
  ];
  const output = answerField(row, 'output');
  if (output !== undefined) messages.push({ role: 'assistant', content: output });
  return conversation(row, { messages, unlearned: [] });
}

/** A row's conversation, with the system message that stands beside it. */
function conversation(row: JsonObject, { messages, unlearned }: Turns): RowContent {
  checkKwargs(row);
  const system = systemField(row);
  const own = messages.flatMap(({ role, content }) => (role === 'system' ? content : []));
  const tools = toolsFor(row, [system, ...own].join('\n'));
  if (system === '') return { kind: 'chat', messages, unlearned, ...tools };
  if (messages[0].role === 'system') throw new InvalidRow('the row has "system" and a system message');
  const all = [{ role: 'system' as const, content: system }, ...messages];
  return { kind: 'chat', messages: all, unlearned: unlearned.map((i) => i + 1), ...tools };
}

const systemField = (row: JsonObject): string => (isThere(row.system) ? textField(row, 'system') : '');

/** Undefined, and an empty list, also one that is written as text. */
const isEmptyList = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length === 0
    : !isThere(value) || (typeof value === 'string' && /^\s*(\[\s*\])?\s*$/.test(value));

/** The same, and an object in which nothing is set, as tables write it in rows that have none. */
const isEmpty = (value: unknown): boolean =>
  isObject(value)
    ? !Object.values(value).some(isThere)
    : isEmptyList(value) || (typeof value === 'string' && /^\s*\{\s*\}\s*$/.test(value));

/** A field of TRL's rows by which a chat template is told more. */
function checkKwargs(row: JsonObject): void {
  if (!isEmpty(row.chat_template_kwargs))
    throw new InvalidRow('the row has "chat_template_kwargs", which are not given to the chat template');
}

/** What a prompt may not have beside it: it would be left out silently. */
function checkTurns(row: JsonObject): void {
  if (!isEmptyList(row.history)) throw new InvalidRow('the row has "history"; write earlier turns as "messages"');
  checkKwargs(row);
}

/**
 * What a row's conversation may call. Where its system message has the tools already, as in Hermes's rows, they are not
 * written into it once more.
 */
function toolsFor(row: JsonObject, system: string): { tools?: string } {
  const tools = toolsIn(row);
  if (tools === undefined) return {};
  const names = new Set(Array.from(system.matchAll(NAMED), ([, , name]) => name));
  return namesOfTools(tools).every((name) => names.has(name)) ? {} : { tools };
}

/** A name in a list of tools, in the notation of JSON or Python. */
const NAMED = /(["'])name\1\s*:\s*["']([^"']+)["']/g;

function tokens(row: JsonObject): RowContent {
  const ids = numbers(row, 'input_ids');
  const labels = isThere(row.labels) ? numbers(row, 'labels') : [...ids];
  if (ids.length === 0) throw new InvalidRow('"input_ids" is empty');
  if (labels.length !== ids.length)
    throw new InvalidRow(`"labels" has ${labels.length} entries, "input_ids" ${ids.length}`);
  const length = lengthOf(row, ids);
  checkMasks(row, labels.slice(0, length));
  return { kind: 'tokens', ids: ids.slice(0, length), labels: labels.slice(0, length) };
}

/** Without padding. */
function lengthOf(row: JsonObject, ids: readonly number[]): number {
  if (!isThere(row.attention_mask)) return ids.length;
  const mask = numbers(row, 'attention_mask');
  const length = mask.includes(0) ? mask.indexOf(0) : mask.length;
  if (mask.length !== ids.length || length === 0 || mask.some((m, t) => m !== (t < length ? 1 : 0)))
    throw new InvalidRow('"attention_mask" may only mask padding at the end of "input_ids"');
  return length;
}

/** Fields that would change what is learned may only say what `labels` and one row of tokens say. */
function checkMasks(row: JsonObject, labels: readonly number[]): void {
  const says = (name: string, expected: readonly unknown[]): boolean => {
    const given = row[name];
    return (
      !isThere(given) ||
      (Array.isArray(given) && JSON.stringify(given.slice(0, expected.length)) === JSON.stringify(expected))
    );
  };
  const learned = labels.map((label) => label !== NOT_SUPERVISED);
  for (const name of MASKS)
    if (!says(name, learned) && !says(name, learned.map(Number)))
      throw new InvalidRow(`"${name}" is not read: write "labels", with ${NOT_SUPERVISED} where nothing is learned`);
  const places: Record<string, readonly unknown[]> = {
    position_ids: labels.map((_, t) => t),
    seq_idx: labels.map(() => 0),
  };
  for (const name of PACKED)
    if (
      places[name]
        ? !says(name, places[name])
        : Array.isArray(row[name]) && row[name].length > (name === 'seq_lengths' ? 1 : 2)
    )
      throw new InvalidRow(`"${name}" says that rows are packed: write each of them as a row of its own`);
}

function numbers(row: JsonObject, name: string): number[] {
  const list = row[name];
  if (!Array.isArray(list)) throw new InvalidRow(list === undefined ? `"${name}" is missing` : noList(list, name));
  for (const value of list as unknown[]) {
    if (!Number.isInteger(value))
      throw new InvalidRow(`"${name}" has ${shown(value, 40)}, which is not a whole number`);
  }
  return list as number[];
}
