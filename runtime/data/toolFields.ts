/** Tools of a row, and what its messages call, in the notations of data files: those of OpenAI's, and of others. */
import { parseTree, type Node } from 'jsonc-parser';
import type { ToolCall } from '../contract/generation.js';
import { isNone, isThere } from '../contract/isNone.js';
import { isObject } from '../contract/isObject.js';
import { shown } from '../support/jsonFile.js';
import type { JsonObject } from '../support/jsonFile.js';
import { InvalidRow } from './invalidRow.js';
import { parseExact, type ReadRow } from './rawRow.js';

/** A list, or the text of one. @throws InvalidRow */
function listIn(given: unknown, what: string): { list: unknown[]; text: string } {
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  const list = parsed(text, what);
  if (!Array.isArray(list)) throw new InvalidRow(`${what} is not a list`);
  return { list, text };
}

function parsed(text: string, what: string): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    throw new InvalidRow(`${what} is not JSON: ${(error as Error).message}`);
  }
}

/**
 * What a conversation may call, as the text of a list of JSON: `tools`, or the `functions` of OpenAI's older files.
 * Functions that stand there alone are tools of this type.
 * @throws InvalidRow for what is no list of functions with names
 */
export function toolsIn(row: JsonObject): string | undefined {
  const names = ['tools', 'functions'].filter((name) => !isNone(row[name]));
  if (names.length === 0) return undefined;
  if (names.length > 1) throw new InvalidRow('the row has "tools" and "functions"');
  const what = `"${names[0]}"`;
  const { list, text } = listIn(row[names[0]], what);
  list.forEach((tool, i) => {
    if (!isObject(tool) || nameOf(tool) === undefined)
      throw new InvalidRow(`entry ${i + 1} of ${what} is no function with a name (${shown(tool, 40)})`);
  });
  const wrapped = sourcesOf(text).map((own, i) =>
    isObject((list[i] as JsonObject).function) ? own : `{"type": "function", "function": ${own}}`,
  );
  return `[${wrapped.join(', ')}]`;
}

const nameOf = (tool: JsonObject): string | undefined => {
  const { name } = isObject(tool.function) ? tool.function : tool;
  return typeof name === 'string' && name !== '' ? name : undefined;
};

/** The texts of the members of a list. */
const sourcesOf = (text: string): string[] =>
  (parseTree(text)?.children ?? []).map(({ offset, length }) => text.slice(offset, offset + length));

/** Names of tools, of the text of their list. */
export const namesOfTools = (tools: string): string[] =>
  (parseExact(tools) as JsonObject[]).flatMap((tool) => nameOf(tool) ?? []);

/**
 * What a message calls: its `tool_calls`, or the `function_call` of OpenAI's older files; undefined where it calls
 * nothing.
 * @param number of the message, for errors
 * @throws InvalidRow for a call without a name, or with arguments that are no JSON object
 */
export function callsIn(message: JsonObject, number: number): ToolCall[] | undefined {
  const names = ['tool_calls', 'function_call'].filter((name) => !isNone(message[name]));
  if (names.length === 0) return undefined;
  if (names.length > 1) throw new InvalidRow(`message ${number} has "tool_calls" and "function_call"`);
  const what = `"${names[0]}" of message ${number}`;
  const given = message[names[0]];
  const calls =
    names[0] === 'function_call' ? [given] : typeof given === 'string' ? callsAsWritten(given, what) : given;
  if (!Array.isArray(calls)) throw new InvalidRow(`${what} is not a list`);
  return calls.map((call) => callOf(call, what));
}

/** The calls in a text that is one of them, or a list of them. @throws InvalidRow */
export function callsOfText(text: string, number: number): ToolCall[] {
  const what = `what message ${number} calls`;
  return [callsAsWritten(text, what)].flat().map((call) => callOf(call, what));
}

/** Calls of a text, their arguments as they are written. */
function callsAsWritten(text: string, what: string): unknown {
  parsed(text, what);
  return parseExact(quotedArguments(text, parseTree(text)));
}

function callOf(call: unknown, what: string): ToolCall {
  const called = isObject(call) ? (isObject(call.function) ? call.function : call) : {};
  const { name } = called;
  if (typeof name !== 'string' || name === '') throw new InvalidRow(`${what} has a call without a name`);
  const text = argumentsOf(called.arguments);
  if (!isObject(parsed(text, `${what}: what "arguments" of ${shown(name, 40)} says`)))
    throw new InvalidRow(`${what}: the arguments of ${shown(name, 40)} are no object`);
  const { id } = call as JsonObject;
  const isFirst = Object.keys(called).find((key) => key === 'name' || key === 'arguments') === 'arguments';
  return {
    ...(typeof id === 'string' && id !== '' && { id }),
    type: 'function',
    // Some templates write the object as it stands there.
    function: isFirst ? { arguments: text, name } : { name, arguments: text },
  };
}

/** Their text; without any a call has an empty object. */
function argumentsOf(given: unknown): string {
  if (!isThere(given) || (typeof given === 'string' && given.trim() === '')) return '{}';
  return typeof given === 'string' ? given : JSON.stringify(given);
}

const LISTS = ['tools', 'functions'];
const CALLS = ['tool_calls', 'function_call'];
const MENTIONS = /"(tools|functions|tool_calls|function_call)"/;

/**
 * A row with its tools, and the arguments of its calls, as the texts that they are in a file of JSON: numbers are
 * written into a conversation as they stand there. In a table each object has all keys that any of them has: those
 * without a value are none.
 */
export function asWritten({ value, text, names }: ReadRow): JsonObject {
  if (names) return withoutNulls(value);
  if (text === undefined || !MENTIONS.test(text)) return value;
  const tree = parseTree(text);
  const lists = (tree?.children ?? []).flatMap(({ children }) =>
    LISTS.includes(children![0].value as string) && children![1].type === 'array' ? [children![1]] : [],
  );
  return parseExact(quotedArguments(text, tree, lists)) as JsonObject;
}

/** JSON in which arguments of calls that are objects, and these nodes, are the texts of what they are. */
function quotedArguments(text: string, tree: Node | undefined, nodes: Node[] = []): string {
  const found = [...nodes, ...(tree ? argumentsBelow(tree) : [])].sort((a, b) => b.offset - a.offset);
  let quoted = text;
  for (const { offset, length } of found) {
    const source = JSON.stringify(text.slice(offset, offset + length));
    quoted = quoted.slice(0, offset) + source + quoted.slice(offset + length);
  }
  return quoted;
}

function argumentsBelow(node: Node): Node[] {
  return (node.children ?? []).flatMap((child) => {
    if (child.type !== 'property') return argumentsBelow(child);
    const [key, value] = child.children!;
    if (LISTS.includes(key.value as string)) return [];
    return key.value === 'arguments' && value.type === 'object' ? [value] : argumentsBelow(value);
  });
}

function withoutNulls(row: JsonObject): JsonObject {
  const isCalling = (message: unknown): boolean => isObject(message) && CALLS.some((name) => name in message);
  const values = Object.values(row);
  const has =
    LISTS.some((name) => name in row) || values.some((value) => Array.isArray(value) && value.some(isCalling));
  if (!has) return row;
  const changed = Object.entries(row).map(([name, value]): [string, unknown] => {
    if (LISTS.includes(name)) return [name, withoutNull(value)];
    if (!Array.isArray(value)) return [name, value];
    return [name, value.map((message: unknown) => (isObject(message) ? inMessage(message) : message))];
  });
  return Object.fromEntries(changed);
}

const inMessage = (message: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(message).map(([name, value]) => [name, CALLS.includes(name) ? withoutNull(value) : value]),
  );

function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => (isThere(part) ? [[key, withoutNull(part)] as const] : [])),
  );
}
