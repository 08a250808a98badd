import type { Combined } from '../adapters/algebra.js';
import type { FlatAdapter } from '../adapters/flat.js';
import type { InjectedShift } from '../adapters/inject.js';
import type { Layout } from '../adapters/sites.js';
import type { Context } from '../context/context.js';
import type { BaselineOptions } from '../contract/recipeProtection.js';
import type { ExampleList } from '../data/exampleList.js';
import type { Learner } from '../learner/learner.js';
import type { TrainingRow } from '../learner/packing.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import type { OptimizerState } from '../optim/optimizer.js';

/** What a method can read, opened: what its facts say that it needs is there (contract/baselines.ts). */
export interface MethodInputs {
  readonly options: BaselineOptions;
  readonly context: Context;
  readonly seed: number;
  readonly aligned: ExampleList;
  readonly harmful: ExampleList;
  readonly unaligned?: Pick<ModelFolder, 'tensors' | 'folder'>;
  readonly reinforce?: FlatAdapter;
  /** Of the task adapter; undefined where all weights are trained. */
  readonly layout?: Layout;
}

/** A step of the training as a method sees it. */
export interface Step {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** Factors on the adapters with which the model is delivered. */
  readonly off: Readonly<Record<string, number>>;
}

/** A step before its gradients are clipped. */
export interface GradientStep extends Step {
  readonly state: OptimizerState;
  /** What is trained now, tensor by tensor. */
  readonly p: readonly Float32Array[];
  readonly learner: Learner;
  /** Gradients of Σ weights · loss over rows, by the present parameters. */
  readonly gradientsOf: (rows: readonly TrainingRow[]) => Promise<Float32Array[]>;
}

/** What a method changes of a plain fine-tuning. Without any of it, it is plain. */
export interface Method {
  /** The rows that are trained on. */
  readonly rows?: (data: ExampleList) => ExampleList;
  /** The rows of a step, in micro-batches. `own` are those of the data. */
  readonly step?: (own: TrainingRow[][], at: Step) => TrainingRow[][];
  /** The gradients that the optimizer gets. `own` are those of the step's rows. */
  readonly gradients?: (own: Float32Array[], at: GradientStep) => Promise<Float32Array[]>;
  /** What is added to the model while rows of the data train, and taken away afterwards. */
  readonly during?: { readonly shift: InjectedShift; readonly flat: Float32Array; readonly scale: number };
  /** The adapter that is delivered. */
  readonly delivered?: (trained: Combined) => Promise<Combined>;
  /** A system prompt that belongs to the delivered model. */
  readonly prompt?: string;
  readonly dispose?: () => Promise<void>;
}
