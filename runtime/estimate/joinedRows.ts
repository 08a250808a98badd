/** Rows that are learned or held together, of several files and of vectors. */
import type { FinetuneRecipe } from '../contract/recipe.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { sum } from '../contract/sum.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { beside } from '../recipes/vectorFiles/calibrationFile.js';
import { allOwn, isRefused, type OwnRows, type Refusals } from '../recipes/protection/ownRows.js';
import { madeOnce } from '../support/fileStamp.js';
import { longestIn, sizeOf, type RowSize, type RowSizes } from './rows.js';

/** Rows of several files as those of one: of each of them the first, as many as its share of all rows is. */
export function joined(parts: readonly RowSizes[]): RowSizes {
  if (parts.length === 1) return parts[0];
  const rows = sum(parts.map((part) => part.rows));
  const read = Math.min(...parts.map((part) => (part.rows > 0 ? part.sizes.length / part.rows : 1)));
  const mean = (key: 'asking' | 'questions'): number =>
    sum(parts.map((part) => (part[key] ?? 1) * part.rows)) / Math.max(1, rows);
  return {
    sizes: parts.flatMap((part) => part.sizes.slice(0, Math.ceil(read * part.rows))),
    rows,
    longest: Math.max(...parts.map(longestIn)),
    ...(parts.some(({ isPart }) => isPart) && { isPart: true }),
    asking: mean('asking'),
    questions: mean('questions'),
  };
}

/**
 * The own rows of vectors that are no longer than these may be: what an anchor holds, and harmful ones of which the
 * gradient is drawn.
 */
interface OwnSizes {
  readonly held: RowSizes;
  readonly ordinary: RowSizes;
  readonly trained: RowSizes;
  readonly drawn: RowSizes;
  /** Whether the base refuses what they were made of. */
  readonly refused: boolean;
}

type OwnKinds = Readonly<Record<keyof OwnRows, readonly RowSize[]>> & { readonly base: Refusals };
/** Of eight vectors, as an estimate is asked for at every change of a recipe. */
const keptSizes = madeOnce<OwnKinds>(8);

/** Of one vector; nothing of one that is not there yet, or whose rows are wrong: the run says so. */
const sizesOf = (adapter: string, tokenizer: Tokenizer, judges: FinetuneRecipe['judges']): Promise<OwnKinds> =>
  keptSizes(tokenizer, [beside(adapter, RUN_FILES.prompts)], ['own', judges], async () => {
    const none = { held: [], ordinary: [], trained: [], unseen: [], base: { asked: 0, refused: 0 } };
    const { held, ordinary, trained, unseen, base } = await allOwn(adapter, tokenizer, judges).catch(() => none);
    const of = (rows: OwnRows[keyof OwnRows]): RowSize[] => rows.map(sizeOf);
    return { held: of(held), ordinary: of(ordinary), trained: of(trained), unseen: of(unseen), base };
  });

export async function ownSizes(
  { vectors, judges }: Pick<FinetuneRecipe, 'vectors' | 'judges'>,
  path: (written: string) => string,
  { tokenizer, maxTokens }: { tokenizer: Tokenizer; maxTokens: number },
): Promise<OwnSizes> {
  const own = await Promise.all(vectors.map(({ adapter }) => sizesOf(path(adapter), tokenizer, judges)));
  const of = (kind: keyof OwnRows): RowSizes => {
    const sizes = own.flatMap((rows) => rows[kind]).filter(({ tokens }) => tokens <= maxTokens);
    return { sizes, rows: sizes.length };
  };
  const [held, trained, unseen] = [of('held'), of('trained'), of('unseen')];
  const refused = own.some(({ base }) => isRefused(base));
  return { held, ordinary: of('ordinary'), trained, drawn: unseen.rows > 0 ? unseen : trained, refused };
}
