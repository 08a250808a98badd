import type { InjectedAdapter } from '../adapters/inject.js';
import type { DecoderSpec } from '../models/decoder/spec.js';
import { weightsFolder } from '../models/decoder/weights.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { requireFiniteWeights } from '../models/weights/finite.js';
import { gradientGraph, gradientOutput, logProbsGraph, lossGraph } from './objective.js';
import { pack, supervised, type TrainingRow } from './packing.js';
import type { Backend, Feeds, Session, Tensor } from '../device/session.js';

export interface LearnerOptions {
  readonly backend: Backend;
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors'>;
  readonly adapters: readonly InjectedAdapter[];
  /** Graph inputs that get a gradient: `adapter.<name>`, or names of base weights. */
  readonly trainable: readonly string[];
  /** Full fine-tuning: base weights are inputs. */
  readonly weightsAsInputs?: boolean;
  /** Token that fills short rows. */
  readonly padId?: number;
}

/** Negative log-likelihood of a row, nats: the sum over its supervised tokens, and each token's own, in order. */
export interface RowLoss {
  nll: number;
  tokens: number;
  perToken: number[];
}

/** Loss and gradients of a model with adapters, and its distributions. Parameters are given at each call by name. */
export interface Learner {
  /** Loss of each row; no gradient. */
  losses(rows: readonly TrainingRow[], parameters: Feeds): Promise<RowLoss[]>;
  /** Σ weights · loss over the rows, its gradients by `trainable`, and each row's loss. Rows with a teacher have no row loss. */
  gradients(
    rows: readonly TrainingRow[],
    parameters: Feeds,
  ): Promise<{
    loss: number;
    rows: RowLoss[];
    gradients: Tensor[];
    /** mean KL of the rows with a teacher, nats per token */ kl?: number;
  }>;
  /** Log-probabilities [supervised tokens, V] of the frozen base (weights in place, all adapters off) for each example. */
  teach(examples: readonly TrainingRow['example'][]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

/** Opens a learner; sessions are made when first needed. */
export function openLearner(options: LearnerOptions): Learner {
  const { backend, spec, model, adapters, trainable } = options;
  const names = adapters.map((a) => a.name);
  const sessions = new Map<string, Promise<Session>>();
  const open = (key: string, make: () => Promise<Session>): Promise<Session> => {
    let session = sessions.get(key);
    if (!session) sessions.set(key, (session = make()));
    return session;
  };
  const graphOptions = {
    spec,
    model,
    adapters,
    weightsAsInputs: options.weightsAsInputs,
    maxSplitOutputs: backend.maxSplitOutputs,
  };
  const place = { folder: weightsFolder(model.tensors) };
  const keep = trainable.map(gradientOutput);

  const rowLosses = (rows: readonly TrainingRow[], rowOf: readonly number[], nll: Float32Array): RowLoss[] => {
    const result = rows.map((): RowLoss => ({ nll: 0, tokens: 0, perToken: [] }));
    rowOf.forEach((b, i) => {
      result[b].nll += nll[i];
      result[b].tokens += 1;
      result[b].perToken.push(nll[i]);
    });
    return result;
  };

  /** A loss that is not finite may come from the weights: then the tensor is named. */
  const numbers = async (nll: Tensor): Promise<Float32Array> => {
    const values = await backend.read(nll);
    if (!values.every(Number.isFinite)) await requireFiniteWeights(model);
    return values;
  };

  return {
    async losses(rows, parameters) {
      const session = await open('loss', () => backend.session(lossGraph(graphOptions), place));
      const { feeds, rowOf } = pack(rows, names, options.padId);
      const { nll } = await session.run({ ...parameters, ...feeds }, ['nll']);
      return rowLosses(rows, rowOf, await numbers(nll));
    },
    async gradients(rows, parameters) {
      const distill = rows.some((row) => row.teacher);
      const session = await open(distill ? 'distill' : 'gradient', () =>
        backend.session(gradientGraph({ ...graphOptions, distill }, trainable), { ...place, keep }),
      );
      const { feeds, rowOf } = pack(rows, names, options.padId);
      const out = await session.run({ ...parameters, ...feeds });
      const kl = out.kl ? await backend.read(out.kl) : undefined;
      return {
        loss: (await backend.read(out.loss))[0],
        rows: rowLosses(rows, rowOf, await numbers(out.nll)),
        gradients: keep.map((name) => out[name]),
        kl: kl && kl.reduce((a, b) => a + b, 0) / kl.length,
      };
    },
    async teach(examples) {
      const session = await open('teacher', () => backend.session(logProbsGraph({ spec, model, adapters: [] }), place));
      const rows = examples.map((example): TrainingRow => ({ example, scales: {}, weight: 0 }));
      const { input_ids, attention_mask, position_ids, targets } = pack(rows, [], options.padId).feeds;
      const { log_probs } = await session.run({
        input_ids: input_ids,
        attention_mask: attention_mask,
        position_ids: position_ids,
        targets: targets,
      });
      const all = await backend.read(log_probs);
      let at = 0;
      return examples.map(({ labels }) => {
        const end = at + supervised(labels).length * spec.vocabSize;
        const own = all.slice(at, end);
        at = end;
        return own;
      });
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
    },
  };
}
