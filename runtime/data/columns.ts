/** Rows of files whose columns have names of their own, as rows of a known format. */
import { COLUMN_FIELDS, type ColumnField, type Columns } from '../contract/mapping.js';
import { isThere } from '../contract/isNone.js';
import { HumanError } from '../support/errors.js';
import type { JsonObject } from '../support/jsonFile.js';

export interface ColumnOptions {
  /** Which columns are which fields; others keep their names. */
  columns?: Columns;
  /** Where that is said, for errors: `data.columns`. */
  columnsKey?: string;
}

/** Other names of a field that a mapping of it replaces. */
const ALIASES: { [F in ColumnField]?: string } = { completion: 'response', output: 'response', input: 'context' };
const LISTS: ReadonlySet<string> = new Set<ColumnField>(['messages', 'conversations']);

/**
 * The row with its fields by their names. A column that is mapped is no field by its own name any more; numbers and
 * truth values are texts.
 */
export function mapRow(row: JsonObject, columns: Columns | undefined): JsonObject {
  if (!columns) return row;
  const given = entries(columns);
  const gone = new Set(given.flatMap(([field, column]) => [field, column, ALIASES[field] ?? field]));
  const mapped = Object.fromEntries(Object.entries(row).filter(([name]) => !gone.has(name)));
  for (const [field, column] of given) {
    const value = row[column];
    if (value === undefined || value === null) continue;
    const plain = typeof value === 'number' || typeof value === 'boolean';
    mapped[field] = plain && !LISTS.has(field) ? String(value) : value;
  }
  return mapped;
}

/** A row of the file again, from a mapped one in which some fields have changed. */
export function unmapRow(
  row: JsonObject,
  before: JsonObject,
  after: JsonObject,
  columns: Columns | undefined,
): JsonObject {
  const changed = Object.entries(after).filter(([field, value]) => value !== before[field]);
  return {
    ...row,
    ...Object.fromEntries(changed.map(([field, value]) => [columns?.[field as ColumnField] ?? field, value])),
  };
}

/** @throws HumanError when the file has no column of a name */
export function requireColumns(names: readonly string[], { columns, columnsKey }: ColumnOptions, place: string): void {
  const missing = entries(columns ?? {}).find(([, column]) => !names.includes(column));
  if (missing)
    throw new HumanError(`${noColumn(missing, names, columnsKey)}.`, {
      place,
      remedy: 'Name one of these columns; docs/data.md explains "columns".',
    });
}

/** What is wrong with a row, in the file's own names: `said` is about the fields. */
export function inOwnNames(said: string, names: readonly string[], { columns, columnsKey }: ColumnOptions): string {
  const field = /^"(\w+)"/.exec(said)?.[1] as ColumnField | undefined;
  const column = field && columns?.[field];
  if (!field || column === undefined) return said;
  if (!names.includes(column)) return noColumn([field, column], names, columnsKey);
  return said.replace(`"${field}"`, `"${column}" (${field})`);
}

/** What to do about columns that no row format has. */
export const SAY_COLUMNS =
  'Say which of them are the fields of a row: "columns" in a recipe, --columns on the command line. docs/data.md lists the fields.';

/** Names of columns, quoted, the first of many. */
export const namesText = (names: readonly string[]): string =>
  names
    .slice(0, 20)
    .map((name) => JSON.stringify(name.slice(0, 40)))
    .join(', ') || 'none';

/** The same of the keys that have a value. */
export const keysText = (given: JsonObject): string =>
  namesText(Object.keys(given).filter((key) => isThere(given[key])));

const noColumn = ([field, column]: [string, string], names: readonly string[], key = 'columns'): string =>
  `there is no column ${JSON.stringify(column)} (${key}.${field}); there are ${namesText(names)}`;

export const entries = (columns: Columns): [ColumnField, string][] =>
  COLUMN_FIELDS.flatMap((field): [ColumnField, string][] => {
    const column = columns[field];
    return column === undefined ? [] : [[field, column]];
  });
