/** Columns of a file with texts of which a model sees nothing: what they say takes no part in a training. */
import type { UnreadColumn } from '../contract/dataInfo.js';
import { isObject } from '../contract/isObject.js';
import { isPreference, suggestColumns, type Columns } from '../contract/mapping.js';
import type { JsonObject } from '../support/jsonFile.js';
import { entries } from './columns.js';
import { textsIn, type RowContent } from './rowContent.js';

/** Of a file with more columns, or more fields of its messages, the others are not looked at. */
const WATCHED = 64;

/** Kinds, sources and names of models have fewer words. Some scripts write words without spaces. */
const SEVERAL_WORDS =
  /\S\s+\S+\s+\S|[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]{8}/u;

/** Fields of a message that are read, or say whose it is. */
const OF_MESSAGE = 'role from content value name tool_calls function_call tool_call_id'.split(' ');
/** Deeper in a column there are no messages. */
const DEPTH = 4;

export interface UnreadTexts {
  /** @param value of the row, as the file names its columns */
  add(value: JsonObject, content: RowContent, line: number): void;
  /** Of rows that can be used. */
  columns(): UnreadColumn[];
  /** Columns that may be meant, where one of these is among them. */
  meant(): Columns | undefined;
}

export function unreadTexts(mapped: Columns | undefined): UnreadTexts {
  const found = new Map<string, UnreadColumn & { isText: boolean }>();
  const known = [mapped?.label ?? 'label', 'tools', 'functions'];
  let meant: Columns | undefined;
  return {
    add(value, content, line) {
      const unread = unreadIn(value, content, known);
      // Where a row has columns that none before it had, they are looked at together.
      const isNew = [...unread.keys()].some((column) => !found.has(column));
      const suggested = isNew && found.size < WATCHED && !meant ? suggestColumns(value) : undefined;
      if (suggested && entries(suggested).some(([, column]) => unread.has(column))) meant = suggested;
      for (const [column, texts] of unread) {
        if (!found.has(column) && found.size === WATCHED) continue;
        const seen = found.get(column) ?? { column, rows: 0, line, isText: false };
        seen.rows++;
        seen.isText ||= texts.some((text) => SEVERAL_WORDS.test(text));
        found.set(column, seen);
      }
    },
    columns: () =>
      [...found.values()].flatMap(({ isText, column, rows, line }) => (isText ? { column, rows, line } : [])),
    meant: () => meant,
  };
}

/** Texts that are not read, by their columns. */
function unreadIn(value: JsonObject, content: RowContent, known: readonly string[]): Map<string, string[]> {
  const unread = new Map<string, string[]>();
  // What tokens say nobody can tell without the tokenizer.
  if (content.kind === 'tokens') return unread;
  const said = textsIn(content);
  const whole = new Set(said.map((text) => text.trim()));
  const read: string[] = [];
  const isPair = isPreference(Object.keys(value));
  for (const [column, given] of Object.entries(value).slice(0, WATCHED)) {
    // Of two answers one is left out on purpose.
    if (known.includes(column) || (isPair && column === 'rejected')) continue;
    const isText = typeof given === 'string';
    for (const [name, text] of textsBelow(given, column, DEPTH))
      if (whole.has(text) || (isText && said.some((each) => each.includes(text)))) read.push(text);
      else if (unread.get(name)?.push(text) === undefined) unread.set(name, [text]);
  }
  // Some sets have each row once more as one text.
  if (read.length > 1)
    for (const [name, [text]] of unread) if (read.every((part) => text.includes(part))) unread.delete(name);
  return unread;
}

/** The texts of a column that are not blank; of messages, what they say, and other fields by their names. */
function textsBelow(given: unknown, name: string, depth: number): [name: string, text: string][] {
  if (typeof given === 'string') return given.trim() === '' ? [] : [[name, given.trim()]];
  if (depth === 0) return [];
  if (Array.isArray(given)) return given.flatMap((item) => textsBelow(item, name, depth - 1));
  if (!isObject(given)) return [];
  const isMessage = 'role' in given || 'from' in given;
  const { content = given.value } = given;
  const parts = Array.isArray(content) ? content.map((part) => (isObject(part) ? part.text : part)).join('') : content;
  return [
    ...(isMessage ? textsBelow(parts, name, depth - 1) : []),
    ...Object.entries(given).flatMap(([key, item]) =>
      isMessage && OF_MESSAGE.includes(key) ? [] : textsBelow(item, `${name}.${key}`, depth - 1),
    ),
  ];
}
