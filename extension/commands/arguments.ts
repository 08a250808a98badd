/** What commands are called with: a tree's node, a Uri of the explorer, a path, or an object of a lens or a test. */

/** A file or folder: `Uri`, path, `{ data }`, `{ file }`. */
export function pathOf(argument: unknown): string | undefined {
  if (typeof argument === 'string') return argument;
  const a = record(argument);
  return string(a?.['fsPath']) ?? string(a?.['data']) ?? string(a?.['file']);
}

/** A run folder: `{ run }`, a path or a `Uri`. */
export const runOf = (argument: unknown): string | undefined => string(record(argument)?.['run']) ?? pathOf(argument);

/** A model: `{ model }`, a path or a `Uri`. */
export const modelOf = (argument: unknown): string | undefined =>
  string(record(argument)?.['model']) ?? pathOf(argument);

/** An adapter of a model: `{ model, adapter }`. */
export function adapterOfArgument(argument: unknown): { model?: string; adapter?: string } {
  const a = record(argument);
  return { model: string(a?.['model']), adapter: string(a?.['adapter']) };
}

/** Named choices that a test or a lens makes beforehand. */
export const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

export const string = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
