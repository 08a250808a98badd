import type { Services } from './services.js';
import { modelPath } from '../runs/compare.js';
import type { Adapter, Model } from '../workspace/models.js';

type Known = Pick<Services, 'models' | 'recipes' | 'store'>;

/** The model that a data file or evaluation set is for: the one of a recipe that names it, else the workspace's first. */
export function modelFor({ models, recipes }: Known, file: string): Model | undefined {
  const list = models.list();
  const naming = recipes.list().filter((r) => r.data.includes(file) || r.evaluate.some((set) => set.file === file));
  return list.find((model) => naming.some((recipe) => recipe.model === model.path)) ?? list[0];
}

/** Security vectors of a model, those that recipes use first. */
export function vectorsFor({ recipes }: Known, model: Model | undefined): Adapter[] {
  const used = new Set(recipes.list().flatMap((recipe) => recipe.vectors));
  const vectors = (model?.adapters ?? []).filter((adapter) => adapter.role === 'security' && adapter.reason === null);
  const isUsed = (a: Adapter): boolean => used.has(a.path) || (a.run !== undefined && used.has(a.run));
  return [...vectors.filter(isUsed), ...vectors.filter((a) => !isUsed(a))];
}

/** Models of the workspace, and those that its recipes and runs name but nobody has added. */
export function modelPaths({ models, recipes, store }: Known): string[] {
  const named = [...recipes.list().map((r) => r.model), ...store.list().flatMap((run) => modelPath(run) ?? [])];
  return [...new Set([...models.list().map((m) => m.path), ...named])];
}
