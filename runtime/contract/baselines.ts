/**
 * Published defences that a fine-tuning can use instead of a protection: what each needs, and what can be set. Pure.
 */

/** What a method needs besides the data. */
export type BaselineInput = 'aligned' | 'harmful' | 'unaligned' | 'prompt' | 'reinforce' | 'vector';
/** What can be set of a method. */
type BaselineSetting =
  | 'share'
  | 'alternate'
  | 'weight'
  | 'rows'
  | 'threshold'
  | 'layer'
  | 'strength'
  | 'overlap'
  | 'scale';

interface BaselineFacts {
  /** As people write it. */
  readonly title: string;
  readonly arxiv: string;
  readonly needs: readonly BaselineInput[];
  /** Each with its default; null: there is none, see docs/recipes.md. */
  readonly settings: Readonly<Partial<Record<BaselineSetting, number | readonly [number, number] | null>>>;
  /** Whether it is defined for full fine-tuning, too. */
  readonly full: boolean;
  /** It reads the weights of two models, which must be as they are. */
  readonly readsWeights?: boolean;
  /**
   * What it makes other gradients of and keeps, besides those of a step: so many times the size of what is trained. As
   * was measured in full fine-tuning.
   */
  readonly copies?: number;
}

export const BASELINES = {
  safeinstr: { title: 'SafeInstr', arxiv: '2309.07875', needs: ['aligned'], settings: { share: null }, full: true },
  lisa: {
    title: 'Lisa',
    arxiv: '2405.18641',
    needs: ['aligned'],
    settings: { alternate: [10, 90], weight: 1 },
    full: true,
    copies: 2,
  },
  safegrad: {
    title: 'SafeGrad',
    arxiv: '2508.07172',
    needs: ['aligned'],
    settings: { rows: 8, weight: 1 },
    full: true,
    copies: 2,
  },
  safelora: {
    title: 'Safe LoRA',
    arxiv: '2405.16833',
    needs: ['unaligned'],
    settings: { threshold: 0.5 },
    full: false,
    readsWeights: true,
  },
  asft: {
    title: 'AsFT',
    arxiv: '2506.08473',
    needs: ['unaligned'],
    settings: { weight: 1 },
    full: false,
    readsWeights: true,
  },
  'preventative-steering': {
    title: 'preventative steering',
    arxiv: '2507.21509',
    needs: ['harmful', 'aligned'],
    settings: { layer: null, strength: 1 },
    full: true,
  },
  'buffer-and-reinforce': {
    title: 'Buffer-and-Reinforce',
    arxiv: '2605.24550',
    needs: ['vector', 'reinforce'],
    settings: { overlap: 0.1, scale: 0.5 },
    full: false,
  },
  ptst: { title: 'PTST', arxiv: '2402.18540', needs: ['prompt'], settings: {}, full: true },
  inoculation: { title: 'inoculation prompting', arxiv: '2510.04340', needs: ['prompt'], settings: {}, full: true },
} as const satisfies Record<string, BaselineFacts>;

export type BaselineName = keyof typeof BASELINES;
export const BASELINE_NAMES = Object.keys(BASELINES) as [BaselineName, ...BaselineName[]];
export const baselineFacts = (name: BaselineName): BaselineFacts => BASELINES[name];

/** The method of a recipe, also of one that is not checked; undefined without one. */
export function baselineOf(recipe: unknown): BaselineName | undefined {
  if (typeof recipe !== 'object' || recipe === null || !('baseline' in recipe)) return undefined;
  const { baseline } = recipe;
  const name = typeof baseline === 'object' && baseline !== null && 'name' in baseline ? baseline.name : undefined;
  return BASELINE_NAMES.find((known) => known === name);
}

/** What of a recipe a method decides on. */
interface BaselineUse {
  readonly method: 'lora' | 'full';
  readonly precision: string;
  readonly protection: unknown;
  readonly vectors: readonly unknown[];
  readonly baseline: { readonly name: BaselineName } & Readonly<Partial<Record<string, unknown>>>;
}

/** What is wrong with the use of a method, with the key that says it; undefined where nothing is. */
export function baselineFault(use: BaselineUse): { message: string; path: string[] } | undefined {
  const { method, precision, protection, vectors, baseline } = use;
  const { name } = baseline;
  const { needs, settings, full, readsWeights = false } = baselineFacts(name);
  const fault = (message: string, ...path: string[]) => ({ message, path });
  if (protection !== false)
    return fault(`"${name}" is used instead of a protection: remove "protection" or "baseline"`, 'protection');
  const vectorNeeded = needs.includes('vector');
  if (vectorNeeded !== (vectors.length === 1))
    return fault(
      vectorNeeded
        ? `"${name}" trains with one vector active: list it under "vectors"`
        : `"${name}" trains without a vector: remove "vectors" or "baseline"`,
      'vectors',
    );
  if (method === 'full' && !full)
    return fault(`"${name}" is defined for adapters: use "method": "lora", or remove "baseline"`, 'method');
  if (readsWeights && precision !== 'float32')
    return fault(`"${name}" compares weights, which must not be quantized: remove "precision"`, 'precision');
  const missing = needs.find((input) => input !== 'vector' && baseline[input] === undefined);
  if (missing) return fault(`"${name}" needs "${missing}"`, 'baseline');
  const foreign = (Object.keys(SETTINGS) as BaselineSetting[]).find(
    (setting) => baseline[setting] !== undefined && !(setting in settings),
  );
  return foreign && fault(`"${foreign}" is not a setting of "${name}"`, 'baseline', foreign);
}

/** What can be set, in words. */
export const SETTINGS = {
  share: 'safeinstr: aligned rows, as a share of all rows. Default: all of them, once.',
  alternate: 'lisa: steps on the aligned rows and steps on the data, in turn. Default: [10, 90].',
  weight: 'Weight of the term of lisa (ρ), safegrad or asft (λ). Default: 1.',
  rows: 'safegrad: aligned rows of each step. Default: 8.',
  threshold:
    'safelora: layers whose update and projected update have a cosine of at most this are projected. Default: 0.5.',
  layer: 'preventative-steering: the block, from 0, after which the direction is added. Default: the middle one.',
  strength: 'preventative-steering: factor on the direction. Default: 1.',
  overlap:
    'buffer-and-reinforce: share of what lies in the space of the update that is taken out of "reinforce" (α). Default: 0.1.',
  scale: 'buffer-and-reinforce: factor on the sum of both. Default: 0.5.',
} as const satisfies Record<BaselineSetting, string>;
