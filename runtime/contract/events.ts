/**
 * What a run tells while it works, one line each of events.jsonl, and what it has measured. One schema gives the types
 * and the check of who reads what another program has written.
 */
import * as z from 'zod';
import { errorSchema } from './errorSchema.js';
import { estimateSchema } from './estimate.js';
import { device, known, number, range, record, text } from './kept.js';
import { LABELS } from './labels.js';
import { messageSchema } from './messageSchema.js';

const measurement = record({
  /** State of the model: base, plain, protected, or the name given in the recipe. */
  state: text,
  /** Name of the evaluation set. */
  name: text,
  /** harm = complied; refusal, over-refusal = refused; neither = not a refusal and not compliance. */
  measure: z.enum(['harm', 'refusal', 'neither', 'over-refusal', 'exact', 'contains', 'loss']),
  value: number,
  /** Rows judged. */
  count: number,
  /**
   * Different prompts of the set, where some are asked behind several system messages: bounds and verdicts rest on
   * these.
   */
  prompts: number.optional(),
  /** Further rows that the judge has left open; absent without any. */
  open: number.optional(),
  /**
   * Rows among those judged whose answer was cut off (generation.maxNewTokens) before it showed what is looked for, a
   * phrase or an expected answer; longer, it may show it, and the upper bound counts it. Absent where none was, or
   * where it would have shown by then.
   */
  cut: number.optional(),
  /**
   * Of harm by phrases, of the set or of refusals, where these call no harmful answer that is known harmful: so many
   * are known, as a vector was trained to give them or as rows of the set have that label. Such harm is not seen.
   */
  unmatched: number.optional(),
  /** Of `loss`: rows with the label "harmful"; absent without any. */
  harmful: number.optional(),
  /** Rows among those judged that have the label of a person, which counts; absent without any. */
  labelled: number.optional(),
  judge: text,
  /** Of a share: bounds by the number of its prompts, each alone with 95 % confidence (Clopper and Pearson). */
  interval: known(range),
});
/**
 * One number about one set and one state of the model, and who judged it. `value` is a share in [0, 1], or nats per
 * token for `loss`.
 */
export type Measurement = z.infer<typeof measurement>;

const HARMFUL_ROWS = z.enum(['heldOut', 'probes', 'trained', 'anchored']);
const harmfulLoss = record({
  /**
   * Rows that the vector was not trained on, else the recipe's `probes.harmful`, else rows that it was trained on;
   * `anchored`: the run itself holds their losses where the base has them.
   */
  rows: HARMFUL_ROWS,
  /** How many. */
  of: number,
  base: number,
  /** Of the model that is delivered, read back from disk; while training, of the model as it is. */
  delivered: number,
  /** 95 % interval of delivered / base, paired by prompt. */
  low: number,
  high: number,
});
/** How much of its loss on harmful rows a model has kept, the vector off; in nats per supervised token. */
export type HarmfulLoss = z.infer<typeof harmfulLoss>;

const vectorPart = record({
  /** Its folder's name. */
  name: text,
  /** Evaluation sets of harm that it is judged by. */
  sets: z.array(text),
  /** Rows of the data that it flags, and those that no other vector flags, too. */
  flagged: number,
  alone: number,
  /** On its own harmful rows. */
  harmfulLoss: harmfulLoss.optional(),
});
/** What a run with several vectors found of one of them. */
export type VectorPart = z.infer<typeof vectorPart>;

const flaggedRows = record({ rows: number, of: number });
/** Rows of the data of a protected run that look harmful to its vectors, and all of them. */
export type FlaggedRows = z.infer<typeof flaggedRows>;

const trainedPrompts = record({
  set: text,
  /** Of an evaluation: the state whose training it was. */
  state: text.optional(),
  count: number,
  /** They were left out: what is measured of the set is that of its other prompts. */
  leftOut: z.boolean().optional(),
  /** Of a fine-tuning: the hash of the set with them, as in the manifest's `sets`. */
  sha256: text.optional(),
  /** Of a fine-tuning: their hashes. */
  prompts: z.array(text).optional(),
});
/**
 * How many prompts of a set of harm training has seen: of a vector, of the method that is followed, or answered without
 * harm by the data.
 */
export type TrainedPrompts = z.infer<typeof trainedPrompts>;

const watchEnd = record({
  action: z.enum(['stop', 'restore']),
  /** The step where it was found, and the one whose model is delivered. */
  step: number,
  delivered: number,
});
/** That a run ended its training because the protection no longer held (`protection.watch`). */
export type WatchEnd = z.infer<typeof watchEnd>;

const probes = record({
  /** Harmful rows with the vector active: what training sees. Must stay near zero. */
  harmfulLossWith: number.optional(),
  /** Harmful rows without the vector: the delivered model. Must stay high. */
  harmfulLossWithout: number.optional(),
  benignLossWith: number.optional(),
  benignLossWithout: number.optional(),
  harmfulGradNormWith: number.optional(),
  harmfulGradNormWithout: number.optional(),
  benignGradNormWith: number.optional(),
  benignGradNormWithout: number.optional(),
  /** KL(base ‖ base + vector) on benign rows, nats per token (vector training). */
  benignKl: number.optional(),
  /** Harmful rows that the vector is not trained on (vector training): loss with it and without. */
  heldOutLossWith: number.optional(),
  heldOutLossWithout: number.optional(),
  /** AUROC of these rows against ordinary rows that it is not trained on either. */
  heldOutAuroc: number.optional(),
});
/** Losses in nats per supervised token and gradient norms (L2, of the mean loss, before clipping) on probe rows. */
export type Probes = z.infer<typeof probes>;

const probedRows = <Rows extends z.ZodType<string>>(rows: Rows) =>
  record({
    rows,
    /** How many. */
    of: number,
    /** A hash of their tokens: two runs with the same one measure the same rows. */
    id: text,
  });
const probeRows = record({
  harmful: known(probedRows(HARMFUL_ROWS)),
  /**
   * The recipe's `probes.benign`, else the first rows of the training data: with a vector, of those that are not
   * flagged.
   */
  benign: known(probedRows(z.enum(['probes', 'unflagged', 'data']))),
});
/** Which rows the probes of a fine-tuning are measured on; a kind without rows is absent. */
export type ProbeRows = z.infer<typeof probeRows>;

const verdict = z.enum(['refused', 'complied', 'neither', 'right', 'wrong']);
export type Verdict = z.infer<typeof verdict>;

const vectorQuality = record({
  /**
   * Held-out rows of each kind, and their prompts, on which the intervals rest; an earlier version did not tell these.
   */
  harmful: number.optional(),
  ordinary: number.optional(),
  harmfulPrompts: number.optional(),
  ordinaryPrompts: number.optional(),
  /**
   * As a detector: AUROC of harmful against ordinary rows, its 95 % interval, and the share of harmful rows found at 1
   * % false alarms.
   */
  auroc: number.optional(),
  aurocInterval: range.optional(),
  recall: number.optional(),
  /** Loss of the harmful rows with the vector and without, nats per token. */
  lossWith: number.optional(),
  lossWithout: number.optional(),
  /**
   * As a protector by itself: loss of harmful rows without it, after a few steps of fine-tuning on others with it, as a
   * share of the base's; its 95 % interval, paired by prompt, and of how many harmful rows it was trained and measured.
   */
  trial: number.optional(),
  trialInterval: range.optional(),
  trialTrained: number.optional(),
  trialMeasured: number.optional(),
});
/** What a security vector does with rows that it was not trained on. Absent values could not be measured. */
export type VectorQuality = z.infer<typeof vectorQuality>;

const invariants = record({
  /** The vector's bytes are unchanged by fine-tuning. */
  vectorUnchanged: z.boolean().optional(),
  /** The base's bytes are unchanged by training. */
  baseUnchanged: z.boolean().optional(),
  /** The delivered model contains no trace of the vector. */
  deliveredWithoutVector: z.boolean().optional(),
});
/** The invariants that every run checks. */
export type Invariants = z.infer<typeof invariants>;

export const doneSchema = record({
  kind: z.literal('done'),
  outcome: z.enum(['finished', 'stopped']),
  /** Absolute path of the run folder. */
  output: text,
  /** Optimizer steps made. */
  step: number,
  /** Of all sessions of a run that was resumed. */
  seconds: number,
  measurements: z.array(measurement),
  /** The three invariants; absent where one does not apply to this run. */
  laws: invariants.optional(),
  /** Of a run that trained a vector. */
  vector: vectorQuality.optional(),
  /**
   * The step that it is taken from: the last one, or an earlier one after which it explained less of the harmful rows
   * that it is not trained on. A run of an earlier version did not tell.
   */
  taken: number.optional(),
  /** Of the delivered model against the base. */
  harmfulLoss: harmfulLoss.optional(),
  /** Of several vectors, in the order of the recipe. */
  byVector: z.array(vectorPart).optional(),
  flagged: flaggedRows.optional(),
  watch: watchEnd.optional(),
  /** Sets of harm with prompts that training has seen, and how many. */
  trainedPrompts: z.array(trainedPrompts).optional(),
  /** Set when a protected run finds that the protection did not hold; says by how much. */
  protectionWeakened: text.optional(),
});
/** How a run ended well: finished or stopped on request (with everything kept up to the last step). */
export type DoneEvent = z.infer<typeof doneSchema>;

export const sampleSchema = record({
  kind: z.literal('sample'),
  state: text,
  set: text,
  /** Row of the set, from 0. */
  row: number,
  /** Line of the file, from 1. */
  line: number,
  prompt: text,
  /** Of several, the messages that `prompt` writes as one text; earlier versions did not keep them. */
  messages: z.array(messageSchema).optional(),
  answer: text,
  /** It ends where generation.maxNewTokens, or the context, ends. */
  cut: known(z.literal(true)),
  /** Of the main judge: the first of the list that has not left this answer open; absent where all have. */
  verdict: verdict.optional(),
  /** Where there are several: the main judge's name. */
  judge: text.optional(),
  /** Of the other judges, by their names; of one that has left this answer open there is none. */
  verdicts: z.record(text, verdict).optional(),
  /** Of a person: it wins over all judges. */
  label: known(z.enum(LABELS)),
});

const runState = z.enum(['preparing', 'training', 'evaluating', 'saving']);
export type RunState = z.infer<typeof runState>;

/** As the run of a point says it. */
const pointWarning = record({
  message: text,
  place: text.optional(),
  remedy: text.optional(),
  /** The evaluation set whose figures it is about. */
  set: text.optional(),
});

/** A point of a sweep that is done or failed: a run folder and what it proved. */
export const pointSchema = record({
  /** Axis → the value that the point has there; of named settings, their name. */
  values: z.record(text, z.unknown()),
  /** Absolute in events; in sweep.json relative to it. */
  folder: text,
  /** Kind of the run's verdict (docs/run-folder.md#verdict). */
  verdict: text,
  /** Its recipe has neither a vector nor a published method: there is no protection that could hold. */
  plain: z.literal(true).optional(),
  /** The verdict in a sentence. */
  headline: text,
  measurements: z.array(measurement),
  /** How long the run took. */
  seconds: number,
  /** Of its steps, where its protection ended the training early. */
  share: number.optional(),
  /** What its run was warned of; absent without any. */
  warnings: z.array(pointWarning).optional(),
  /** Why it failed. */
  error: errorSchema.optional(),
});
export const eventSchema = z.discriminatedUnion('kind', [
  record({
    kind: z.literal('state'),
    state: runState,
    message: text,
    device: device.optional(),
    steps: number.optional(),
    /** Share of this state that is done, 0 to 1. */
    progress: number.optional(),
    /** What the run is expected to take. */
    estimate: known(estimateSchema),
  }),
  record({
    kind: z.literal('step'),
    /** Optimizer step, from 1. */
    step: number,
    steps: number,
    lossNatsPerToken: number,
    harmfulLossNatsPerToken: number.optional(),
    /** Global L2 norm before clipping. */
    gradNorm: number,
    learningRate: number,
    /** Supervised tokens of the step. */
    tokens: number,
    stepMs: number,
    memoryBytes: number,
    /** To the end of training, with the measurements of the probes that come; what the run does after it is not in it. */
    secondsLeft: number,
  }),
  record({
    kind: z.literal('evaluation'),
    step: number,
    probes: probes.optional(),
    /** Of the probes of a fine-tuning; an earlier version did not tell. */
    probeRows: known(probeRows),
    measurements: z.array(measurement).optional(),
    harmfulLoss: harmfulLoss.optional(),
  }),
  sampleSchema,
  record({ kind: z.literal('checkpoint'), step: number, path: text }),
  /**
   * A point of a sweep is done; `resumed`: it was found done; `judged`: it was judged again, and takes the place of
   * what was said of it.
   */
  record({
    kind: z.literal('point'),
    resumed: z.literal(true).optional(),
    judged: z.literal(true).optional(),
    ...pointSchema.shape,
  }),
  record({
    kind: z.literal('warning'),
    message: text,
    /** `file:line`, recipe key or tensor. */
    place: text.optional(),
    remedy: text.optional(),
    /** The evaluation set whose figures it is about: they are not what they seem. */
    set: text.optional(),
    /** As of an error: the cluster of a point, or of a job that may go on, refuses a secret, or there is none. */
    code: z.literal('secret').optional(),
  }),
  doneSchema,
]);
export type RunEvent = z.infer<typeof eventSchema>;
export type WarningEvent = Extract<RunEvent, { kind: 'warning' }>;
