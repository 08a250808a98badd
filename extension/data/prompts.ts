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
  let row: Record<string, unknown>;
  try {
    row = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof row !== 'object' || row === null) return undefined;
  const { columns = {} } = reading;
  const format = saidFormat(reading);
  const at = (field: ColumnField, of: DataFormat): unknown =>
    format === undefined || format === of ? row[columns[field] ?? field] : undefined;
  const turns = [at('messages', 'messages'), at('conversations', 'sharegpt'), at('prompt', 'completion')].find(
    Array.isArray,
  ) as Turn[] | undefined;
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
  const parts = [instruction, at('input', 'alpaca') ?? row['context']];
  return textOf(parts.filter((part) => typeof part === 'string' && part).join(' '));
}

type Turn = Record<string, unknown> | null;
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
