/** What rows of JSON lines ask, as the engine reads them: a row is known by it wherever it stands. */
import { extname } from 'node:path';
import { calledIn } from '../../runtime/contract/calledIn.js';
import { askedText, isUnlearned, type ChatMessage } from '../../runtime/contract/generation.js';
import { saidFormat, type ColumnField, type ReadAs } from '../../runtime/contract/mapping.js';
import { CALLING, speakerOf } from '../../runtime/contract/speakers.js';
import type { DataFormat } from '../../runtime/contract/recipeWords.js';

export const isLines = (file: string): boolean => ['.jsonl', '.ndjson'].includes(extname(file).toLowerCase());

/** Prompts that differ in their white space alone count as one. */
export const spaced = (text: string): string => text.replace(/\s+/g, ' ').trim();

const roleOf = (turn: Turn | undefined): ChatMessage['role'] => speakerOf(turn?.['role'] ?? turn?.['from']) ?? 'user';

/**
 * What is asked, as the engine says it of an answer; '' where the line has nothing that is a text, undefined where it
 * is no row.
 */
export function promptOf(line: string, reading: ReadAs = {}): string | undefined {
  const at = fieldsOf(line, reading);
  if (!at) return undefined;
  const turns = turnsOf(at);
  if (turns) {
    const asked = turns.slice(0, answerIn(turns)).map((turn): ChatMessage => {
      const said = turn?.['from'] === CALLING ? '' : textOf(turn?.['content'] ?? turn?.['value']);
      const content = [said, ...(turn ? calledIn(turn) : [])].filter(Boolean).join('\n');
      return { role: roleOf(turn), content };
    });
    return asked.at(-1)?.content ? spaced(askedText(asked)!) : '';
  }
  const instruction = at('instruction', 'alpaca');
  if (instruction === undefined) return textOf(at('prompt', 'completion') ?? at('text', 'text'));
  const parts = [instruction, at('input', 'alpaca') ?? at('context', 'alpaca')];
  return textOf(parts.filter((part) => typeof part === 'string' && part).join(' '));
}

/** What its right answer is; undefined where it has none that is a text. */
export function expectedOf(line: string, reading: ReadAs = {}): string | undefined {
  const at = fieldsOf(line, reading);
  const turns = at && [turnsOf(at) ?? [], at('completion', 'completion') ?? []].flat().filter(isTurn);
  const answer = turns?.findLast((turn) => isAnswer(turn) && !isUnlearned(turn));
  if (answer) return textOf(answer['content'] ?? answer['value']);
  const alone: Parameters<Fields>[] = [
    ['completion', 'completion'],
    ['response', 'completion'],
    ['output', 'alpaca'],
    ['response', 'alpaca'],
  ];
  const said = at && alone.map((field) => at(...field)).find((value) => value !== undefined);
  return typeof said === 'string' ? spaced(said) : undefined;
}

/** The fields of a row by the names of a format, which another format has none of. */
type Fields = (field: ColumnField | 'context' | 'response', of: DataFormat) => unknown;

/** Undefined where the line is no row. */
function fieldsOf(line: string, reading: ReadAs): Fields | undefined {
  let row: Record<string, unknown>;
  try {
    row = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof row !== 'object' || row === null) return undefined;
  const columns: Partial<Record<string, string>> = reading.columns ?? {};
  const format = saidFormat(reading);
  return (field, of) => (format === undefined || format === of ? row[columns[field] ?? field] : undefined);
}

const turnsOf = (at: Fields): Turn[] | undefined =>
  [at('messages', 'messages'), at('conversations', 'sharegpt'), at('prompt', 'completion')].find(Array.isArray) as
    | Turn[]
    | undefined;

type Turn = Record<string, unknown> | null;
const isTurn = (turn: unknown): turn is NonNullable<Turn> => typeof turn === 'object' && turn !== null;
const isAnswer = (turn: Turn | undefined): boolean => roleOf(turn) === 'assistant';

/** Where the last answer stands that is learned, or where none is, those at the end; undefined where a row asks. */
function answerIn(turns: readonly Turn[]): number | undefined {
  if (!isAnswer(turns.at(-1))) return undefined;
  const learned = turns.findLastIndex((turn) => isAnswer(turn) && !isUnlearned(turn!));
  return learned >= 0 ? learned : turns.findLastIndex((turn) => !isAnswer(turn)) + 1;
}

/** A text, or parts that are all texts. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === 'string' ? spaced(content) : '';
  const parts = content.map((part: { text?: unknown } | null) => part?.text);
  return parts.every((part) => typeof part === 'string') ? spaced(parts.join('')) : '';
}
