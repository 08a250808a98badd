import { RUN_FILES } from '../contract/runFiles.js';
import { mean } from '../contract/sum.js';
import type { Injected } from '../adapters/inject.js';
import { embeddingSize, type DecoderSpec } from '../models/decoder/spec.js';
import { weightsFolder } from '../models/decoder/weights.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { requireFiniteWeights } from '../models/weights/finite.js';
import { elementsOf } from '../onnx/shapes.js';
import { HumanError } from '../support/errors.js';
import { cutOf, limitsOf, piecesOf, type PieceLimits, type Pieces } from './cut.js';
import {
  comparisonGraph,
  gradientGraph,
  gradientOutput,
  lossGraph,
  probedLayers,
  statesGraph,
  sumInput,
  teacherGraph,
} from './objective.js';
import { inOrder, LOSS_BATCH, pack, supervised, type Packed, type TrainingRow } from './packing.js';
import { float32, zeros, type Backend, type Feeds, type Session, type Tensor } from '../device/session.js';

interface LearnerOptions {
  readonly backend: Backend;
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors' | 'packed' | 'beside'>;
  readonly adapters: readonly Injected[];
  /** Graph inputs that get a gradient: `adapter.<name>`, or names of base weights. */
  readonly trainable: readonly string[];
  /** Full fine-tuning: base weights are inputs. */
  readonly weightsAsInputs?: boolean;
  /** Token that fills short rows. */
  readonly padId?: number;
  /** Whether what is inside a block is computed again in the backward pass: less memory, the same gradients. */
  readonly recompute?: boolean;
  /** How large pieces of a batch may be. */
  readonly limits?: PieceLimits;
}

/** Negative log-likelihood of a row, nats: the sum over its supervised tokens, and each token's own, in order. */
export interface RowLoss {
  nll: number;
  tokens: number;
  perToken: number[];
}

/** What adapters change of a row. */
export interface Comparison {
  readonly without: RowLoss;
  readonly with: RowLoss;
  /** KL(base ‖ with them) of each supervised token, nats. */
  readonly kl: readonly number[];
  /** What a linear probe says of the row. */
  readonly probe?: number;
}

/**
 * A linear function of the base's hidden states at the supervised tokens of a row, in the mean, after some of its layers
 * (probedLayers).
 */
export interface Probe {
  /** [K, C]. */
  readonly weights: Float32Array;
  readonly bias: number;
}

/** Loss and gradients of a model with adapters, and its distributions. Parameters are given at each call by name. */
export interface Learner {
  /** Loss of each row; no gradient. Many or long rows are computed one batch after the other. */
  losses(rows: readonly TrainingRow[], parameters: Feeds): Promise<RowLoss[]>;
  /**
   * Each row in the frozen base (weights in place, all adapters off), and with its factors on the adapters: two
   * forwards.
   */
  compare(rows: readonly TrainingRow[], parameters: Feeds, probe?: Probe): Promise<Comparison[]>;
  /** Hidden states of the base [K, C] at the supervised tokens of each row, in the mean: what a probe reads. */
  states(rows: readonly TrainingRow[]): Promise<Float32Array[]>;
  /** Frees what `compare` and `states` have opened: weights in blocks of 4 bits twice, on a GPU. */
  endComparison(): Promise<void>;
  /**
   * Σ weights · loss over the rows, its gradients by `trainable`, and each row's loss. Rows with a teacher have no row
   * loss.
   * @param to `onto`: gradients of earlier rows, which these are added to; they are taken over. `over`: gradients that
   * nobody reads any more: the new ones may take their place
   */
  gradients(
    rows: readonly TrainingRow[],
    parameters: Feeds,
    to?: { readonly onto?: readonly Tensor[]; readonly over?: readonly Tensor[] },
  ): Promise<{
    loss: number;
    rows: RowLoss[];
    gradients: Tensor[];
    /** mean KL of the rows with a teacher, nats per token */ kl?: number;
  }>;
  /**
   * What the head takes [supervised tokens, E] in the frozen base (weights in place, all adapters off), for each
   * example. Each one is computed alone: threads round by the size of a batch, and a run that is resumed asks for other
   * examples together.
   */
  teach(examples: readonly TrainingRow['example'][]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

/** Sessions of `compare`, and of `states`. */
const COMPARING = ['teacher', 'probed teacher', 'comparison', 'states'];

/** States of several layers take more memory than losses do. */
const STATES_BATCH = { ...LOSS_BATCH, tokens: LOSS_BATCH.tokens / 4 };

/** Opens a learner; sessions are made when first needed. */
export function openLearner(options: LearnerOptions): Learner {
  const { backend, spec, model, adapters, trainable } = options;
  const limits = options.limits ?? limitsOf(spec, options.weightsAsInputs ?? false, backend.pieces);
  const names = adapters.map((a) => a.name);
  const sessions = new Map<string, Promise<Session>>();
  const open = (name: string, pieces: Pieces, make: () => Promise<Session>): Promise<Session> => {
    const key = JSON.stringify([name, pieces]);
    let session = sessions.get(key);
    if (!session) sessions.set(key, (session = make()));
    return session;
  };
  /** The batch as feeds. */
  const packed = (rows: readonly TrainingRow[], adapterNames: readonly string[]): Packed & { pieces: Pieces } => {
    const cut = cutOf(rows, spec.vocabSize, limits);
    return { ...pack(rows, adapterNames, options.padId, cut), pieces: piecesOf(cut) };
  };
  const graphOptions = {
    spec,
    model,
    adapters,
    weightsAsInputs: options.weightsAsInputs,
    recompute: options.recompute,
    maxSplitOutputs: backend.maxSplitOutputs,
  };
  const place = { folder: weightsFolder(model) };
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

  const teacherSession = (pieces: Pieces, probed = false): Promise<Session> =>
    open(probed ? 'probed teacher' : 'teacher', pieces, () =>
      backend.session(teacherGraph({ spec, model, pieces, probed }), place),
    );

  return {
    async losses(rows, parameters) {
      const losses: RowLoss[] = [];
      for (const batch of inOrder(rows, ({ example }) => example.ids.length, LOSS_BATCH)) {
        const { feeds, rowOf, pieces } = packed(batch, names);
        const session = await open('loss', pieces, () =>
          backend.session(lossGraph({ ...graphOptions, pieces }), place),
        );
        const { nll } = await session.run({ ...parameters, ...feeds }, ['nll']);
        losses.push(...rowLosses(batch, rowOf, await numbers(nll)));
      }
      return losses;
    },
    async compare(rows, parameters, probe) {
      const compared: Comparison[] = [];
      const dims = [probedLayers(spec).length, spec.hidden, 1];
      if (probe && probe.weights.length !== elementsOf(dims))
        throw new HumanError(
          `the vector's probe has ${probe.weights.length} weights, and one of this model has ${elementsOf(dims)}.`,
          { place: RUN_FILES.calibration, remedy: 'Train the vector again.' },
        );
      const weights = probe && { probe_weights: float32(probe.weights, dims) };
      // logits are there twice, and whole where the device computes no pieces
      const most = backend.pieces === 'whole' ? { ...LOSS_BATCH, tokens: LOSS_BATCH.tokens / 2 } : LOSS_BATCH;
      for (const batch of inOrder(rows, ({ example }) => example.ids.length, most)) {
        const { feeds, rowOf, pieces } = packed(batch, names);
        const { hidden, probe: said } = await (await teacherSession(pieces, !!probe)).run({ ...feeds, ...weights });
        const session = await open('comparison', pieces, () =>
          backend.session(comparisonGraph({ ...graphOptions, pieces }), place),
        );
        const out = await session.run({ ...parameters, ...feeds, teacher: hidden });
        const [now, without, kl] = await Promise.all(
          [out.nll, out.base_nll, out.kl].map(async (each) => rowLosses(batch, rowOf, await numbers(each))),
        );
        const probes = said && rowLosses(batch, rowOf, await backend.read(said));
        backend.free([hidden, ...(said ? [said] : [])]);
        batch.forEach((_, i) =>
          compared.push({
            ...{ without: without[i], with: now[i], kl: kl[i].perToken },
            ...(probes && { probe: mean(probes[i].perToken) + probe!.bias }),
          }),
        );
      }
      return compared;
    },
    async states(rows) {
      const size = probedLayers(spec).length * spec.hidden;
      const means = rows.map(() => new Float32Array(size));
      let before = 0;
      for (const batch of inOrder(rows, ({ example }) => example.ids.length, STATES_BATCH)) {
        const { feeds, rowOf, pieces } = packed(batch, []);
        const session = await open('states', pieces, () =>
          backend.session(statesGraph({ spec, model, pieces }), place),
        );
        const { states } = await session.run(feeds);
        const read = await backend.read(states);
        const counts = batch.map(({ example }) => supervised(example.labels).length);
        rowOf.forEach((b, i) => {
          const mean = means[before + b];
          for (let c = 0; c < size; c++) mean[c] += read[i * size + c] / counts[b];
        });
        backend.free([states]);
        before += batch.length;
      }
      return means;
    },
    async endComparison() {
      for (const [key, session] of sessions) {
        if (!COMPARING.includes((JSON.parse(key) as [string])[0])) continue;
        sessions.delete(key);
        await (await session).dispose();
      }
    },
    async gradients(rows, parameters, { onto, over } = {}) {
      const distill = rows.some((row) => row.teacher);
      const { feeds, rowOf, held, pieces } = packed(rows, names);
      // An adapter's gradient is always added, if only to zeros: one graph less to open, for a sum that costs little.
      const sum =
        onto ??
        (options.weightsAsInputs ? undefined : trainable.map((name, i) => zeros(parameters[name].dims, over?.[i])));
      const session = await open(`${distill ? 'distill' : 'gradient'}${sum ? ' sum' : ''}`, pieces, () =>
        backend.session(gradientGraph({ ...graphOptions, distill, pieces, adds: sum !== undefined }, trainable), {
          ...place,
          keep,
        }),
      );
      const named = (name: (input: string) => string, tensors: readonly Tensor[] = []): Feeds =>
        Object.fromEntries(tensors.map((x, i) => [name(trainable[i]), x]));
      const out = await session.run(
        { ...parameters, ...feeds, ...named(sumInput, sum) },
        undefined,
        named(gradientOutput, sum ?? over),
      );
      for (const x of onto ?? []) backend.release(x);
      const kl = out.kl ? (await backend.read(out.kl)).subarray(0, held) : undefined;
      return {
        loss: (await backend.read(out.loss))[0],
        rows: rowLosses(rows, rowOf, await numbers(out.nll)),
        gradients: keep.map((name) => out[name]),
        kl: kl && mean(kl),
      };
    },
    async teach(examples) {
      const taught: Float32Array[] = [];
      for (const example of examples) {
        const { feeds, pieces } = packed([{ example, scales: {}, weight: 0 }], []);
        const { hidden } = await (await teacherSession(pieces)).run(feeds);
        taught.push((await backend.read(hidden)).slice(0, supervised(example.labels).length * embeddingSize(spec)));
      }
      return taught;
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
    },
  };
}
