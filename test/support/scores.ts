import type { Scores } from '../../runtime/evaluation/scan/scores.js';

/** Of a row of which the vector explains the same share everywhere. */
export const scored = (share: number, span: number): Scores => ({ share, span, spanShare: share });
