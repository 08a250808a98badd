import { HumanError } from '../support/errors.js';
import type { ModelHashes } from '../models/weights/hashes.js';
import type { AdapterConfig } from './adapterConfig.js';
import { requireBase } from './base.js';
import { readAdapter, writeAdapter, type AdapterFile, type AdapterProvenance, type AdapterRole } from './files.js';
import { layout as layOut, matrices, type Layout, type Site } from './sites.js';

/** An adapter as the engine uses it: one flat vector and how it is cut. */
export interface FlatAdapter {
  readonly file: AdapterFile;
  readonly layout: Layout;
  readonly flat: Float32Array;
}

/** What an adapter is used on. */
export interface AdaptedModel {
  /** Its linear layers. */
  readonly sites: readonly Site[];
  /** Those that name it; asked for only where an adapter names its base. */
  readonly hashes: () => Promise<ModelHashes>;
}

/**
 * Reads an adapter folder for a model.
 * @throws HumanError when the adapter was made for another model: of other layers, or of other weights where it names them
 */
export async function adapterFlat(path: string, { sites, hashes }: AdaptedModel): Promise<FlatAdapter> {
  const file = await readAdapter(path);
  const flat = fitted(file, sites);
  await requireBase(file, hashes);
  return flat;
}

/** @throws HumanError for a module that no linear layer has the name of, and for one of another size */
export function fitted(file: AdapterFile, sites: readonly Site[]): FlatAdapter {
  const known = new Map(sites.map((s) => [s.name, s]));
  const adapted = [...file.modules].map(([name, module]) => {
    const { aShape, bShape, scale } = module;
    // Adapters from before transformers 4.52 have the parts of models with images in another order; PEFT reads them, too.
    const site = known.get(name) ?? known.get(name.replace(/^language_model\.model\./, 'model.language_model.'));
    const remedy = 'Use an adapter that was trained on this model.';
    if (!site)
      throw new HumanError(
        `this adapter is for another model: it has a layer "${name}", which the model does not have.`,
        { place: file.path, remedy },
      );
    if (aShape[1] !== site.in || bShape[0] !== site.out) {
      throw new HumanError(
        `this adapter is for another model: "${name}" is ${bShape[0]}×${aShape[1]} there and ${site.out}×${site.in} here.`,
        { place: file.path, remedy },
      );
    }
    return { ...site, rank: aShape[0], scale, module };
  });
  const layout = layOut(adapted.map(({ module: _, ...site }) => site));
  const flat = new Float32Array(layout.size);
  layout.sites.forEach((site, i) => {
    const { A, B } = matrices(flat, site);
    A.set(adapted[i].module.A);
    B.set(adapted[i].module.B);
  });
  return { file, layout, flat };
}

/** A plain LoRA of one rank on the named sites. */
export function plainConfig(
  adapter: { rank: number; alpha: number; sites: string | string[] },
  layout: Layout,
  sites: readonly (Site & { transposed?: boolean })[],
): AdapterConfig {
  const adapted = new Set(layout.sites.map((s) => s.name));
  return {
    rank: adapter.rank,
    alpha: adapter.alpha,
    useRslora: false,
    targetModules: adapter.sites,
    rankPattern: {},
    alphaPattern: {},
    fanInFanOut: sites.some((s) => s.transposed === true && adapted.has(s.name)),
  };
}

/** Writes a flat adapter as a PEFT folder. */
export async function saveAdapter(
  folder: string,
  {
    layout,
    flat,
    config,
    role,
    provenance,
  }: { layout: Layout; flat: Float32Array; config: AdapterConfig; role: AdapterRole; provenance: AdapterProvenance },
): Promise<void> {
  const modules = new Map(
    layout.sites.map((site) => {
      const { A, B } = matrices(flat, site);
      return [
        site.name,
        { A, aShape: [site.rank, site.in] as [number, number], B, bShape: [site.out, site.rank] as [number, number] },
      ];
    }),
  );
  await writeAdapter(folder, { config, role, provenance, modules });
}
