import { isObject } from '../contract/isObject.js';
import type { JsonObject } from '../support/jsonFile.js';
import { roleOf, type RowFormat } from './schemas.js';

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

/** The answer that is trained on and scanned last; turns of others may follow it. */
function inTurns(row: JsonObject, field: string, answer: string): JsonObject | undefined {
  const turns: unknown[] = Array.isArray(row[field]) ? row[field] : [];
  const at = turns.findLastIndex((turn) => isObject(turn) && roleOf(turn) === 'assistant');
  if (at < 0) return undefined;
  const turn = turns[at] as JsonObject;
  const text = turn.role === undefined ? 'value' : 'content';
  return { ...row, [field]: turns.with(at, { ...turn, [text]: answer }) };
}

/** Many call the answer `response`. */
function inField(row: JsonObject, name: string, answer: string): JsonObject | undefined {
  const field = [name, 'response'].find((each) => typeof row[each] === 'string');
  return field === undefined ? undefined : { ...row, [field]: answer };
}
