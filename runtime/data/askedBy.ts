import { createHash } from 'node:crypto';
import type { Example } from './examples.js';

/** Names what a row asks last, or all that it says where it asks nothing (96 bits of SHA-256). */
export const askedBy = ({ promptText, ids }: Pick<Example, 'promptText' | 'ids'>): string =>
  promptText === '' ? nameOf(`row ${ids.join()}`) : promptName(promptText);

/** Names all that a row teaches to answer, in order: rows with the same first name tell each other's answers. */
export const questionsOf = (row: Pick<Example, 'promptText' | 'ids' | 'earlier'>): string[] => [
  ...(row.earlier ?? []),
  askedBy(row),
];

export const promptName = (text: string): string => nameOf(`prompt ${text}`);

const nameOf = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
