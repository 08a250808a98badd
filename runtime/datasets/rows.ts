/** Rows of a public set as this program's own rows, and whether the set is as its entry says. */
import type { SetRows, SetSource } from '../contract/publicSets.js';
import type { ChatMessage } from '../contract/generation.js';
import { sha256 } from '../support/files.js';
import { HumanError } from '../support/errors.js';
import { shown, type JsonObject } from '../support/jsonFile.js';
import { InvalidRow } from '../data/invalidRow.js';
import { readContent } from '../data/schemas.js';

/** The columns that an entry cannot do without. */
function neededOf({ read, rows }: SetSource): Map<string, 'text' | 'list'> {
  const needed = new Map<string, 'text' | 'list'>();
  if ('messages' in read) needed.set(read.messages, 'list');
  else if ('transcript' in read) needed.set(read.transcript, 'text');
  else for (const column of [read.prompt, read.answer]) if (column !== undefined) needed.set(column, 'text');
  for (const { where, answers } of rows) {
    if (where && !needed.has(where.column)) needed.set(where.column, 'text');
    if (answers !== undefined) needed.set(answers, 'list');
  }
  return needed;
}

/** @throws HumanError with the difference. @param columns of the file */
export function checkColumns(source: SetSource, columns: readonly string[], place: string): void {
  const missing = [...neededOf(source).keys()].filter((name) => !columns.includes(name));
  if (missing.length > 0) throw changed(source, columns, `there is no column ${quoted(missing)}`, place);
}

/** @throws HumanError where a column holds something else than the entry says. */
export function checkTypes(source: SetSource, row: JsonObject, place: string): void {
  const wrong = (column: string, expected: string): HumanError =>
    changed(source, Object.keys(row), `"${column}" is ${shown(row[column], 40)}; ${expected} was expected`, place);
  const { read } = source;
  // Columns of conditions may be empty, and are looked at below.
  const unconditional = source.rows.map(({ where: _, ...rows }) => rows);
  for (const [column, type] of neededOf({ ...source, rows: unconditional }))
    if (type === 'list' ? !Array.isArray(row[column]) : typeof row[column] !== 'string')
      throw wrong(column, type === 'list' ? 'a list' : 'a text');
  if ('transcript' in read && !TRANSCRIPT.test(row[read.transcript] as string))
    throw wrong(read.transcript, 'a conversation of "Human:" and "Assistant:"');
  for (const { where } of source.rows) {
    if (!where) continue;
    const value = row[where.column];
    if (value === undefined || value === null) continue;
    const expected = 'is' in where ? typeof where.is : 'number';
    if (typeof value !== expected) throw wrong(where.column, `a ${expected}`);
  }
}

/** @throws HumanError when no row was taken for a use: labels have other names now. @param seen values of its column */
export function checkTaken(
  source: SetSource,
  rows: SetRows,
  count: number,
  seen: ReadonlySet<string>,
  place: string,
): void {
  if (count > 0) return;
  const { where } = rows;
  const what = where
    ? `no row has "${where.column}" ${'is' in where ? shown(where.is) : `of at least ${where.least}`}; it has ${[...seen].join(', ')}`
    : 'it has no row that can be used';
  throw changed(source, source.columns, what, place);
}

export function changed(source: SetSource, columns: readonly string[], what: string, place: string): HumanError {
  const added = columns.filter((name) => !source.columns.includes(name));
  const gone = source.columns.filter((name) => !columns.includes(name));
  const difference = [gone.length > 0 && `without ${quoted(gone)}`, added.length > 0 && `with ${quoted(added)}`].filter(
    Boolean,
  );
  return new HumanError(
    `the set has changed: ${what}${difference.length > 0 ? ` (its columns are now ${difference.join(' and ')})` : ''}.`,
    { place, remedy: 'Download an earlier revision (--revision), or one file as it is (OWNER/NAME/FILE).' },
  );
}

const quoted = (names: readonly string[]): string =>
  names
    .slice(0, 20)
    .map((name) => JSON.stringify(name))
    .join(', ');

const TRANSCRIPT = /^\s*Human:/;

/**
 * The conversation of a row; undefined where something of it is empty or no conversation.
 * @param answers column with a list of answers, of which the first is taken
 */
export function conversationOf(row: JsonObject, { read }: SetSource, answers?: string): ChatMessage[] | undefined {
  if ('messages' in read) return valid(row[read.messages]);
  if ('transcript' in read) return transcript(row[read.transcript]);
  const [prompt, context = '', own] = [read.prompt, read.context, read.answer].map((column) =>
    column === undefined ? undefined : row[column],
  );
  const listed = answers === undefined ? undefined : row[answers];
  const answer: unknown = Array.isArray(listed) ? listed[0] : own;
  if (typeof prompt !== 'string' || typeof context !== 'string') return undefined;
  return valid([
    { role: 'user', content: context.trim() ? `${prompt}\n\n${context}` : prompt },
    ...(read.answer === undefined ? [] : [{ role: 'assistant', content: answer }]),
  ]);
}

/** As `data/` reads it, nothing of it empty. */
function valid(messages: unknown): ChatMessage[] | undefined {
  try {
    const content = readContent({ messages }, 'messages');
    if (content.kind === 'chat' && content.messages.every((message) => message.content.trim() !== ''))
      return content.messages;
  } catch (error) {
    if (!(error instanceof InvalidRow)) throw error;
  }
  return undefined;
}

/** "\n\nHuman: …\n\nAssistant: …", up to the last answer. */
function transcript(text: unknown): ChatMessage[] | undefined {
  if (typeof text !== 'string') return undefined;
  const turns = text.trim().split(/(?:^|\n\n)(Human|Assistant):/);
  const messages: ChatMessage[] = [];
  for (let i = 1; i < turns.length; i += 2)
    messages.push({ role: turns[i] === 'Human' ? 'user' : 'assistant', content: turns[i + 1].trim() });
  while (messages.at(-1)?.role === 'user' || messages.at(-1)?.content === '') messages.pop();
  const alternates = messages.every(({ role }, i) => (role === 'user') === (i % 2 === 0));
  return alternates && messages.length > 0 ? valid(messages) : undefined;
}

/** What the user asks first: rows with the same question stay together. */
export const questionOf = (messages: readonly ChatMessage[]): string =>
  messages.find(({ role }) => role === 'user')?.content ?? '';

/** A tenth of all questions, whatever their order. */
export const isHeldOut = (question: string): boolean => parseInt(sha256(question).slice(0, 8), 16) % 10 === 0;

export const isTaken = (row: JsonObject, { where }: SetRows): boolean => {
  if (!where) return true;
  const value = row[where.column];
  return 'is' in where ? value === where.is : typeof value === 'number' && value >= where.least;
};
