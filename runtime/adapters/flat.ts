import { join } from 'node:path';
import { HumanError } from '../support/errors.js';
import { withTimeLimit } from '../support/timeLimit.js';
import type { DecoderSpec } from '../models/decoder/spec.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ModelHashes } from '../models/weights/hashes.js';
import type { AdapterConfig } from './adapterConfig.js';
import { otherUse, requireBase } from './base.js';
import {
  CONFIG_FILE,
  moduleScales,
  readAdapter,
  WEIGHTS_FILE,
  writeAdapter,
  type AdapterFile,
  type AdapterModule,
  type AdapterProvenance,
  type AdapterRole,
} from './files.js';
import { PATTERN_LIMIT_MS, targeted } from './peftPatterns.js';
import { isOfTextModel, layout as layOut, matrices, type Layout, type Site } from './sites.js';
import { without } from '../support/without.js';

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
  /** What it makes of its weights, and of texts; without both only its weights are looked at. */
  readonly spec?: DecoderSpec;
  readonly tokenizer?: Tokenizer;
}

/** Told what of an adapter is not used. */
export type Warn = (message: string, place: string, remedy: string) => void;

/**
 * Reads an adapter folder for a model.
 * @param warn of parts that are not computed here
 * @throws HumanError when the adapter was made for another model: of other layers, or of other weights where it names
 * them, or of another config, chat template or tokenizer
 */
export async function adapterFlat(
  path: string,
  { sites, hashes, spec, tokenizer }: AdaptedModel,
  warn?: Warn,
): Promise<FlatAdapter> {
  const file = await readAdapter(path);
  const flat = fitted(file, sites, warn);
  await requireBase(file, hashes);
  const other = spec && tokenizer && otherUse(file, { spec, tokenizer });
  if (other) throw other;
  return flat;
}

/** The parts of a model for text and images that are not computed here. */
const OF_IMAGES = /^(model\.)?(vision_tower|multi_modal_projector)\./;

/**
 * Modules for text. PEFT adapts layers of the same name for images, too; B of these stays zero where it trained on
 * text.
 */
function modulesOfText({ path, modules }: AdapterFile, sites: readonly Site[], warn?: Warn): [string, AdapterModule][] {
  if (!sites.some(({ name }) => isOfTextModel(name))) return [...modules];
  const [ofImages, ofText] = [true, false].map((is) => [...modules].filter(([name]) => OF_IMAGES.test(name) === is));
  if (ofText.length === 0)
    throw new HumanError('the adapter changes only how the model reads images; only text is computed here.', {
      place: path,
      remedy: 'Use an adapter of its layers for text.',
    });
  const active = ofImages.filter(([, { B }]) => B.some((value) => value !== 0)).length;
  if (active > 0)
    warn?.(
      `${active} of its layers are for images, and not computed here: only those for text are.`,
      path,
      'Use it with PEFT where it is for images.',
    );
  return ofText;
}

/**
 * @returns with the config for the names that the model has, where the file has older ones
 * @throws HumanError for a module that no linear layer has the name of, and for one of another size
 */
export function fitted(file: AdapterFile, sites: readonly Site[], warn?: Warn): FlatAdapter {
  const known = new Map(sites.map((s) => [s.name, s]));
  const adapted = modulesOfText(file, sites, warn).map(([name, module]) => {
    const { aShape, bShape, scale } = module;
    // Adapters from before transformers 4.52 have the parts of models with images in another order; PEFT reads them,
    // too.
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
    return { ...site, rank: aShape[0], scale, module, written: name };
  });
  requireWhole(
    file,
    sites.filter(({ name }) => !adapted.some((site) => site.name === name)),
  );
  const layout = layOut(adapted.map((site) => without(site, 'module', 'written')));
  const flat = new Float32Array(layout.size);
  layout.sites.forEach((site, i) => {
    const { A, B } = matrices(flat, site);
    A.set(adapted[i].module.A);
    B.set(adapted[i].module.B);
  });
  const renamed = adapted.some(({ name, written }) => name !== written);
  return { file: renamed ? { ...file, config: renamedConfig(file, adapted) } : file, layout, flat };
}

/** Of a layer for text of a model with images, before transformers 4.52; patterns of a config may mean that one. */
const olderName = (name: string): string => name.replace(/^model\.language_model\./, 'language_model.model.');

/** @throws HumanError where the config targets a layer for which there are no matrices, in PEFT they would do nothing */
function requireWhole({ path, config }: AdapterFile, others: readonly Site[]): void {
  const names = others.map(({ name }) => name);
  const lost = withTimeLimit(PATTERN_LIMIT_MS, 'the name patterns take too long to match.', path, () => {
    const [found, older] = [names, names.map(olderName)].map((written) => targeted(config, written, path));
    return names.filter((_, i) => found[i] && older[i]);
  });
  if (lost.length === 0) return;
  throw new HumanError(
    `the adapter has no matrices for ${lost.length} of the layers that its config targets, such as ${lost[0]}: a part of it is missing.`,
    {
      place: join(path, WEIGHTS_FILE),
      remedy: `Copy or download the adapter again. If it was trained without them, correct "target_modules" in ${CONFIG_FILE}.`,
    },
  );
}

/** The same ranks and scales for layers of other names, which those of the file and its patterns may not match. */
function renamedConfig(
  { config, path }: AdapterFile,
  adapted: readonly { readonly name: string; readonly written: string }[],
): AdapterConfig {
  const found = moduleScales(
    config,
    adapted.map(({ written }) => written),
    path,
  );
  const others = (key: 'rank' | 'alpha'): Record<string, number> =>
    Object.fromEntries(
      adapted.flatMap(({ name }, i) => (found[i][key] === config[key] ? [] : [[name, found[i][key]] as const])),
    );
  return {
    ...config,
    targetModules: adapted.map(({ name }) => name),
    excludeModules: undefined,
    layersToTransform: undefined,
    layersPattern: undefined,
    rankPattern: others('rank'),
    alphaPattern: others('alpha'),
  };
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
    layout.sites.map((site): [string, AdapterModule] => {
      const { A, B } = matrices(flat, site);
      return [site.name, { A, aShape: [site.rank, site.in], B, bShape: [site.out, site.rank], scale: site.scale }];
    }),
  );
  await writeAdapter(folder, { config, role, provenance, modules });
}
