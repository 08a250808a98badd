import { suggestColumns, type Columns } from '../contract/mapping.js';
import { isUnlearned, LEARNED, type ChatMessage } from '../contract/generation.js';
import { DATA_FORMATS, type DataFormat } from '../contract/recipeWords.js';
import { isObject } from '../contract/isObject.js';
import { shown } from '../support/jsonFile.js';
import type { JsonObject } from '../support/jsonFile.js';
import { mapRow, namesText } from './columns.js';
import { parseExact, type ReadRow } from './rawRow.js';

export type RowFormat = Exclude<DataFormat, 'auto'>;

/** The content of a row, whatever its format. */
export type RowContent =
  /** `unlearned`: answers that belong to the prompt and are not supervised, by their index. */
  | { kind: 'chat'; messages: ChatMessage[]; unlearned?: number[] }
  /** `completion` is missing in rows that only ask; `system` is what stands beside the prompt. */
  | { kind: 'completion'; prompt: string; completion?: string; system?: string }
  | { kind: 'text'; text: string }
  /** Labels are unshifted: `labels[t]` is `ids[t]`, or −100 where it is not supervised. */
  | { kind: 'tokens'; ids: number[]; labels: number[] };

/** An answer to a conversation, alone supervised. */
export const answerTo = (messages: readonly ChatMessage[], answer: string): RowContent => ({
  kind: 'chat',
  messages: [...messages, { role: 'assistant', content: answer }],
  unlearned: answersIn(messages),
});

const answersIn = (messages: readonly ChatMessage[]): number[] =>
  messages.flatMap(({ role }, i) => (role === 'assistant' ? i : []));

/** A row that cannot be used. The message is a clause: "the row has no messages". */
export class InvalidRow extends Error {}

/** The row is valid, but this model cannot be trained on it: its answer cannot be told apart. */
export class UnfitRow extends InvalidRow {}

/** The row is valid, but has too many tokens. */
export class TooLongRow extends UnfitRow {
  /** @param tokens where they were counted */
  constructor(
    message: string,
    readonly tokens?: number,
  ) {
    super(message);
  }
}

interface Schema {
  /** Fields by which `auto` knows the format. */
  has: (row: JsonObject) => boolean;
  /** Columns of a table that it is in: the one that it needs, and what is answered. */
  columns: readonly string[];
  read: (row: JsonObject) => RowContent;
}

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
    has: (row) => 'text' in row,
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

/**
 * The same of a row as it was read. Of a table its columns say it, whichever cells are empty: a format yields only
 * where the row lacks what it needs and has more cells of another one, as in tables that were joined.
 */
export function formatAsRead({ value, names }: ReadRow, columns?: Columns): RowFormat | undefined {
  const row = mapRow(value, columns);
  if (!names) return formatOf(row);
  const formats = formatsIn(mapRow(Object.fromEntries(names.map((name) => [name, []])), columns));
  const cells = (format: RowFormat): number => SCHEMAS[format].columns.filter((name) => !isEmptyList(row[name])).length;
  const most = Math.max(...formats.map(cells));
  return formats.find((format) => !isEmptyList(row[SCHEMAS[format].columns[0]]) || cells(format) === most);
}

/** Names the fields of a row and the formats that are known. */
export function unknownFields(row: JsonObject): string {
  const names = Object.keys(row);
  const suggested = suggestColumns(row);
  return `its fields (${namesText(names.slice(0, 8))}) match no row format (${DATA_FORMATS.slice(1).join(', ')})${suggested ? meantText(suggested) : wrappedText(row)}`;
}

/** Of an object that has the rows of the file in a list. */
function wrappedText(row: JsonObject): string {
  const isRow = (value: unknown): boolean =>
    isObject(value) && (formatOf(value) ?? suggestColumns(value)) !== undefined;
  const key = Object.keys(row).find((name) => Array.isArray(row[name]) && isRow((row[name] as unknown[])[0]));
  return key === undefined ? '' : `; the rows in "${key}" must be a list at the top level of the file`;
}

export const meantText = (columns: Columns | undefined): string =>
  columns ? `; "columns": ${JSON.stringify(columns)} may be meant` : '';

/** @throws InvalidRow saying what is missing or wrong. */
export function readContent(row: JsonObject, format: RowFormat): RowContent {
  const content = SCHEMAS[format].read(row);
  const texts =
    content.kind === 'chat'
      ? content.messages.map((message) => message.content)
      : content.kind === 'completion'
        ? [content.prompt, content.completion ?? '', content.system ?? '']
        : content.kind === 'text'
          ? [content.text]
          : [];
  if (texts.some((text) => /\p{Surrogate}/u.test(text))) throw new InvalidRow('a text has half of a surrogate pair');
  // Of a conversation that only asks, no answer is learned.
  if (content.kind === 'chat' && content.messages.at(-1)?.role === 'assistant')
    checkAnswers(content.messages, content.unlearned);
  return content;
}

/** By their index. */
export const learnedAnswers = (messages: readonly ChatMessage[], unlearned: readonly number[] = []): number[] =>
  answersIn(messages).filter((i) => !unlearned.includes(i));

/** @throws InvalidRow where an answer that is learned says nothing: it would be learned that nothing is said. */
export function checkAnswers(messages: readonly ChatMessage[], unlearned?: readonly number[]): void {
  const answers = learnedAnswers(messages, unlearned);
  const last = answers.at(-1);
  const empty = answers.find((i) => !messages[i].content.trim()) ?? -1;
  if (empty >= 0)
    throw new InvalidRow(empty === last ? 'the answer is empty' : `the answer in message ${empty + 1} is empty`);
}

/** Whether there is something to learn in the row; else it only asks. */
export const isAnswered = (content: RowContent): boolean =>
  content.kind === 'chat'
    ? learnedAnswers(content.messages, content.unlearned).length > 0
    : content.kind !== 'completion' || content.completion !== undefined;

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

const isThere = (value: unknown): boolean => value !== undefined && value !== null;

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

const SPEAKERS: Record<string, ChatMessage['role']> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  system: 'system',
};

/** Who says a turn, in a list of messages or in the way of ShareGPT. */
export const roleOf = ({ role, from }: JsonObject): unknown =>
  role ?? (typeof from === 'string' && Object.hasOwn(SPEAKERS, from) ? SPEAKERS[from] : from);

function shareGpt(turns: unknown): Turns {
  if (!Array.isArray(turns)) throw new InvalidRow(noList(turns, 'conversations'));
  const messages = turns.map((turn: unknown): unknown => {
    if (!isObject(turn) || turn.role !== undefined) return turn;
    const { from: _, value, ...rest } = turn;
    return { ...rest, role: roleOf(turn), content: value };
  });
  return chat(messages, 'conversations');
}

/** A row's conversation, with the system message that stands beside it. */
function conversation(row: JsonObject, { messages, unlearned }: Turns): RowContent {
  checkTools(row);
  const system = systemField(row);
  if (system === '') return { kind: 'chat', messages, unlearned };
  if (messages[0].role === 'system') throw new InvalidRow('the row has "system" and a system message');
  const all = [{ role: 'system' as const, content: system }, ...messages];
  return { kind: 'chat', messages: all, unlearned: unlearned.map((i) => i + 1) };
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

/**
 * Fields of a row that a chat template would be given: OpenAI's older files have `functions`, those of TRL
 * `chat_template_kwargs`.
 */
const FOR_TEMPLATES = ['tools', 'functions', 'chat_template_kwargs'];

function checkTools(row: JsonObject): void {
  const given = FOR_TEMPLATES.find((name) => !isEmpty(row[name]));
  if (given) throw new InvalidRow(`the row has "${given}", which are not written into conversations`);
}

/** What a prompt may not have beside it: it would be left out silently. */
function checkTurns(row: JsonObject): void {
  if (!isEmptyList(row.history)) throw new InvalidRow('the row has "history"; write earlier turns as "messages"');
  checkTools(row);
}

/** A cell of a table is text where it is not JSON. */
function noList(value: unknown, name: string): string {
  try {
    if (typeof value === 'string') parseExact(value);
  } catch (error) {
    return `"${name}" is not JSON: ${(error as Error).message}`;
  }
  return `"${name}" is not a list`;
}

type Turns = Required<Pick<RowContent & { kind: 'chat' }, 'messages' | 'unlearned'>>;

function chat(given: unknown, field: string): Turns {
  if (!Array.isArray(given)) throw new InvalidRow(noList(given, field));
  if (given.length === 0) throw new InvalidRow(`"${field}" is empty`);
  const messages = given.map((message: unknown, i) => messageOf(message, i + 1));
  return { messages, unlearned: answersIn(messages).filter((i) => isUnlearned(given[i] as JsonObject)) };
}

/** Fields of a message that would change what is written. */
const NOT_READ = ['tool_calls', 'function_call', 'reasoning_content', 'reasoning', 'thinking'];

/** Whether a field of a message says nothing, or what can be done: answers are learned or not, what others say is not. */
function isPossible(name: string, value: unknown, role: ChatMessage['role']): boolean {
  if (!isThere(value) || (Array.isArray(value) && value.length === 0)) return true;
  if (!(LEARNED as readonly string[]).includes(name)) return value === '';
  return value === false || value === 0 || (role === 'assistant' && (value === true || value === 1));
}

function messageOf(message: unknown, number: number): ChatMessage {
  if (!isObject(message)) throw new InvalidRow(`message ${number} is not an object`);
  const { role } = message;
  if (role !== 'system' && role !== 'user' && role !== 'assistant')
    throw new InvalidRow(`message ${number} has the role ${shown(role, 40)}; system, user and assistant are known`);
  for (const name of [...NOT_READ, ...LEARNED]) {
    const value = message[name];
    if (!isPossible(name, value, role))
      throw new InvalidRow(`message ${number} has "${name}" (${shown(value, 40)}), which is not supported`);
  }
  return { role, content: contentOf(message.content, number) };
}

/** A text, or parts that are all texts. */
function contentOf(content: unknown, number: number): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? (content as unknown[]) : [];
  const texts = parts.map((part) => (isObject(part) && part.type === 'text' ? part.text : undefined));
  if (texts.length > 0 && texts.every((text) => typeof text === 'string')) return texts.join('');
  throw new InvalidRow(`the content of message ${number} is not text`);
}

function tokens(row: JsonObject): RowContent {
  const ids = numbers(row, 'input_ids');
  const labels = isThere(row.labels) ? numbers(row, 'labels') : [...ids];
  if (ids.length === 0) throw new InvalidRow('"input_ids" is empty');
  if (labels.length !== ids.length)
    throw new InvalidRow(`"labels" has ${labels.length} entries, "input_ids" ${ids.length}`);
  if (!isThere(row.attention_mask)) return { kind: 'tokens', ids, labels };
  const mask = numbers(row, 'attention_mask');
  const length = mask.includes(0) ? mask.indexOf(0) : mask.length;
  if (mask.length !== ids.length || length === 0 || mask.some((m, t) => m !== (t < length ? 1 : 0)))
    throw new InvalidRow('"attention_mask" may only mask padding at the end of "input_ids"');
  return { kind: 'tokens', ids: ids.slice(0, length), labels: labels.slice(0, length) };
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
