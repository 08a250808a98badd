import type { FinetuneRecipe } from '../contract/recipe.js';
import type { FlaggedStrategy } from '../contract/recipeWords.js';
import { SCAN_LIMIT, type ScanLimit } from '../contract/scan.js';

type Written = Exclude<FinetuneRecipe['protection'], boolean>;

/** How a run protects: `protection` of its recipe with everything decided that does not depend on the data. */
export interface Strategy {
  readonly flagged: FlaggedStrategy;
  readonly limit: ScanLimit;
  readonly ordinary?: Written['ordinary'];
  /** Which rows train with the vector off: none, those that are ordinary with confidence, or all that are not flagged. */
  readonly off: 'none' | 'confident' | 'unflagged';
  readonly anchor: Written['anchor'];
}

/** The method as published: the vector is on for every row. */
const PAPER: Strategy = { flagged: 'vector', limit: SCAN_LIMIT, off: 'none', anchor: false };
/** The best that is known, see docs/protection.md. */
const BEST: Strategy = {
  flagged: 'auto',
  limit: SCAN_LIMIT,
  off: 'confident',
  anchor: { refusals: 2, harmful: 2, benign: 0, weight: 0.3 },
};

export function strategyOf({ protection }: Pick<FinetuneRecipe, 'protection'>): Strategy {
  if (typeof protection === 'boolean') return protection ? BEST : PAPER;
  const { flagged, falseAlarms, falseDiscoveries, ordinary, route, anchor } = protection;
  return {
    flagged,
    limit: limitOf({ falseAlarms, falseDiscoveries, route }),
    ordinary,
    off: route === false ? 'none' : route === true ? 'confident' : 'unflagged',
    anchor,
  };
}

function limitOf({ falseAlarms, falseDiscoveries, route }: Partial<Written>): ScanLimit {
  if (falseAlarms !== undefined) return { falseAlarms };
  if (falseDiscoveries !== undefined) return { falseDiscoveries };
  return typeof route === 'number' ? { share: route } : SCAN_LIMIT;
}
