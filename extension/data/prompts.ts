/** What rows of JSON lines ask, as the engine reads them: a row is known by it wherever it stands. */
import { extname } from 'node:path';
import type { ColumnField, Columns } from '../../runtime/contract/mapping.js';

export const isLines = (file: string): boolean => ['.jsonl', '.ndjson'].includes(extname(file).toLowerCase());

/** Prompts that differ in their white space alone count as one. */
export const spaced = (text: string): string => text.replace(/\s+/g, ' ').trim();

const ASSISTANTS: readonly unknown[] = ['assistant', 'gpt', 'chatgpt', 'bot', 'model'];

/** The last message before the answer; '' where the line has none that is a text, undefined where it is no row. */
export function promptOf(line: string, columns: Columns = {}): string | undefined {
  let row: Record<string, unknown>;
  try {
    row = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof row !== 'object' || row === null) return undefined;
  const at = (field: ColumnField): unknown => row[columns[field] ?? field];
  const turns = [at('messages'), at('conversations'), at('prompt')].find(Array.isArray) as
    | (Record<string, unknown> | null)[]
    | undefined;
  if (turns) {
    const isAnswered = ASSISTANTS.includes(turns.at(-1)?.['role'] ?? turns.at(-1)?.['from']);
    const asked = turns.at(isAnswered ? -2 : -1);
    return textOf(asked?.['content'] ?? asked?.['value']);
  }
  const instruction = [at('instruction'), at('input') ?? row['context']]
    .filter((part) => typeof part === 'string' && part)
    .join(' ');
  return textOf(at('instruction') === undefined ? (at('prompt') ?? at('text')) : instruction);
}

/** A text, or parts that are all texts. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === 'string' ? spaced(content) : '';
  const parts = content.map((part: { text?: unknown } | null) => part?.text);
  return parts.every((part) => typeof part === 'string') ? spaced(parts.join('')) : '';
}
