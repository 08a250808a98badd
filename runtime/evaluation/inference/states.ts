import type { AdapterConfig } from '../../adapters/adapterConfig.js';
import { adapterFlat, type AdaptedModel, type Warn } from '../../adapters/flat.js';
import { flatInput, type InjectedAdapter } from '../../adapters/inject.js';
import type { ScaledAdapter } from '../../adapters/merge.js';
import type { Context } from '../../context/context.js';
import { HumanError } from '../../support/errors.js';
import type { ModelFolder } from '../../models/weights/modelFolder.js';
import { flatTensor } from '../../learner/rows.js';
import { openLearner } from '../../learner/learner.js';
import { openGenerator, type Generator } from './generate.js';
import type { ExampleList } from '../../data/exampleList.js';
import { lossesOf } from './losses.js';

/** A state of the model that answers, and the loss it gives to rows (nats). */
export interface ModelState {
  readonly name: string;
  readonly generator: Pick<Generator, 'answers'>;
  readonly losses: (
    examples: ExampleList,
    hooks?: { signal?: AbortSignal; onProgress?: (share: number) => void },
  ) => Promise<{ nll: number; tokens: number }[]>;
}

export interface OpenState extends ModelState {
  readonly generator: Generator;
  dispose(): Promise<void>;
}

/** An adapter with a name of its own in the graphs that it is injected in. */
export type ActiveAdapter = InjectedAdapter & ScaledAdapter;

const MAX_SCALE = 1000;

/** @throws HumanError for a factor that no adapter is used with */
export function requireScale({ path, scale }: { path: string; scale: number }): void {
  if (!(Math.abs(scale) <= MAX_SCALE))
    throw new HumanError(`the adapter's scale is ${scale}; at most ${MAX_SCALE} is possible.`, {
      place: path,
      remedy: 'Use a scale around 1.',
    });
}

/** Reads adapters and gives them names of their own in the graph. */
export async function activeAdapters(
  model: AdaptedModel,
  adapters: readonly { path: string; scale: number }[],
  warn?: Warn,
): Promise<(ActiveAdapter & { role: 'task' | 'security'; path: string; config: AdapterConfig })[]> {
  return Promise.all(
    adapters.map(async ({ path, scale }, i) => {
      requireScale({ path, scale });
      const { file, layout, flat } = await adapterFlat(path, model, warn);
      return { name: `adapter${i}`, layout, flat, scale, role: file.role, path, config: file.config };
    }),
  );
}

/**
 * A model with adapters, ready to answer and to score. `model` stands in for the context's own (a fully fine-tuned
 * one).
 */
export async function openState(
  context: Context,
  name: string,
  adapters: readonly ActiveAdapter[],
  model: ModelFolder = context.model,
): Promise<OpenState> {
  const { backend, spec, tokenizer } = context;
  const generator = await openGenerator({
    backend,
    spec,
    model,
    adapters,
    stopIds: tokenizer.eosIds,
    padId: tokenizer.padId,
  });
  const learner = openLearner({ backend, spec, model, adapters, trainable: [], padId: tokenizer.padId });
  const parameters = Object.fromEntries(adapters.map((a) => [flatInput(a.name), flatTensor(a.flat)]));
  const scales = Object.fromEntries(adapters.map((a) => [a.name, a.scale]));
  return {
    name,
    generator,
    losses: (examples, hooks) => lossesOf(learner, parameters, examples, scales, hooks),
    async dispose() {
      await generator.dispose();
      await learner.dispose();
    },
  };
}
