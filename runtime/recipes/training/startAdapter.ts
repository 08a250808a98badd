import type { AdapterConfig } from '../../adapters/adapterConfig.js';
import { adapterFlat, plainConfig } from '../../adapters/flat.js';
import { plainLayout, selectSites, type Layout, type Site } from '../../adapters/sites.js';
import type { TrainingRecipe } from '../../contract/kinds.js';
import { HumanError } from '../../support/errors.js';
import { shown } from '../../support/jsonFile.js';
import { loadReporter, type Job } from './job.js';

/** The adapter that is trained, before training. */
export interface StartAdapter {
  readonly layout: Layout;
  readonly config: AdapterConfig;
  /** Undefined of a new one. */
  readonly flat?: Float32Array;
}

/**
 * A new adapter as the recipe describes it, or the one that it starts from; training has no dropout.
 * @throws HumanError for an adapter of another model, and for settings beside it that it does not have
 */
export async function startAdapter(job: Job<TrainingRecipe>): Promise<StartAdapter> {
  const { path, context, emit } = job;
  const { adapter } = job.recipe;
  const { sites } = context;
  if (adapter.init === undefined) {
    const layout = plainLayout(sites, adapter);
    return { layout, config: plainConfig(adapter, layout, sites) };
  }
  const { file, layout, flat } = await adapterFlat(path(adapter.init), context, loadReporter(job).warn);
  const { config } = file;
  const { rank, alpha } = config;
  const isOnSites = adapter.sites !== undefined && names(selectSites(sites, adapter.sites)) === names(layout.sites);
  for (const [key, own, isSame] of [
    ['rank', rank, adapter.rank === rank],
    ['alpha', alpha, adapter.alpha === alpha],
    ['sites', config.targetModules, isOnSites],
  ] as const)
    if (adapter[key] !== undefined && !isSame)
      throw new HumanError(
        `"${key}" is ${shown(adapter[key])}, and the adapter that training starts from has ${shown(own)}.`,
        {
          place: `adapter.${key}`,
          remedy: 'Leave it out: an adapter named by "init" keeps its own rank, alpha and sites.',
        },
      );
  if (file.role === 'security' && job.recipe.kind === 'finetune')
    await emit({
      kind: 'warning',
      message:
        'the adapter that training starts from is a security vector: what it was trained to say is delivered with the result.',
      place: 'adapter.init',
      remedy: 'Name it in "vectors", and leave "adapter.init" out.',
    });
  const { dropout = 0 } = config;
  if (dropout > 0)
    await emit({
      kind: 'warning',
      message: `the adapter that training starts from was trained with a dropout of ${dropout}; it is now trained without.`,
      place: file.path,
    });
  return { layout, config: { ...config, dropout: 0 }, flat };
}

const names = (sites: readonly Site[]): string =>
  sites
    .map(({ name }) => name)
    .sort()
    .join();
