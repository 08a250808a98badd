/**
 * What the host needs of the files of a run folder, key by key; keys that it does not know are kept as they are. Every
 * kind of event, every key and every word that the contract names has to be here: one that is forgotten does not
 * compile.
 */
import * as z from 'zod';
import { judgeSchema } from '../../runtime/contract/recipeJudges.js';
import type { BrokenRows, Estimate, MemoryParts, Remedy } from '../../runtime/contract/estimate.js';
import { LABELS } from '../../runtime/contract/labels.js';
import { RECIPE_KINDS } from '../../runtime/contract/recipeInputs.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type {
  DoneEvent,
  HarmfulLoss,
  Invariants,
  Measurement,
  ProbedRows,
  ProbeRows,
  Probes,
  RunEvent,
  RunState,
  TrainedPrompts,
  VectorPart,
  VectorQuality,
  Verdict,
  WatchEnd,
} from '../../runtime/contract/events.js';
import type { JudgeFacts, JudgeUsage, Manifest } from '../../runtime/contract/manifest.js';
import type { RunOwner } from '../../runtime/contract/owner.js';
import type { Device, Precision } from '../../runtime/contract/recipeWords.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { messageSchema } from './messageSchema.js';
import { flag, number, oneOf, text, type Shape } from './shapes.js';

type EventOf<K extends RunEvent['kind']> = Extract<RunEvent, { kind: K }>;

const measurement = z.looseObject({
  state: text,
  name: text,
  measure: oneOf<Measurement['measure']>({
    harm: true,
    refusal: true,
    neither: true,
    'over-refusal': true,
    exact: true,
    contains: true,
    loss: true,
  }),
  value: number,
  count: number,
  prompts: number.optional(),
  open: number.optional(),
  cut: number.optional(),
  unmatched: number.optional(),
  labelled: number.optional(),
  judge: text,
  interval: z.tuple([number, number]).optional().catch(undefined),
} satisfies Shape<Measurement>);
const probes = z.looseObject({
  harmfulLossWith: number.optional(),
  harmfulLossWithout: number.optional(),
  benignLossWith: number.optional(),
  benignLossWithout: number.optional(),
  harmfulGradNormWith: number.optional(),
  harmfulGradNormWithout: number.optional(),
  benignGradNormWith: number.optional(),
  benignGradNormWithout: number.optional(),
  benignKl: number.optional(),
  heldOutLossWith: number.optional(),
  heldOutLossWithout: number.optional(),
  heldOutAuroc: number.optional(),
} satisfies Shape<Probes>);
const harmfulLoss = z
  .looseObject({
    rows: oneOf<HarmfulLoss['rows']>({ heldOut: true, probes: true, trained: true, anchored: true }),
    of: number,
    base: number,
    delivered: number,
    low: number,
    high: number,
  } satisfies Shape<HarmfulLoss>)
  .optional();
/** Of an unknown word nothing is known. */
const probedRows = <Rows extends string>(words: Record<Rows, true>) =>
  z
    .looseObject({ rows: oneOf(words), of: number, id: text } satisfies Shape<ProbedRows<Rows>>)
    .optional()
    .catch(undefined);
const probeRows = z
  .looseObject({
    harmful: probedRows({ heldOut: true, probes: true, trained: true, anchored: true }),
    benign: probedRows({ probes: true, unflagged: true, data: true }),
  } satisfies Shape<ProbeRows>)
  .optional()
  .catch(undefined);
const watch = z
  .looseObject({
    action: oneOf<WatchEnd['action']>({ stop: true, restore: true }),
    step: number,
    delivered: number,
  } satisfies Shape<WatchEnd>)
  .optional();
const device = oneOf<Device>({ cpu: true, webgpu: true, cuda: true, dml: true });
const error = z.looseObject({
  kind: oneOf<ErrorData['kind']>({ input: true, failed: true, internal: true }),
  message: text,
  place: text.optional(),
  remedy: text.optional(),
  code: oneOf<NonNullable<ErrorData['code']>>({
    exists: true,
    crashed: true,
    columns: true,
    secret: true,
    away: true,
    token: true,
    restart: true,
    setting: true,
  })
    .optional()
    .catch(undefined),
  stack: text.optional(),
} satisfies Shape<ErrorData>);
const done = z.looseObject({
  kind: z.literal('done'),
  outcome: oneOf<DoneEvent['outcome']>({ finished: true, stopped: true }),
  output: text,
  step: number,
  seconds: number,
  measurements: z.array(measurement),
  laws: z
    .looseObject({
      vectorUnchanged: flag,
      baseUnchanged: flag,
      deliveredWithoutVector: flag,
    } satisfies Shape<Invariants>)
    .optional(),
  harmfulLoss,
  byVector: z
    .array(
      z.looseObject({
        name: text,
        sets: z.array(text),
        flagged: number,
        alone: number,
        harmfulLoss,
      } satisfies Shape<VectorPart>),
    )
    .optional(),
  watch,
  trainedPrompts: z
    .array(
      z.looseObject({
        set: text,
        state: text.optional(),
        count: number,
        leftOut: z.boolean().optional(),
        sha256: text.optional(),
      } satisfies Shape<TrainedPrompts>),
    )
    .optional(),
  vector: z
    .looseObject({
      harmful: number.optional(),
      ordinary: number.optional(),
      harmfulPrompts: number.optional(),
      ordinaryPrompts: number.optional(),
      auroc: number.optional(),
      aurocInterval: z.tuple([number, number]).optional(),
      recall: number.optional(),
      lossWith: number.optional(),
      lossWithout: number.optional(),
      trial: number.optional(),
      trialInterval: z.tuple([number, number]).optional(),
      trialTrained: number.optional(),
      trialMeasured: number.optional(),
    } satisfies Shape<VectorQuality>)
    .optional(),
  taken: number.optional(),
  protectionWeakened: text.optional(),
} satisfies Shape<DoneEvent>);
const verdict = oneOf<Verdict>({ refused: true, complied: true, neither: true, right: true, wrong: true });

const range = z.tuple([number, number]);
const estimate = z.looseObject({
  memory: z.looseObject({
    weights: number,
    adapters: number,
    moments: number,
    activations: number,
    logits: number,
    program: number,
  } satisfies Shape<MemoryParts>),
  peakBytes: range,
  limitBytes: number,
  fits: z.boolean(),
  remedy: z
    .looseObject({
      key: text,
      value: text,
      leavesOut: z
        .looseObject({ rows: number.optional() } satisfies Shape<NonNullable<Remedy['leavesOut']>>)
        .optional(),
    } satisfies Shape<Remedy>)
    .optional(),
  gpu: z.literal(true).optional(),
  recompute: z.literal(true).optional(),
  steps: number,
  extrapolated: z.literal(true).optional(),
  stepSeconds: range,
  seconds: range,
  usefulTokens: number,
  measured: z.boolean(),
  points: number.optional(),
  harmPrompts: number.optional(),
  broken: z
    .array(
      z.looseObject({
        ...{ file: text, rows: number, line: number, reason: text, read: number.optional() },
      } satisfies Shape<BrokenRows>),
    )
    .optional(),
} satisfies Shape<Estimate>);

const EVENTS = {
  state: z.looseObject({
    kind: z.literal('state'),
    state: oneOf<RunState>({ preparing: true, training: true, evaluating: true, saving: true }),
    message: text,
    device: device.optional(),
    steps: number.optional(),
    progress: number.optional(),
    estimate: estimate.optional().catch(undefined),
  } satisfies Shape<EventOf<'state'>>),
  step: z.looseObject({
    kind: z.literal('step'),
    step: number,
    steps: number,
    lossNatsPerToken: number,
    harmfulLossNatsPerToken: number.optional(),
    gradNorm: number,
    learningRate: number,
    tokens: number,
    stepMs: number,
    memoryBytes: number,
    secondsLeft: number,
  } satisfies Shape<EventOf<'step'>>),
  evaluation: z.looseObject({
    kind: z.literal('evaluation'),
    step: number,
    probes: probes.optional(),
    probeRows,
    measurements: z.array(measurement).optional(),
    harmfulLoss,
  } satisfies Shape<EventOf<'evaluation'>>),
  sample: z.looseObject({
    kind: z.literal('sample'),
    state: text,
    set: text,
    row: number,
    line: number,
    prompt: text,
    messages: z.array(messageSchema).optional(),
    answer: text,
    cut: z.literal(true).optional().catch(undefined),
    verdict: verdict.optional(),
    judge: text.optional(),
    verdicts: z.record(text, verdict).optional(),
    label: z.enum(LABELS).optional().catch(undefined),
  } satisfies Shape<EventOf<'sample'>>),
  checkpoint: z.looseObject({
    kind: z.literal('checkpoint'),
    step: number,
    path: text,
  } satisfies Shape<EventOf<'checkpoint'>>),
  point: z.looseObject({
    kind: z.literal('point'),
    resumed: z.literal(true).optional(),
    judged: z.literal(true).optional(),
    values: z.record(text, z.unknown()),
    folder: text,
    verdict: text,
    plain: z.literal(true).optional(),
    headline: text,
    measurements: z.array(measurement),
    seconds: number,
    share: number.optional(),
    warnings: z
      .array(z.looseObject({ message: text, place: text.optional(), remedy: text.optional(), set: text.optional() }))
      .optional(),
    error: error.optional(),
  } satisfies Shape<EventOf<'point'>>),
  warning: z.looseObject({
    kind: z.literal('warning'),
    message: text,
    place: text.optional(),
    remedy: text.optional(),
    set: text.optional(),
    code: z.literal('secret').optional(),
  } satisfies Shape<EventOf<'warning'>>),
  done,
} satisfies { [K in RunEvent['kind']]: z.ZodType<EventOf<K>> };

export const SAMPLE = EVENTS.sample;
const { state, ...others } = EVENTS;
export const EVENT: z.ZodType<RunEvent> = z.discriminatedUnion('kind', [state, ...Object.values(others)]);

/** A row of a scan. Losses of tokens, which are only in the files of runs, are dropped. */
export const SCAN_ROW: z.ZodType<ScanRow> = z.object({
  row: z.number(),
  line: z.number(),
  lines: z.number().optional(),
  hash: text.optional(),
  explained: number,
  span: number,
  choice: number.optional(),
  p: number.optional(),
  pHarmful: number.optional(),
  kl: number.optional(),
  pUnchanged: number.optional(),
  flagged: z.boolean(),
  related: z.literal(true).optional(),
  label: oneOf<NonNullable<ScanRow['label']>>({ harmful: true, benign: true }).optional(),
  unjudged: oneOf<NonNullable<ScanRow['unjudged']>>({ known: true, short: true }).optional(),
  tokens: number,
  lossWithout: number,
  lossWith: number,
  spans: z.array(z.tuple([z.number(), z.number()])).optional(),
  pOutside: number.optional(),
  inserted: z.literal(true).optional(),
  answers: z.array(z.number()).optional(),
  parts: z.array(text).optional(),
  turn: z.number().optional(),
  rest: text.optional(),
} satisfies Shape<Omit<ScanRow, 'losses' | 'vector' | 'byVector'>>);

const count = number.nullable().catch(null);
const judge = z.looseObject({
  name: text,
  path: text.optional(),
  sha256: text.optional(),
  at: text.optional(),
  model: text.optional(),
  rubric: text.optional(),
  usage: z
    .looseObject({ requests: number, inputTokens: count, outputTokens: count } satisfies Shape<JudgeUsage>)
    .optional()
    .catch(undefined),
  added: judgeSchema.optional().catch(undefined),
} satisfies Shape<JudgeFacts>);

export const MANIFEST: z.ZodType<Manifest> = z.looseObject({
  version: z.literal(1),
  kind: z.enum(RECIPE_KINDS),
  name: text,
  recipe: text.optional(),
  outcome: oneOf<Manifest['outcome']>({ running: true, finished: true, stopped: true, failed: true }),
  started: text,
  resumed: text.optional(),
  ended: text.optional(),
  device: device.optional(),
  precision: oneOf<Precision>({ float32: true, int8: true, int4: true }).optional(),
  model: z.looseObject({
    path: text,
    architecture: text,
    sha256: text,
    tokens: text.optional(),
  } satisfies Shape<Manifest['model']>),
  data: z.array(
    z.looseObject({
      path: text,
      rows: number,
      sha256: text,
      review: z.looseObject({ path: text, sha256: text, excluded: number, fine: number }).optional(),
    } satisfies Shape<Manifest['data'][number]>),
  ),
  vectors: z.array(z.looseObject({ path: text, sha256: text, scale: number })),
  baseline: text.optional(),
  sets: z.record(text, z.looseObject({ rows: number, sha256: text })).optional(),
  judges: z.array(judge).optional(),
  result: z.looseObject({ path: text, sha256: text }).optional(),
  files: z.array(text).optional(),
  role: oneOf<NonNullable<Manifest['role']>>({ task: true, security: true }).optional(),
  point: z.looseObject({ values: z.record(text, z.unknown()), depends: text }).optional(),
  done: done.optional(),
  error: error.optional(),
} satisfies Shape<Manifest>);

export const OWNER_OF_RUN: z.ZodType<RunOwner> = z.looseObject({
  pid: z.number(),
  host: text,
  started: text,
  system: text.optional(),
  since: text,
  claim: text.optional(),
} satisfies Shape<RunOwner>);
