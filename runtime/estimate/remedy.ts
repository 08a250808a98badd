/** What makes a training fit into the memory. */
import type { Estimate } from '../contract/estimate.js';
import type { TrainingRecipe } from '../contract/kinds.js';
import { sum } from '../contract/sum.js';
import { plannedModel, type PlannedModel } from './model.js';
import { bytesOf, graphsOf, memoryOf, planOf, type Parts } from './parts.js';
import { longestIn, type RowSizes } from './rows.js';

/**
 * A change of the recipe that makes it fit: fewer rows or tokens together, then recomputation, moments or weights in
 * blocks, shorter rows. On a GPU none lowers what the machine itself needs.
 */
export async function remedyFor(
  parts: Parts,
  path: (written: string) => string,
  fits: (bytes: number, model: PlannedModel) => boolean,
): Promise<Estimate['remedy']> {
  if (parts.device !== 'cpu') return undefined;
  const { recipe, rows } = parts;
  const { batch } = recipe;
  const fitsWith = (change: Partial<Parts>): boolean => {
    const changed = { ...parts, ...change };
    return fits(bytesOf(memoryOf(changed, planOf(changed))), changed.model);
  };
  const key = batch.tokens === undefined ? 'rows' : 'tokens';
  const withBatch = (value: number): TrainingRecipe => ({ ...recipe, batch: { ...batch, [key]: value } });
  for (const value of halves(batch[key]!))
    if (fitsWith({ recipe: withBatch(value) })) return { key: `batch.${key}`, value: String(value) };
  const graphs = graphsOf({ ...recipe, recompute: true }, parts.model, parts.adapters);
  if (!recipe.recompute && fitsWith({ graphs })) return { key: 'recompute', value: 'true' };
  const coded = { ...recipe, optimizer: { ...recipe.optimizer, moments: '8bit' as const } };
  if (parts.method === 'full' && fitsWith({ recipe: coded })) return { key: 'optimizer.moments', value: '"8bit"' };
  if (recipe.precision === 'float32' && parts.method === 'lora')
    for (const precision of ['int8', 'int4'] as const) {
      const model = await plannedModel(path(recipe.model), precision).catch(() => undefined);
      if (model && fitsWith({ model, graphs: graphsOf(recipe, model, parts.adapters) }))
        return { key: 'precision', value: `"${precision}"` };
    }
  // a vector's ordinary rows are no rows of its data, nor are those of an anchor, which are in no file of the recipe
  const files = rows.held === rows.data ? [rows.data] : [rows.data, rows.held];
  const told = recipe.kind === 'vector' ? files : [rows.data];
  for (const value of halves(Math.max(...files.map(longestIn)))) {
    const [data, held = data] = files.map((file) => upTo(file, value));
    if (data.sizes.length === 0 || (rows.held.sizes.length > 0 && held.sizes.length === 0)) return undefined;
    if (rows.anchored.some((own) => upTo(own, value).sizes.length === 0)) return undefined;
    const shorter = { ...rows, data, held };
    const lost = sum(told.map(({ sizes }) => sizes.filter(({ tokens }) => tokens > value).length));
    const leavesOut = told.every(({ isPart }) => !isPart) ? { rows: lost } : {};
    if (fitsWith({ rows: shorter })) return { key: 'batch.maxTokens', value: String(value), leavesOut };
    if (!fitsWith({ recipe: withBatch(1), rows: shorter })) continue;
    const { accumulate } = batch;
    const both = { [key]: 1, ...(accumulate > 1 && { accumulate }), maxTokens: value };
    return { key: 'batch', value: JSON.stringify(both), leavesOut };
  }
  return undefined;
}

/** The rows of a file without those that are longer. */
const upTo = (file: RowSizes, tokens: number): RowSizes => ({
  ...file,
  sizes: file.sizes.filter((size) => size.tokens <= tokens),
  longest: file.isPart && Math.min(longestIn(file), tokens),
});

function halves(value: number): number[] {
  const found: number[] = [];
  for (let next = Math.floor(value / 2); next >= 1; next = Math.floor(next / 2)) found.push(next);
  return found;
}
