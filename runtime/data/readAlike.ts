import { saidFormat, type ReadAs } from '../contract/mapping.js';
import { mapRow } from './columns.js';
import { readRows } from './rows.js';
import { hasFormat } from './schemas.js';

const LOOKED_AT = 100;

/**
 * How a file is read that comes beside another one: as that is, where its first rows have the same columns, else by the
 * names that it has.
 */
export async function readAlike(file: string, as: ReadAs): Promise<ReadAs> {
  const format = saidFormat(as);
  const needed = Object.values(as.columns ?? {});
  if (format === undefined) return {};
  for await (const raw of readRows(file, { limit: LOOKED_AT, allColumns: true })) {
    if ('reason' in raw) continue;
    const names = raw.names ?? Object.keys(raw.value);
    if (needed.every((name) => names.includes(name)) && hasFormat(mapRow(raw.value, as.columns), format)) return as;
  }
  return {};
}
