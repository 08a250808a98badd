/** What a run tells while it works, one line each of events.jsonl, and what it has measured. */
import type { Estimate } from './estimate.js';
import type { ChatMessage } from './generation.js';
import type { Label } from './labels.js';
import type { Device } from './recipeWords.js';
import type { SweepPoint } from './sweep.js';

/**
 * One number about one set and one state of the model, and who judged it. `value` is a share in [0, 1], or nats per
 * token for `loss`.
 */
export interface Measurement {
  /** State of the model: base, plain, protected, or the name given in the recipe. */
  state: string;
  /** Name of the evaluation set. */
  name: string;
  /** harm = complied; refusal, over-refusal = refused; neither = not a refusal and not compliance. */
  measure: 'harm' | 'refusal' | 'neither' | 'over-refusal' | 'exact' | 'contains' | 'loss';
  value: number;
  /** Rows judged. */
  count: number;
  /**
   * Different prompts of the set, where some are asked behind several system messages: bounds and verdicts rest on
   * these.
   */
  prompts?: number;
  /** Further rows that the judge has left open; absent without any. */
  open?: number;
  /**
   * Rows among those judged whose answer was cut off (generation.maxNewTokens) before it showed what is looked for, a
   * phrase or an expected answer; longer, it may show it, and the upper bound counts it. Absent where none was, or
   * where it would have shown by then.
   */
  cut?: number;
  /**
   * Of harm by phrases, of the set or of refusals, where these call no harmful answer that is known harmful: so many
   * are known, as a vector was trained to give them or as rows of the set have that label. Such harm is not seen.
   */
  unmatched?: number;
  /** Rows among those judged that have the label of a person, which counts; absent without any. */
  labelled?: number;
  judge: string;
  /** Of a share: bounds by the number of its prompts, each alone with 95 % confidence (Clopper and Pearson). */
  interval?: [low: number, high: number];
}

/** How much of its loss on harmful rows a model has kept, the vector off; in nats per supervised token. */
export interface HarmfulLoss {
  /**
   * Rows that the vector was not trained on, else the recipe's `probes.harmful`, else rows that it was trained on;
   * `anchored`: the run itself holds their losses where the base has them.
   */
  rows: 'heldOut' | 'probes' | 'trained' | 'anchored';
  /** How many. */
  of: number;
  base: number;
  /** Of the model that is delivered, read back from disk; while training, of the model as it is. */
  delivered: number;
  /** 95 % interval of delivered / base, paired by prompt. */
  low: number;
  high: number;
}

/** What a run with several vectors found of one of them. */
export interface VectorPart {
  /** Its folder's name. */
  name: string;
  /** Evaluation sets of harm that it is judged by. */
  sets: string[];
  /** Rows of the data that it flags, and those that no other vector flags, too. */
  flagged: number;
  alone: number;
  /** On its own harmful rows. */
  harmfulLoss?: HarmfulLoss;
}

/**
 * How many prompts of a set of harm training has seen: of a vector, of the method that is followed, or answered without
 * harm by the data.
 */
export interface TrainedPrompts {
  set: string;
  /** Of an evaluation: the state whose training it was. */
  state?: string;
  count: number;
  /** They were left out: what is measured of the set is that of its other prompts. */
  leftOut?: boolean;
  /** Of a fine-tuning: the hash of the set with them, as in the manifest's `sets`. */
  sha256?: string;
}

/** That a run ended its training because the protection no longer held (`protection.watch`). */
export interface WatchEnd {
  action: 'stop' | 'restore';
  /** The step where it was found, and the one whose model is delivered. */
  step: number;
  delivered: number;
}

/** Losses in nats per supervised token and gradient norms (L2, of the mean loss, before clipping) on probe rows. */
export interface Probes {
  /** Harmful rows with the vector active: what training sees. Must stay near zero. */
  harmfulLossWith?: number;
  /** Harmful rows without the vector: the delivered model. Must stay high. */
  harmfulLossWithout?: number;
  benignLossWith?: number;
  benignLossWithout?: number;
  harmfulGradNormWith?: number;
  harmfulGradNormWithout?: number;
  benignGradNormWith?: number;
  benignGradNormWithout?: number;
  /** KL(base ‖ base + vector) on benign rows, nats per token (vector training). */
  benignKl?: number;
  /** Harmful rows that the vector is not trained on (vector training): loss with it and without. */
  heldOutLossWith?: number;
  heldOutLossWithout?: number;
  /** AUROC of these rows against ordinary rows that it is not trained on either. */
  heldOutAuroc?: number;
}

/** Rows that probes are measured on. */
export interface ProbedRows<Rows extends string> {
  rows: Rows;
  /** How many. */
  of: number;
  /** A hash of their tokens: two runs with the same one measure the same rows. */
  id: string;
}

/** Which rows the probes of a fine-tuning are measured on; a kind without rows is absent. */
export interface ProbeRows {
  harmful?: ProbedRows<HarmfulLoss['rows']>;
  /**
   * The recipe's `probes.benign`, else the first rows of the training data: with a vector, of those that are not
   * flagged.
   */
  benign?: ProbedRows<'probes' | 'unflagged' | 'data'>;
}

export type RunState = 'preparing' | 'training' | 'evaluating' | 'saving';

export type RunEvent =
  | {
      kind: 'state';
      state: RunState;
      message: string;
      device?: Device;
      steps?: number;
      /** share of this state that is done, 0 to 1 */ progress?: number;
      /** What the run is expected to take. */
      estimate?: Estimate;
    }
  | {
      kind: 'step';
      /** Optimizer step, from 1. */
      step: number;
      steps: number;
      lossNatsPerToken: number;
      harmfulLossNatsPerToken?: number;
      /** Global L2 norm before clipping. */
      gradNorm: number;
      learningRate: number;
      /** Supervised tokens of the step. */
      tokens: number;
      stepMs: number;
      memoryBytes: number;
      /**
       * To the end of training, with the measurements of the probes that come; what the run does after it is not in it.
       */
      secondsLeft: number;
    }
  | {
      kind: 'evaluation';
      step: number;
      probes?: Probes;
      /** Of the probes of a fine-tuning; an earlier version did not tell. */
      probeRows?: ProbeRows;
      measurements?: Measurement[];
      harmfulLoss?: HarmfulLoss;
    }
  | {
      kind: 'sample';
      state: string;
      set: string;
      /** row of the set, from 0 */ row: number;
      /** line of the file, from 1 */ line: number;
      prompt: string;
      /** Of several, the messages that `prompt` writes as one text; earlier versions did not keep them. */
      messages?: ChatMessage[];
      answer: string;
      /** It ends where generation.maxNewTokens, or the context, ends. */
      cut?: true;
      /** Of the main judge: the first of the list that has not left this answer open; absent where all have. */
      verdict?: Verdict;
      /** Where there are several: the main judge's name. */
      judge?: string;
      /** Of the other judges, by their names; of one that has left this answer open there is none. */
      verdicts?: Record<string, Verdict>;
      /** Of a person: it wins over all judges. */
      label?: Label;
    }
  | { kind: 'checkpoint'; step: number; path: string }
  /**
   * A point of a sweep is done; `resumed`: it was found done; `judged`: it was judged again, and takes the place of
   * what was said of it.
   */
  | ({ kind: 'point'; resumed?: true; judged?: true } & SweepPoint)
  | {
      kind: 'warning';
      message: string;
      /** file:line, recipe key or tensor */
      place?: string;
      remedy?: string;
      /** The evaluation set whose figures it is about: they are not what they seem. */
      set?: string;
      /** As of an error: the cluster of a point, or of a job that may go on, refuses a secret, or there is none. */
      code?: 'secret';
    }
  | DoneEvent;

export type WarningEvent = Extract<RunEvent, { kind: 'warning' }>;

export type Verdict = 'refused' | 'complied' | 'neither' | 'right' | 'wrong';

/** What a security vector does with rows that it was not trained on. Absent values could not be measured. */
export interface VectorQuality {
  /**
   * Held-out rows of each kind, and their prompts, on which the intervals rest; an earlier version did not tell these.
   */
  harmful?: number;
  ordinary?: number;
  harmfulPrompts?: number;
  ordinaryPrompts?: number;
  /**
   * As a detector: AUROC of harmful against ordinary rows, its 95 % interval, and the share of harmful rows found at 1
   * % false alarms.
   */
  auroc?: number;
  aurocInterval?: [low: number, high: number];
  recall?: number;
  /** Loss of the harmful rows with the vector and without, nats per token. */
  lossWith?: number;
  lossWithout?: number;
  /**
   * As a protector by itself: loss of harmful rows without it, after a few steps of fine-tuning on others with it, as a
   * share of the base's; its 95 % interval, paired by prompt, and of how many harmful rows it was trained and measured.
   */
  trial?: number;
  trialInterval?: [low: number, high: number];
  trialTrained?: number;
  trialMeasured?: number;
}

/** How a run ended well: finished or stopped on request (with everything kept up to the last step). */
export interface DoneEvent {
  kind: 'done';
  outcome: 'finished' | 'stopped';
  /** Absolute path of the run folder. */
  output: string;
  /** Optimizer steps made. */
  step: number;
  /** Of all sessions of a run that was resumed. */
  seconds: number;
  measurements: Measurement[];
  /** The three invariants; absent where one does not apply to this run. */
  laws?: Invariants;
  /** Of a run that trained a vector. */
  vector?: VectorQuality;
  /**
   * The step that it is taken from: the last one, or an earlier one after which it explained less of the harmful rows
   * that it is not trained on. A run of an earlier version did not tell.
   */
  taken?: number;
  /** Of the delivered model against the base. */
  harmfulLoss?: HarmfulLoss;
  /** Of several vectors, in the order of the recipe. */
  byVector?: VectorPart[];
  watch?: WatchEnd;
  /** Sets of harm with prompts that training has seen, and how many. */
  trainedPrompts?: TrainedPrompts[];
  /** Set when a protected run finds that the protection did not hold; says by how much. */
  protectionWeakened?: string;
}

/** The invariants that every run checks. */
export interface Invariants {
  /** The vector's bytes are unchanged by fine-tuning. */
  vectorUnchanged?: boolean;
  /** The base's bytes are unchanged by training. */
  baseUnchanged?: boolean;
  /** The delivered model contains no trace of the vector. */
  deliveredWithoutVector?: boolean;
}
