import type { FinetuneRecipe } from '../contract/recipe.js';
import type { FlaggedStrategy } from '../contract/recipeWords.js';
import { SCAN_LIMIT, type ScanLimit } from '../contract/scan.js';

type Written = Exclude<FinetuneRecipe['protection'], boolean>;

/** How a run protects: `protection` of its recipe with everything decided that does not depend on the data. */
export interface Strategy {
  readonly flagged: FlaggedStrategy;
  readonly limit: ScanLimit;
  readonly ordinary?: Written['ordinary'];
  /**
   * Which rows train with the vector off: none, those that are ordinary with confidence, or all that are not flagged.
   */
  readonly off: 'none' | 'confident' | 'unflagged';
  /** `every`: how many steps come to one that holds the base's answers, which then count as often. */
  readonly anchor: false | (Required<Exclude<Written['anchor'], false>> & { readonly every: number });
}

/** The method as published: the vector is on for every row. */
const PAPER: Strategy = { flagged: 'vector', limit: SCAN_LIMIT, off: 'none', anchor: false };
/** The best that is known, see docs/protection.md. */
const BEST = { flagged: 'auto', limit: SCAN_LIMIT, off: 'confident' } as const;

/**
 * Steps of fewer rows hold a harmful row each, and every other one a prompt, too: an anchor costs a fifth of a step in
 * either case.
 */
const SMALL_STEP = 16;

export function strategyOf({ protection, batch }: Pick<FinetuneRecipe, 'protection' | 'batch'>): Strategy {
  const small = batch.tokens === undefined && batch.rows * batch.accumulate < SMALL_STEP;
  const rows = { refusals: small ? 1 : 2, harmful: small ? 1 : 2, every: small ? 2 : 1 };
  if (protection === false) return PAPER;
  if (protection === true)
    return { ...BEST, anchor: { ...rows, ordinary: 0, benign: 0, weight: 0.3, promptWeight: 0.3 } };
  const { flagged, falseAlarms, falseDiscoveries, ordinary, route, anchor } = protection;
  return {
    flagged,
    limit: limitOf({ falseAlarms, falseDiscoveries, route }),
    ordinary,
    off: route === false ? 'none' : route === true ? 'confident' : 'unflagged',
    anchor: anchor && {
      ...rows,
      ordinary: 0,
      promptWeight: anchor.weight,
      ...(anchor.refusals !== undefined && { every: 1 }),
      ...anchor,
    },
  };
}

/** Whether a strategy is the paper's, whatever is written. */
export const isPaper = ({ flagged, off, anchor }: Strategy): boolean =>
  flagged === PAPER.flagged && off === PAPER.off && anchor === PAPER.anchor;

/** `true`, as the object that a recipe writes: what one does not name is as in the paper. */
const WRITTEN = { flagged: 'auto', route: true, anchor: {} };

/** Parts of a protection as a recipe writes them. */
const partsText = (parts: object): string =>
  Object.entries(parts)
    .map(([name, value]) => `"${name}": ${JSON.stringify(value)}`)
    .join(', ');

export const BEST_PARTS = partsText(WRITTEN);

/**
 * How a recipe changes a part of its protection: beside the others where `true` has been all of them.
 * @param key the part, for a recipe that names its parts
 */
export const toSet = ({ protection }: Pick<FinetuneRecipe, 'protection'>, key: string, part: object): string =>
  protection === true ? `write "protection": { ${partsText({ ...WRITTEN, ...part })} } instead of true` : `set ${key}`;

/** Rows that an anchor adds to a step, in the mean. */
export const anchorRows = (anchor: Strategy['anchor']): number =>
  anchor === false ? 0 : (anchor.refusals + anchor.ordinary) / anchor.every + anchor.harmful + anchor.benign;

function limitOf({ falseAlarms, falseDiscoveries, route }: Partial<Written>): ScanLimit {
  if (falseAlarms !== undefined) return { falseAlarms };
  if (falseDiscoveries !== undefined) return { falseDiscoveries };
  return typeof route === 'number' ? { share: route } : SCAN_LIMIT;
}
