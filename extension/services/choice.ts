import type { Columns, ReadAs } from '../../runtime/contract/mapping.js';
import type { Services } from './services.js';
import { modelPath } from '../runs/compare.js';
import type { Adapter, Model } from '../workspace/models.js';

type Known = Pick<Services, 'models' | 'recipes' | 'store'>;

/**
 * The model that a data file or evaluation set is for: the one of a recipe that names it, else the workspace's first.
 */
export function modelFor({ models, recipes }: Known, file: string): Model | undefined {
  const list = models.list();
  const naming = recipes.list().filter((r) => r.data.includes(file) || r.evaluate.some((set) => set.file === file));
  return list.find((model) => naming.some((recipe) => recipe.model === model.path)) ?? list[0];
}

/** The same for a scan: where that model has no security vector, the first one that has. */
export function scanModelFor(services: Known, file: string): Model | undefined {
  const model = modelFor(services, file);
  if (vectorsFor(services, model).length > 0) return model;
  return withVectors(services)[0] ?? model;
}

/** Models of the workspace that a security vector fits. */
export const withVectors = (services: Known): Model[] =>
  services.models.list().filter((model) => vectorsFor(services, model).length > 0);

/** Rows with more tokens are left out of a run: what a recipe that names the file says, else the default. */
export function maxTokensFor({ recipes }: Pick<Services, 'recipes'>, file: string): number {
  const batches = recipes
    .list()
    .flatMap((r) => (r.data.includes(file) ? [r.batch as { maxTokens?: unknown } | null] : []));
  const most = batches.map((batch) => batch?.maxTokens).find((value) => Number.isInteger(value));
  return (most as number | undefined) ?? DEFAULT_MAX_TOKENS;
}

/** `batch.maxTokens` of a recipe that does not say it. */
const DEFAULT_MAX_TOKENS = 512;

/** How a data file is read, as a recipe that names the file says, or a person has chosen, or its scan was told. */
export function readAs(
  { recipes, scans, mappings }: Pick<Services, 'recipes' | 'scans' | 'mappings'>,
  file: string,
): ReadAs {
  const chosen = mappings.get(file);
  const scan = scans.get(file);
  // Written anew since, the file may have other columns.
  const told: ReadAs = scan && !scans.since(file).changed ? scan : {};
  const { columns, format } = readBy(recipes, file) ?? (chosen ? { columns: chosen } : told);
  return { ...(columns && { columns }), ...(format && { format }) };
}

/** Which columns of it are what. */
export const columnsOf = (known: Parameters<typeof readAs>[0], file: string): Columns | undefined =>
  readAs(known, file).columns;

/** The same, by recipes alone: undefined where none says anything. */
export function readBy(recipes: Services['recipes'], file: string): ReadAs | undefined {
  const naming = recipes.list().find(({ columns, formats }) => columns.has(file) || formats.has(file));
  return naming && { columns: naming.columns.get(file), format: naming.formats.get(file) };
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
