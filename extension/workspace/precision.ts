import type { Precision } from '../../runtime/contract/recipeWords.js';
import { sameAdapter, type Model } from './models.js';

/**
 * How the weights of a model are held with adapters: as by the runs that made these, without any as by the model's
 * newest run. Of runs that differ none is meant: the weights are as they are.
 */
export function precisionWith(
  model: Pick<Model, 'adapters' | 'precision'> | undefined,
  adapters: readonly { path: string }[],
): Precision | undefined {
  if (!model || adapters.length === 0) return model?.precision;
  const [first, ...others] = adapters.map(
    ({ path }) => model.adapters.find((known) => sameAdapter(known.path, path))?.precision,
  );
  return others.every((other) => other === first) ? first : undefined;
}
