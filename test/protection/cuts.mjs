/** The table of what insertions.mjs found. */
import { table } from './tables.mjs';

/** What a scan takes out of rows with a trait. */
export const cuts = (all) =>
  table(
    [
      ...['trait', 'data', 'rows that look harmful', 'cut by sentences', 'of these right to the character'],
      ...['cut by tokens', 'of these right to the character'],
    ],
    all.map(({ trait, kind, seed, flagged, bySentence, bySentenceRight, inserted, insertedRight }) => [
      ...[trait, `${kind === 'half' ? 'half-useful' : 'whole'} rows, seed ${seed}`, flagged],
      ...[bySentence, bySentence ? bySentenceRight : '–', inserted, inserted ? insertedRight : '–'],
    ]),
  );
