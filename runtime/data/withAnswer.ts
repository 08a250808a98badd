import { isUnlearned } from '../contract/generation.js';
import { isObject } from '../contract/isObject.js';
import { exchangesOf, withTheirTools } from './exchanges.js';
import type { JsonObject } from '../support/jsonFile.js';
import type { RowFormat } from './schemas.js';
import { roleOf } from './turns.js';

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

/** The field with the turns of a row that are learned or not. */
const TURNS: Partial<Record<RowFormat, string>> = {
  messages: 'messages',
  sharegpt: 'conversations',
  completion: 'completion',
};

const speaks = (turn: unknown, role: string): boolean => isObject(turn) && roleOf(turn) === role;

/**
 * A conversation without some of its learned answers, from 0, and without what they answer, unless another answer does,
 * too; what the system says stays. Of an exchange with results of tools all answers are taken out, as none is an answer
 * without the others. Undefined where it has no such answers, or no others.
 */
export function withoutAnswers(row: JsonObject, format: RowFormat, answers: readonly number[]): JsonObject | undefined {
  const field = TURNS[format];
  const turns: unknown = field && row[field];
  if (!field || !Array.isArray(turns)) return undefined;
  const asked: unknown[] = format === 'completion' && Array.isArray(row.prompt) ? row.prompt : [];
  const learned = turns.filter((turn) => speaks(turn, 'assistant') && !isUnlearned(turn as JsonObject));
  const given = new Set(answers.map((answer) => learned[answer]));
  if (given.has(undefined) || given.size === learned.length) return undefined;
  const speaker = (turn: unknown): unknown => (isObject(turn) ? roleOf(turn) : undefined);
  const exchanges = exchangesOf([...asked, ...turns], speaker);
  const removed = withTheirTools(exchanges, given, speaker);
  const stays = new Set(exchanges.flatMap((exchange) => whatStays(exchange, removed)));
  if (!learned.some((turn) => stays.has(turn))) return undefined;
  const [before, left] = [asked, turns].map((some) => some.filter((turn) => stays.has(turn)));
  if (asked.length === 0) return { ...row, [field]: left };
  // what is asked next stands with what was asked before
  const first = left.findIndex((turn) => speaks(turn, 'assistant'));
  return { ...row, prompt: [...before, ...left.slice(0, first)], [field]: left.slice(first) };
}

function whatStays(exchange: readonly unknown[], removed: ReadonlySet<unknown>): unknown[] {
  const answers = exchange.filter((turn) => speaks(turn, 'assistant'));
  const isAnswered = answers.length === 0 || !answers.every((answer) => removed.has(answer));
  return exchange.filter((turn) => !removed.has(turn) && (isAnswered || speaks(turn, 'system')));
}

/** The answer that is trained on and scanned last; turns of others may follow it. */
function inTurns(row: JsonObject, field: string, answer: string): JsonObject | undefined {
  const turns: unknown[] = Array.isArray(row[field]) ? row[field] : [];
  const at = turns.findLastIndex((turn) => speaks(turn, 'assistant') && !isUnlearned(turn as JsonObject));
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
