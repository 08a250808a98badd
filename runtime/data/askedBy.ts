import { createHash } from 'node:crypto';
import type { Example } from './examples.js';

/** Names what a row asks, or all that it says where it asks nothing (96 bits of SHA-256). */
export const askedBy = ({ promptText, ids }: Pick<Example, 'promptText' | 'ids'>): string =>
  createHash('sha256')
    .update(promptText === '' ? `row ${ids.join()}` : `prompt ${promptText}`)
    .digest('base64url')
    .slice(0, 16);
