import { isObject, type JsonObject } from '../support/jsonFile.js';
import type { RowFormat } from './schemas.js';

/** A row with another last answer and all else as it was; undefined where the row has no answer of its own. */
export function withAnswer(row: JsonObject, format: RowFormat, answer: string): JsonObject | undefined {
  switch (format) {
    case 'messages':
      return inTurns(row, 'messages', answer);
    case 'sharegpt':
      return inTurns(row, 'conversations', answer);
    case 'completion':
      return Array.isArray(row.completion) ? inTurns(row, 'completion', answer) : inField(row, 'completion', answer);
    case 'alpaca':
      return inField(row, 'output', answer);
    case 'text':
    case 'tokens':
      return undefined;
  }
}

function inTurns(row: JsonObject, field: string, answer: string): JsonObject | undefined {
  const turns: unknown = row[field];
  const last: unknown = Array.isArray(turns) ? turns.at(-1) : undefined;
  if (!isObject(last)) return undefined;
  const text = 'content' in last ? 'content' : 'value';
  return { ...row, [field]: [...(turns as unknown[]).slice(0, -1), { ...last, [text]: answer }] };
}

/** Many call the answer `response`. */
function inField(row: JsonObject, name: string, answer: string): JsonObject | undefined {
  const field = [name, 'response'].find((each) => typeof row[each] === 'string');
  return field === undefined ? undefined : { ...row, [field]: answer };
}
