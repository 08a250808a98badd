/** Rows that are learned or held together, of several files and of vectors. */
import type { FinetuneRecipe } from '../contract/recipe.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { allOwn } from '../recipes/ownRows.js';
import { longestIn, sizeOf, type RowSizes } from './rows.js';

/** Rows of several files as those of one: of each of them the first, as many as its share of all rows is. */
export function joined(parts: readonly RowSizes[]): RowSizes {
  if (parts.length === 1) return parts[0];
  const rows = parts.reduce((all, part) => all + part.rows, 0);
  const read = Math.min(...parts.map((part) => (part.rows > 0 ? part.sizes.length / part.rows : 1)));
  const mean = (key: 'asking' | 'questions'): number =>
    parts.reduce((all, part) => all + (part[key] ?? 1) * part.rows, 0) / Math.max(1, rows);
  return {
    sizes: parts.flatMap((part) => part.sizes.slice(0, Math.ceil(read * part.rows))),
    rows,
    longest: Math.max(...parts.map(longestIn)),
    ...(parts.some(({ isPart }) => isPart) && { isPart: true }),
    asking: mean('asking'),
    questions: mean('questions'),
  };
}

/** The own rows of vectors that are no longer than these may be: what an anchor holds, and harmful ones of which the gradient is drawn. */
export interface OwnSizes {
  readonly held: RowSizes;
  readonly trained: RowSizes;
  readonly drawn: RowSizes;
}

/** Nothing of a vector that is not there yet, or whose rows are wrong: the run says so. */
export async function ownSizes(
  vectors: FinetuneRecipe['vectors'],
  path: (written: string) => string,
  { tokenizer, maxTokens }: { tokenizer: Tokenizer; maxTokens: number },
): Promise<OwnSizes> {
  const none = { held: [], trained: [], unseen: [] };
  const own = await Promise.all(vectors.map(({ adapter }) => allOwn(path(adapter), tokenizer).catch(() => none)));
  const of = (kind: keyof typeof none): RowSizes => {
    const sizes = own.flatMap((rows) => rows[kind].map(sizeOf)).filter(({ tokens }) => tokens <= maxTokens);
    return { sizes, rows: sizes.length };
  };
  const [held, trained, unseen] = [of('held'), of('trained'), of('unseen')];
  return { held, trained, drawn: unseen.rows > 0 ? unseen : trained };
}
