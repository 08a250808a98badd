import { COLUMN_FIELDS, type Columns } from '../../runtime/contract/mapping.js';

/** "prompt ← question, completion ← answer". */
export const mappingText = (columns: Columns): string =>
  COLUMN_FIELDS.flatMap((field) => (columns[field] === undefined ? [] : [`${field} ← ${columns[field]}`])).join(', ');
