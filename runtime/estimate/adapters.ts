import { readAdapter } from '../adapters/files.js';
import { layout as layOut, plainLayout, type Layout } from '../adapters/sites.js';
import type { TrainingRecipe } from '../contract/kinds.js';
import { LORA } from '../contract/recipeTraining.js';
import { linearLayers } from '../models/decoder/spec.js';
import type { PlannedModel } from './model.js';

/** Name of the adapter that is trained. */
export const TRAINED = 'trained';

export interface NamedLayout {
  readonly name: string;
  readonly layout: Layout;
}

/** A vector that is not there yet is taken to be like the adapter. */
export async function adaptersOf(
  recipe: TrainingRecipe,
  { spec }: PlannedModel,
  path: (written: string) => string,
): Promise<NamedLayout[]> {
  const sites = linearLayers(spec);
  const { init } = recipe.adapter;
  const plain = plainLayout(sites, { ...LORA, ...recipe.adapter });
  const own = init === undefined ? plain : await layoutOf(path(init), sites).catch(() => plain);
  const full = recipe.kind === 'finetune' && recipe.method === 'full';
  const found: NamedLayout[] = full ? [] : [{ name: TRAINED, layout: own }];
  if (recipe.kind === 'vector') return found;
  for (const [i, { adapter }] of recipe.vectors.entries())
    found.push({ name: `vector${i}`, layout: await layoutOf(path(adapter), sites).catch(() => own) });
  return found;
}

async function layoutOf(folder: string, sites: ReturnType<typeof linearLayers>): Promise<Layout> {
  const { modules } = await readAdapter(folder);
  return layOut(
    sites.flatMap((site) => {
      const module = modules.get(site.name);
      return module ? [{ ...site, rank: module.aShape[0], scale: module.scale }] : [];
    }),
  );
}
