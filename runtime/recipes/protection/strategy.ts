import type { FinetuneRecipe } from '../../contract/recipe.js';
import { ANCHOR_WEIGHT } from '../../contract/recipeProtection.js';
import type { FlaggedStrategy } from '../../contract/recipeWords.js';
import { SCAN_LIMIT, type ScanLimit } from '../../contract/scan.js';

type Written = Exclude<FinetuneRecipe['protection'], boolean>;
type WrittenAnchor = Exclude<Written['anchor'], false>;

/** How a run protects: `protection` of its recipe with everything decided that does not depend on the data. */
export interface Strategy {
  readonly flagged: FlaggedStrategy;
  /** Undefined: by what the vector finds of its held-out rows. */
  readonly limit?: ScanLimit;
  readonly ordinary?: Written['ordinary'];
  /**
   * Which rows train with the vector off: none, those that are ordinary with confidence, or all that are not flagged.
   */
  readonly off: 'none' | 'confident' | 'unflagged';
  /** `every`: how many steps come to one that holds the base's answers, which then count as often. */
  readonly anchor: false | (Required<WrittenAnchor> & { readonly every: number });
}

type Anchor = Exclude<Strategy['anchor'], false>;

/** The method as published: the vector is on for every row. */
const PAPER: Strategy = { flagged: 'vector', limit: SCAN_LIMIT, off: 'none', anchor: false };
/** The best that is known, see docs/protection.md. */
const BEST = { flagged: 'auto', off: 'confident' } as const;

/** Of steps of fewer rows an anchor holds less: it costs a fifth of a step in either case. */
const SMALL_STEP = 16;
const USUAL = { refusals: 2, ordinary: 0, harmful: 2, every: 1 };
const IN_SMALL_STEP = { refusals: 1, ordinary: 0, harmful: 1, every: 2 };
/** That is too little for refusals at a high learning rate (docs/protection-figures.md, "A base that refuses"). */
const IN_SMALL_STEP_REFUSED = { ...IN_SMALL_STEP, ordinary: 1, every: 1 };
const PROMPT_WEIGHT_REFUSED = 1;

function anchorOf(written: WrittenAnchor, batch: FinetuneRecipe['batch'], refused: boolean): Anchor {
  const isSmall = batch.tokens === undefined && batch.rows * batch.accumulate < SMALL_STEP;
  const declines = written.refusals !== undefined || written.ordinary === 0;
  const isRefused = refused && isSmall && !declines;
  return {
    promptWeight: isRefused && written.weight === ANCHOR_WEIGHT ? PROMPT_WEIGHT_REFUSED : written.weight,
    ...(isRefused ? IN_SMALL_STEP_REFUSED : isSmall ? IN_SMALL_STEP : USUAL),
    ...(written.refusals !== undefined && { every: 1 }),
    ...written,
  };
}

/**
 * @param refused the base refuses what the vectors' prompts ask, and there are ordinary prompts to hold beside: they
 * are held unless the recipe names `refusals`, or no ordinary ones
 */
export function strategyOf(
  { protection, batch }: Pick<FinetuneRecipe, 'protection' | 'batch'>,
  refused = false,
): Strategy {
  if (protection === false) return PAPER;
  if (protection === true) return { ...BEST, anchor: anchorOf({ benign: 0, weight: ANCHOR_WEIGHT }, batch, refused) };
  const { flagged, falseAlarms, falseDiscoveries, ordinary, route, anchor } = protection;
  return {
    flagged,
    limit: limitOf({ falseAlarms, falseDiscoveries, route }),
    ordinary,
    off: route === false ? 'none' : route === true ? 'confident' : 'unflagged',
    anchor: anchor && anchorOf(anchor, batch, refused),
  };
}

/** Whether the anchor of a recipe holds more where the base refuses. */
export const goesByRefusals = (recipe: Pick<FinetuneRecipe, 'protection' | 'batch'>): boolean => {
  const [usual, refused] = [false, true].map((is) => strategyOf(recipe, is).anchor);
  return usual !== false && refused !== false && usual.every !== refused.every;
};

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

function limitOf({ falseAlarms, falseDiscoveries, route }: Partial<Written>): ScanLimit | undefined {
  if (falseAlarms !== undefined) return { falseAlarms };
  if (falseDiscoveries !== undefined) return { falseDiscoveries };
  return typeof route === 'number' ? { share: route } : undefined;
}
