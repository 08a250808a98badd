import { DATA_FORMATS } from '../protocol.js';
import type { ChatMessage, DataFormat } from '../protocol.js';
import { isObject, shown } from '../models/jsonFile.js';
import type { JsonObject } from '../models/jsonFile.js';

export type RowFormat = Exclude<DataFormat, 'auto'>;

/** What a row says, whatever its format. */
export type Sample =
  | { kind: 'chat'; messages: ChatMessage[] }
  /** `completion` is missing in rows that only ask. */
  | { kind: 'completion'; prompt: string; completion?: string }
  | { kind: 'text'; text: string }
  /** Labels are unshifted: `labels[t]` is `ids[t]`, or −100 where it is not supervised. */
  | { kind: 'tokens'; ids: number[]; labels: number[] };

/** Why a row is not used. The reason is a clause: "the row has no messages". */
export class RefusedRow extends Error {}

/** The row is as it should be, but the model cannot be trained with it: its answer cannot be told apart. */
export class UnfitRow extends RefusedRow {}

/** The row is as it should be, but has too many tokens. */
export class TooLongRow extends UnfitRow {}

interface Schema {
  /** Fields by which `auto` knows the format. */
  has: (row: JsonObject) => boolean;
  read: (row: JsonObject) => Sample;
}

/** Fields that any format has; others are not read. */
export const FIELDS: ReadonlySet<string> = new Set([
  ...['messages', 'conversations', 'prompt', 'completion', 'instruction', 'input', 'output', 'text'],
  ...['input_ids', 'labels', 'attention_mask', 'label'],
]);

/** In the order in which `auto` tries them. */
const SCHEMAS: Record<RowFormat, Schema> = {
  tokens: { has: (row) => Array.isArray(row.input_ids), read: tokens },
  messages: { has: (row) => Array.isArray(row.messages), read: (row) => chat(row.messages, 'messages') },
  sharegpt: { has: (row) => Array.isArray(row.conversations), read: (row) => shareGpt(row.conversations) },
  alpaca: { has: (row) => 'instruction' in row, read: alpaca },
  completion: { has: (row) => 'prompt' in row, read: completion },
  text: { has: (row) => 'text' in row, read: (row) => ({ kind: 'text', text: filled(row, 'text') }) },
};

/** The format of a row; undefined when it has none of the known fields. */
export function formatOf(row: JsonObject): RowFormat | undefined {
  return (Object.keys(SCHEMAS) as RowFormat[]).find((format) => SCHEMAS[format].has(row));
}

/** Says which fields a row has and which would be known. */
export function unknownFields(row: JsonObject): string {
  const keys = Object.keys(row)
    .slice(0, 8)
    .map((key) => JSON.stringify(key.slice(0, 40)));
  return `its fields (${keys.join(', ') || 'none'}) belong to no row format (${DATA_FORMATS.slice(1).join(', ')})`;
}

/** @throws RefusedRow saying what is missing or wrong. */
export function readSample(row: JsonObject, format: RowFormat): Sample {
  const sample = SCHEMAS[format].read(row);
  const texts =
    sample.kind === 'chat'
      ? sample.messages.map((message) => message.content)
      : sample.kind === 'completion'
        ? [sample.prompt, sample.completion ?? '']
        : sample.kind === 'text'
          ? [sample.text]
          : [];
  if (texts.some((text) => /\p{Surrogate}/u.test(text))) throw new RefusedRow('a text has half of a surrogate pair');
  return sample;
}

/** The row's `label`, where the truth is known. */
export function labelOf(row: JsonObject): 'harmful' | 'benign' | undefined {
  return row.label === 'harmful' || row.label === 'benign' ? row.label : undefined;
}

function textField(row: JsonObject, name: string): string {
  const value = row[name];
  if (value === undefined || value === null) throw new RefusedRow(`"${name}" is missing`);
  if (typeof value !== 'string') throw new RefusedRow(`"${name}" is no text`);
  return value;
}

function filled(row: JsonObject, name: string): string {
  const value = textField(row, name);
  if (value.trim() === '') throw new RefusedRow(`"${name}" is empty`);
  return value;
}

/** An answer that may be missing, as rows that only ask have none, but not be blank. */
function answerField(row: JsonObject, name: string): string | undefined {
  return row[name] === undefined || row[name] === null ? undefined : filled(row, name);
}

/** `prompt` and `completion` are texts, or both lists of messages. */
function completion(row: JsonObject): Sample {
  if (Array.isArray(row.prompt)) {
    const answer = row.completion ?? [];
    if (!Array.isArray(answer)) throw new RefusedRow('"prompt" is a list of messages, "completion" is not');
    return chat([...row.prompt, ...(answer as unknown[])], 'prompt');
  }
  return { kind: 'completion', prompt: textField(row, 'prompt'), completion: answerField(row, 'completion') };
}

/** The instruction, and the input below it, is what the user says. */
function alpaca(row: JsonObject): Sample {
  const instruction = filled(row, 'instruction');
  const input = row.input === undefined || row.input === null ? '' : textField(row, 'input');
  const messages: ChatMessage[] = [
    { role: 'user', content: input.trim() ? `${instruction}\n\n${input}` : instruction },
  ];
  const output = answerField(row, 'output');
  if (output !== undefined) messages.push({ role: 'assistant', content: output });
  return { kind: 'chat', messages };
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

function shareGpt(turns: unknown): Sample {
  if (!Array.isArray(turns)) throw new RefusedRow('"conversations" is no list');
  const messages = turns.map((turn: unknown) =>
    isObject(turn) && turn.role === undefined
      ? { role: typeof turn.from === 'string' ? (SPEAKERS[turn.from] ?? turn.from) : turn.from, content: turn.value }
      : turn,
  );
  return chat(messages, 'conversations');
}

function chat(given: unknown, field: string): Sample {
  if (!Array.isArray(given)) throw new RefusedRow(`"${field}" is no list`);
  if (given.length === 0) throw new RefusedRow(`"${field}" is empty`);
  return { kind: 'chat', messages: given.map((message: unknown, i) => messageOf(message, i + 1)) };
}

function messageOf(message: unknown, number: number): ChatMessage {
  if (!isObject(message)) throw new RefusedRow(`message ${number} is no object`);
  const { role } = message;
  if (role !== 'system' && role !== 'user' && role !== 'assistant')
    throw new RefusedRow(`message ${number} has the role ${shown(role, 40)}; system, user and assistant are known`);
  return { role, content: contentOf(message.content, number) };
}

/** A text, or parts that are all texts. */
function contentOf(content: unknown, number: number): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? (content as unknown[]) : [];
  const texts = parts.map((part) => (isObject(part) && part.type === 'text' ? part.text : undefined));
  if (texts.length > 0 && texts.every((text) => typeof text === 'string')) return texts.join('');
  throw new RefusedRow(`the content of message ${number} is no text`);
}

function tokens(row: JsonObject): Sample {
  const ids = numbers(row, 'input_ids');
  const labels = row.labels === undefined || row.labels === null ? [...ids] : numbers(row, 'labels');
  if (ids.length === 0) throw new RefusedRow('"input_ids" is empty');
  if (labels.length !== ids.length)
    throw new RefusedRow(`"labels" has ${labels.length} entries, "input_ids" ${ids.length}`);
  if (row.attention_mask === undefined || row.attention_mask === null) return { kind: 'tokens', ids, labels };
  const mask = numbers(row, 'attention_mask');
  const length = mask.includes(0) ? mask.indexOf(0) : mask.length;
  if (mask.length !== ids.length || length === 0 || mask.slice(length).some((m) => m !== 0))
    throw new RefusedRow('"attention_mask" may only mask padding at the end of "input_ids"');
  return { kind: 'tokens', ids: ids.slice(0, length), labels: labels.slice(0, length) };
}

function numbers(row: JsonObject, name: string): number[] {
  const list = row[name];
  if (!Array.isArray(list)) throw new RefusedRow(`"${name}" is ${list === undefined ? 'missing' : 'no list'}`);
  for (const value of list as unknown[]) {
    if (!Number.isInteger(value)) throw new RefusedRow(`"${name}" has ${shown(value, 40)}, which is no whole number`);
  }
  return list as number[];
}
