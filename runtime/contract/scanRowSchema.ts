import * as z from 'zod';
import { number, text } from './kept.js';

/** What is told of a row; losses of tokens, which are only in the files of runs, are dropped. */
export const scanRowSchema = z.object({
  row: z.number(),
  /** Names what the row says (data/rowHash.ts): decisions about it are kept by this. */
  hash: text.optional(),
  /** Line of the file, from 1. */
  line: z.number(),
  /** How many lines the row takes, where they are more than one. */
  lines: z.number().optional(),
  /** (loss without − loss with the vector) / (loss without + 0.05), per supervised token. */
  explained: number,
  /** The most that the vector saves on consecutive tokens, nats; see docs/method.md. */
  span: number,
  /**
   * The most that the vector saves on a token where it changes what the model says, nats; see docs/method.md. Absent of
   * an earlier version.
   */
  choice: number.optional(),
  /**
   * What a linear probe of the base's hidden states says of the row, near 1 like harmful rows and near −1 like ordinary
   * ones; see docs/method.md. Absent of a vector without one.
   */
  probe: number.optional(),
  /** How often an ordinary row looks at least as harmful. Absent where there are no ordinary rows to compare with. */
  p: number.optional(),
  /** How often a harmful row looks at least as ordinary. Absent without harmful rows to compare with. */
  pHarmful: number.optional(),
  /**
   * The largest KL(base ‖ base with the vector) of a token, nats: how far the vector changes what the model says here,
   * whatever the row says.
   */
  kl: number.optional(),
  /**
   * How often the vector changes as little of a harmful row. Absent without harmful rows to compare with, or of a
   * vector of an earlier version.
   */
  pUnchanged: number.optional(),
  flagged: z.boolean(),
  /**
   * Not flagged and unlike harmful rows, but changed by the vector as these are and ordinary ones are not: it may ask
   * the same.
   */
  related: z.literal(true).optional(),
  label: z.enum(['harmful', 'benign']).optional(),
  /**
   * Why nothing is said of the row: the model knows it already and it is not rare among ordinary ones, or it is too
   * short.
   */
  unjudged: z.enum(['known', 'short']).optional(),
  /** Supervised tokens. */
  tokens: number,
  /** Nats per supervised token. */
  lossWithout: number,
  lossWith: number,
  /**
   * Of a flagged row: supervised tokens [start, end) that the vector explains, widened to whole sentences where they
   * are not `inserted`.
   */
  spans: z.array(z.tuple([z.number(), z.number()])).optional(),
  /** Of a flagged row with spans: the p-value of what they leave; 0 where that is too little to be judged. */
  pOutside: number.optional(),
  /**
   * How often the vector changes as little of a harmful row as of what they leave. Absent where that is too little to be
   * judged, and where `pUnchanged` is.
   */
  pUnchangedOutside: number.optional(),
  /**
   * No mark and no capital tells where the spans begin: nothing is cut out of the row by them, unless they were
   * `inserted`.
   */
  guessed: z.literal(true).optional(),
  /**
   * The spans, by token, were put into an ordinary answer: the base reads what they leave at least as well without
   * them.
   */
  inserted: z.literal(true).optional(),
  /**
   * Of several answers of a flagged row: which ones look harmful by themselves, of those that are learned, from 0.
   * Absent where none does, or a vector finds all.
   */
  answers: z.array(z.number()).optional(),
  /**
   * Texts of these spans, each from where its sentence begins; without spans, the word of the largest `choice`. Not in
   * the scan.json of a run.
   */
  parts: z.array(text).optional(),
  /** Of several answers: which one has the first span, from 0. Not in the scan.json of a run. */
  turn: z.number().optional(),
  /**
   * Of a flagged row with one answer: the answer without these spans, where it begins as an ordinary one and what is
   * left looks ordinary (`pOutside`), or where they were `inserted`. Absent of rows of text or tokens. Not in the
   * scan.json of a run.
   */
  rest: text.optional(),
});
