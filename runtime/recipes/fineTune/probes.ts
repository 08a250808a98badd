import type { Example } from '../../data/examples.js';
import type { Optimizer } from '../../optim/optimizer.js';
import type { Probes } from '../../contract/events.js';
import type { BatchSize } from '../../contract/recipeTraining.js';
import { meanPerToken, rowsOf, tokenCount } from '../../learner/rows.js';
import type { Learner } from '../../learner/learner.js';
import { batchesOf } from '../../learner/packing.js';
import type { Backend, Feeds, Tensor } from '../../device/session.js';
import { summed } from '../training/summed.js';

interface ProbeOptions {
  readonly learner: Learner;
  readonly optimizer: Pick<Optimizer, 'norm'>;
  readonly backend: Pick<Backend, 'free' | 'release'>;
  readonly parameters: () => Feeds;
  readonly harmful: readonly Example[];
  readonly benign: readonly Example[];
  /** The recipe's: no micro-batch is larger than one of training. */
  readonly batch: BatchSize;
  /** Factors on the adapters as training sees them and, where there are vectors, with these on. */
  readonly off: Record<string, number>;
  readonly on?: Record<string, number>;
  /** Gradients that nobody reads any more: those of the probes take their place, and none of them stay. */
  readonly over?: readonly Tensor[];
}

/** Mean loss in nats per supervised token, and the L2 norm of its gradient. */
interface Probe {
  loss?: number;
  norm?: number;
}

/** What is written of probes with the vectors off and, where there are any, on. */
export const probesOf = (of: Partial<Record<`${'harmful' | 'benign'}${'Off' | 'On'}`, Probe>>): Probes => ({
  harmfulLossWithout: of.harmfulOff?.loss,
  harmfulGradNormWithout: of.harmfulOff?.norm,
  benignLossWithout: of.benignOff?.loss,
  benignGradNormWithout: of.benignOff?.norm,
  harmfulLossWith: of.harmfulOn?.loss,
  harmfulGradNormWith: of.harmfulOn?.norm,
  benignLossWith: of.benignOn?.loss,
  benignGradNormWith: of.benignOn?.norm,
});

/** The mechanism, measured: loss and gradient norm on harmful and benign rows, with the vectors and without. */
export async function measureProbes(options: ProbeOptions): Promise<Probes> {
  const { harmful, benign, off, on, backend } = options;
  let last: Tensor[] | undefined;
  const measured = async (examples: readonly Example[], scales: Record<string, number>): Promise<Probe | undefined> => {
    if (examples.length === 0) return undefined;
    for (const gradient of last ?? []) backend.release(gradient);
    const { gradients, ...probe } = await measure(options, examples, scales, last ?? options.over);
    last = gradients;
    return probe;
  };
  const harmfulOff = await measured(harmful, off);
  const benignOff = await measured(benign, off);
  const harmfulOn = on && (await measured(harmful, on));
  const benignOn = on && (await measured(benign, on));
  // Of a full training they are as large as the model, and the garbage collector would come late.
  if (last) backend.free(last);
  return probesOf({ harmfulOff, benignOff, harmfulOn, benignOn });
}

async function measure(
  { learner, optimizer, parameters, batch }: ProbeOptions,
  examples: readonly Example[],
  scales: Record<string, number>,
  over: readonly Tensor[] | undefined,
): Promise<Probe & { gradients: Tensor[] }> {
  const batches = batchesOf(rowsOf(examples, scales, 1 / tokenCount(examples)), batch);
  const { rows: losses, gradients } = await summed(learner, batches, parameters(), over);
  return { loss: meanPerToken(losses), norm: await optimizer.norm(gradients), gradients };
}
