/**
 * Which column of a data file is which field of a row, where the file has names of its own (`columns` of a data
 * source).
 */
import type { DataFormat } from './recipeWords.js';

export type RowFormat = Exclude<DataFormat, 'auto'>;

/** Fields that a column may be, and the row format that has them; null: several have it. */
const FIELD_FORMATS = {
  prompt: 'completion',
  completion: 'completion',
  instruction: 'alpaca',
  input: 'alpaca',
  output: 'alpaca',
  messages: 'messages',
  conversations: 'sharegpt',
  text: 'text',
  system: null,
  label: null,
} as const satisfies Record<string, RowFormat | null>;

export type ColumnField = keyof typeof FIELD_FORMATS;
/** Field → name of the column. */
export type Columns = { [F in ColumnField]?: string };

export const COLUMN_FIELDS = Object.keys(FIELD_FORMATS) as ColumnField[];

/** Whether a column is a field of rows of this format by its own name. */
export function isFieldOf(format: RowFormat, name: string): boolean {
  const of = COLUMN_FIELDS.find((field) => field === name);
  return of !== undefined && [null, format].includes(FIELD_FORMATS[of]);
}

/** Row formats that the mapped fields belong to: one at most, where the mapping makes sense. */
export const formatsOf = (columns: Columns): RowFormat[] => [
  ...new Set(COLUMN_FIELDS.flatMap((field) => (columns[field] === undefined ? [] : (FIELD_FORMATS[field] ?? [])))),
];

/** How a data file is read; what is not said is found in it. */
export interface ReadAs {
  format?: DataFormat;
  columns?: Columns;
}

/** The row format of rows that are read so; undefined: that of the first row. */
export const saidFormat = ({ format, columns = {} }: ReadAs): RowFormat | undefined =>
  format === undefined || format === 'auto' ? formatsOf(columns)[0] : format;

/** The same for the same reading. */
export const readAsText = ({ format, columns }: ReadAs = {}): string => `${format ?? ''} ${columnsText(columns)}`;

/** `prompt=question,completion=answer`; undefined when it is not that. */
export function parseColumns(text: string): Columns | undefined {
  const pairs = text.split(',').map((part) => /^\s*(\w+)\s*=\s*(.+?)\s*$/.exec(part));
  const columns: Columns = {};
  for (const pair of pairs) {
    const field = COLUMN_FIELDS.find((known) => known === pair?.[1]);
    if (!pair?.[2] || !field || columns[field] !== undefined) return undefined;
    columns[field] = pair[2];
  }
  return formatsOf(columns).length > 1 ? undefined : columns;
}

/** `prompt=question,completion=answer`: the same for the same mapping. */
export const columnsText = (columns: Columns | undefined): string =>
  COLUMN_FIELDS.flatMap((field) => (columns?.[field] === undefined ? [] : [`${field}=${columns[field]}`])).join(',');

/** Usual names, the likelier first. */
const PROMPTS = [
  'prompt',
  'question',
  'query',
  'request',
  'instruction',
  'input',
  'user',
  'human',
  'source',
  'goal',
  'frage',
];
const ANSWERS = ['completion', 'answer', 'response', 'output', 'reply', 'assistant', 'bot', 'gpt', 'target', 'antwort'];
/** Columns of conversations. */
export const TURNS = ['dialog', 'dialogue', 'conversation', 'chat', 'turns'];
const TEXTS = ['content', 'body', 'document', 'story'];
const SYSTEMS = ['system_prompt', 'system_message', 'systemprompt', 'systemmessage'];
/** What is asked about: it stands below the question. */
const INPUTS = ['context', 'input', 'passage', 'document'];

/** Letters of a usual name that is found as a part of another one. */
const TELLING = 5;

/** Preferred answers beside rejected ones: what may be learned of them is the preferred one. */
export const isPreference = (names: readonly string[]): boolean =>
  ['chosen', 'rejected'].every((name) => names.includes(name));

/**
 * What the columns of a row may be by their usual names, to be proposed to a person; undefined where nothing suggests
 * itself but the names that the fields have anyway.
 */
export function suggestColumns(row: Readonly<Record<string, unknown>>): Columns | undefined {
  const columns = likelyColumns(row);
  return Object.entries(columns ?? {}).some(([field, column]) => field !== column) ? columns : undefined;
}

function likelyColumns(row: Readonly<Record<string, unknown>>): Columns | undefined {
  const names = Object.keys(row);
  const chosen = isPreference(names) ? ['chosen'] : [];
  const named = (list: readonly string[]): string | undefined =>
    list.flatMap((name) => names.find((each) => each.trim().toLowerCase() === name) ?? [])[0];
  /** By the whole name, or by a part of it that says enough: "Kundenfrage". Where several have it, none. */
  const like = (list: readonly string[]): string | undefined => {
    const part = names.filter((each) =>
      list.some((name) => name.length >= TELLING && each.toLowerCase().includes(name)),
    );
    return named(list) ?? (part.length === 1 ? part[0] : undefined);
  };
  const turns = named([...chosen, ...TURNS]);
  if (turns !== undefined && isConversation(row[turns])) return { messages: turns };
  const asked = like(PROMPTS);
  /** Of two columns that of which one is the question, the other one is its answer. */
  const other =
    names.length === 2 && asked !== undefined
      ? names.find((name) => name !== asked && !(name in FIELD_FORMATS))
      : undefined;
  const answer = named(chosen) ?? like(ANSWERS) ?? other;
  const about = named(SYSTEMS);
  const system = about !== undefined && !names.includes('system') ? { system: about } : undefined;
  if (answer !== undefined) {
    if (names.includes('instruction')) return isTextual(row[answer]) ? { output: answer, ...system } : undefined;
    const question = names.includes('prompt')
      ? 'prompt'
      : (named(PROMPTS.filter((name) => name !== answer.trim().toLowerCase())) ?? asked);
    if (question !== undefined && question !== answer && isAlike(row[question], row[answer])) {
      const input = named(INPUTS.filter((name) => ![question, answer].includes(name)));
      if ([question, input, answer].every((name) => name !== undefined && isTextual(row[name])))
        return { instruction: question, input, output: answer, ...system };
      return { ...(question !== 'prompt' && { prompt: question }), completion: answer, ...system };
    }
  }
  if (system && ['messages', 'conversations'].some((name) => names.includes(name))) return system;
  const text = named([...chosen, ...TEXTS]);
  return text === undefined ? undefined : { text };
}

/** What is read as a text, or of a table an empty cell. */
const isTextual = (value: unknown): boolean => typeof value !== 'object' || value === null;

/** Two texts, or two lists of messages. */
const isAlike = (asked: unknown, said: unknown): boolean =>
  [asked, said].every(isTextual) || [asked, said].every(Array.isArray);

/** A list of messages in which a user speaks; not only the answer to a prompt beside it. */
const isConversation = (value: unknown): boolean =>
  Array.isArray(value) && value.some((message: { role?: unknown } | null) => message?.role === 'user');
