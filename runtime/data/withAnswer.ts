import { isObject } from '../contract/isObject.js';
import type { JsonObject } from '../support/jsonFile.js';
import { isUnlearned, roleOf, type RowFormat } from './schemas.js';

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

/** The field with the turns of a row, if it has any. */
const TURNS = { messages: 'messages', sharegpt: 'conversations', completion: 'completion' } as const;

/**
 * A conversation without some of its answers, from 0, and without what each of them answers; what the system says stays.
 * Undefined where it has no such answers, or no others.
 */
export function withoutAnswers(row: JsonObject, format: RowFormat, answers: readonly number[]): JsonObject | undefined {
  const field = format in TURNS ? TURNS[format as keyof typeof TURNS] : undefined;
  const turns: unknown = field && row[field];
  if (!Array.isArray(turns)) return undefined;
  const left: unknown[] = [];
  let exchange: unknown[] = [];
  let count = 0;
  for (const turn of turns) {
    exchange.push(turn);
    if (!isObject(turn) || roleOf(turn) !== 'assistant') continue;
    const isLeft = isUnlearned(turn) || !answers.includes(count++);
    left.push(...exchange.filter((one) => isLeft || (isObject(one) && roleOf(one) === 'system')));
    exchange = [];
  }
  const isOf = answers.every((answer) => answer < count) && answers.length < count;
  return isOf ? { ...row, [field!]: [...left, ...exchange] } : undefined;
}

/** The answer that is trained on and scanned last; turns of others may follow it. */
function inTurns(row: JsonObject, field: string, answer: string): JsonObject | undefined {
  const turns: unknown[] = Array.isArray(row[field]) ? row[field] : [];
  const at = turns.findLastIndex((turn) => isObject(turn) && roleOf(turn) === 'assistant' && !isUnlearned(turn));
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
