import { HumanError } from '../support/errors.js';
import type { Random } from '../support/random.js';
import { fullMatches } from './peftPatterns.js';

/** A linear layer that an adapter can sit on. */
export interface Site {
  /** Module name as in the checkpoint: `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly in: number;
  readonly out: number;
}

/** Of the text model of a model for text and images. */
export const isOfTextModel = (name: string): boolean => name.startsWith('model.language_model.');

/** As in q_proj. */
export const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** One adapted layer: y += scale · B A x with A [rank, in], B [out, rank]. */
export interface AdaptedSite extends Site {
  readonly rank: number;
  /** alpha / rank, or alpha / √rank for rsLoRA. */
  readonly scale: number;
  /** Where A starts in the flat vector; B follows it. */
  readonly offset: number;
}

/** How an adapter's flat float32 vector is cut: for each site A then B. */
export interface Layout {
  readonly sites: readonly AdaptedSite[];
  /** Length of the flat vector. */
  readonly size: number;
}

/** Lays sites with their ranks and scales out in one flat vector. */
export function layout(sites: readonly (Site & { rank: number; scale: number })[]): Layout {
  let size = 0;
  const adapted = sites.map((site): AdaptedSite => {
    const offset = size;
    size += site.rank * (site.in + site.out);
    return { ...site, offset };
  });
  return { sites: adapted, size };
}

/**
 * The sites that `target` names, as PEFT's target_modules does: "all-linear", a list of names (equal, or the end behind
 * a dot), or a regular expression for the whole name.
 * @throws HumanError when a name or the expression matches nothing.
 */
export function selectSites(sites: readonly Site[], target: string | readonly string[]): Site[] {
  if (target === 'all-linear') return [...sites];
  const kinds = [...new Set(sites.map((s) => lastPart(s.name)))].join(', ');
  const remedy = `This model has: ${kinds}.`;
  if (typeof target === 'string') {
    const fits = fullMatches(
      target,
      sites.map((s) => s.name),
      'adapter.sites',
    );
    const found = sites.filter((_, i) => fits[i]);
    if (found.length === 0)
      throw new HumanError(`no linear layer matches the expression "${target}".`, { place: 'adapter.sites', remedy });
    return found;
  }
  const ends = (name: string, end: string): boolean => name === end || name.endsWith(`.${end}`);
  for (const end of target) {
    if (!sites.some((s) => ends(s.name, end)))
      throw new HumanError(`no linear layer is called "${end}".`, { place: 'adapter.sites', remedy });
  }
  return sites.filter((s) => target.some((end) => ends(s.name, end)));
}

/** The layout of a plain LoRA of one rank on the sites that the adapter's `sites` name. */
export const plainLayout = (
  sites: readonly Site[],
  adapter: { rank: number; alpha: number; sites: string | readonly string[] },
): Layout =>
  layout(
    selectSites(sites, adapter.sites).map((s) => ({ ...s, rank: adapter.rank, scale: adapter.alpha / adapter.rank })),
  );

/**
 * LoRA's start: A uniform in ±1/√in (Kaiming with a = √5, as PEFT), B zero, so that the adapter changes nothing yet.
 */
export function initialise({ sites, size }: Layout, rng: Random): Float32Array {
  const flat = new Float32Array(size);
  for (const site of sites) {
    const bound = 1 / Math.sqrt(site.in);
    for (let i = 0; i < site.rank * site.in; i++) flat[site.offset + i] = (2 * rng.uniform() - 1) * bound;
  }
  return flat;
}

/** A and B of a site as views of the flat vector. */
export function matrices(flat: Float32Array, site: AdaptedSite): { A: Float32Array; B: Float32Array } {
  const middle = site.offset + site.rank * site.in;
  return { A: flat.subarray(site.offset, middle), B: flat.subarray(middle, middle + site.out * site.rank) };
}
