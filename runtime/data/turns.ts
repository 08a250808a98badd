/** Messages of a row, in the notations of data files. */
import { isUnlearned, LEARNED, type ChatMessage } from '../contract/generation.js';
import { isThere } from '../contract/isNone.js';
import { isObject } from '../contract/isObject.js';
import { CALLING, speakerOf } from '../contract/speakers.js';
import { shown } from '../support/jsonFile.js';
import type { JsonObject } from '../support/jsonFile.js';
import { keysText } from './columns.js';
import { InvalidRow } from './invalidRow.js';
import { parseExact } from './rawRow.js';
import { answersIn, type RowContent } from './rowContent.js';
import { callsIn, callsOfText } from './toolFields.js';

export type Turns = Required<Pick<RowContent & { kind: 'chat' }, 'messages' | 'unlearned'>>;

/** Who says a turn, in a list of messages or in the way of ShareGPT. OpenAI's older files call a tool a function. */
export const roleOf = ({ role, from }: JsonObject): unknown =>
  role === 'function' ? 'tool' : (role ?? speakerOf(from) ?? from);

/** @throws InvalidRow */
export function shareGpt(turns: unknown): Turns {
  if (!Array.isArray(turns)) throw new InvalidRow(noList(turns, 'conversations'));
  const messages = turns.map((turn: unknown, i): unknown => {
    if (!isObject(turn) || turn.role !== undefined) return turn;
    const { from, value, ...rest } = turn;
    if (value === undefined && isThere(from) && Object.keys(rest).length > 0 && callsIn(turn, i + 1) === undefined)
      throw new InvalidRow(`message ${i + 1} has no "value" (its keys: ${keysText(turn)})`);
    if (from === CALLING && typeof value === 'string')
      return { ...rest, role: 'assistant', tool_calls: callsOfText(value, i + 1) };
    return { ...rest, role: roleOf(turn), content: value };
  });
  return chat(messages, 'conversations');
}

/** @throws InvalidRow */
export function chat(given: unknown, field: string): Turns {
  if (!Array.isArray(given)) throw new InvalidRow(noList(given, field));
  if (given.length === 0) throw new InvalidRow(`"${field}" is empty`);
  const messages = given.map((message: unknown, i) => messageOf(message, i + 1));
  return { messages, unlearned: answersIn(messages).filter((i) => isUnlearned(given[i] as JsonObject)) };
}

/** Says why a value is no list: a cell of a table is text where it is not JSON. */
export function noList(value: unknown, name: string): string {
  if (isObject(value) && Object.values(value).some(Array.isArray))
    return `"${name}" is an object with lists (${keysText(value)}), not a list of objects`;
  try {
    if (typeof value === 'string' && Array.isArray(parseExact(value)))
      return `"${name}" is the text of a list: write the list itself`;
  } catch (error) {
    return `"${name}" is not JSON: ${(error as Error).message}`;
  }
  return `"${name}" is not a list`;
}

/** Fields of a message that would change what is written, or which part of it is learned. */
const NOT_READ = [
  ...['reasoning_content', 'reasoning', 'thinking'],
  ...['train_detail', 'training_detail', 'mask', 'masked', 'ignore'],
];

/** Whether a field of a message says nothing, or what can be done: answers are learned or not, what others say is not. */
function isPossible(name: string, value: unknown, role: ChatMessage['role']): boolean {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return true;
  if (!(LEARNED as readonly string[]).includes(name)) return value === '' || value === false || value === 0;
  return value === false || value === 0 || (role === 'assistant' && (value === true || value === 1));
}

const AS_MESSAGES = 'write {"role": "user", "content": …} or {"role": "assistant", "content": …}';

function messageOf(message: unknown, number: number): ChatMessage {
  if (!isObject(message)) throw new InvalidRow(`message ${number} is not an object: ${AS_MESSAGES}`);
  const role = roleOf({ role: message.role });
  if (!isThere(role))
    throw new InvalidRow(`message ${number} has no role (its keys: ${keysText(message)}): ${AS_MESSAGES}`);
  if (role !== 'system' && role !== 'user' && role !== 'assistant' && role !== 'tool')
    throw new InvalidRow(
      `message ${number} has the role ${shown(role, 40)}; system, user, assistant and tool are known`,
    );
  for (const name of [...NOT_READ, ...LEARNED]) {
    const value = message[name];
    if (!isPossible(name, value, role))
      throw new InvalidRow(`message ${number} has "${name}" (${shown(value, 40)}), which is not supported`);
  }
  const calls = callsIn(message, number);
  if (calls && role !== 'assistant')
    throw new InvalidRow(`message ${number} calls a tool, and is not the assistant's but has the role "${role}"`);
  const isBare = calls !== undefined && isEmpty(message.content);
  return {
    role,
    content: isBare ? '' : contentOf(message.content, number),
    ...(calls && { tool_calls: calls }),
    ...(role === 'tool' && named(message)),
  };
}

/** Whose result it is, as far as it is said. */
const named = (message: JsonObject): Pick<ChatMessage, 'tool_call_id' | 'name'> =>
  Object.fromEntries(
    ['tool_call_id', 'name'].flatMap((name) => {
      const text = message[name];
      return typeof text === 'string' && text !== '' ? [[name, text] as const] : [];
    }),
  );

/** Nothing, no parts, or blank text. */
const isEmpty = (content: unknown): boolean =>
  content === undefined ||
  content === null ||
  (Array.isArray(content) && content.length === 0) ||
  (typeof content === 'string' && content.trim() === '');

/** A text, or parts that are all texts. */
function contentOf(content: unknown, number: number): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? (content as unknown[]) : [];
  const texts = parts.map((part) => (isObject(part) && part.type === 'text' ? part.text : undefined));
  if (texts.length > 0 && texts.every((text) => typeof text === 'string')) return texts.join('');
  throw new InvalidRow(
    content === undefined ? `message ${number} has no "content"` : `the content of message ${number} is not text`,
  );
}
