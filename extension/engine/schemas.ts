/** What the host needs of the files of a run folder, key by key; keys that it does not know are kept as they are. */
import { z } from 'zod';
import type {
  DoneEvent,
  ErrorData,
  Manifest,
  Measurement,
  RunEvent,
  RunOwner,
} from '../../runtime/contract/protocol.js';

/** JSON has no NaN and no infinity: they are written as null. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const text = z.string();
const hashed = z.looseObject({ path: text, sha256: text });
const measurement: z.ZodType<Measurement> = z.looseObject({
  state: text,
  name: text,
  measure: z.enum(['harm', 'refusal', 'neither', 'over-refusal', 'exact', 'contains', 'loss']),
  value: number,
  count: number,
  judge: text,
});
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
});
const device = z.enum(['cpu', 'webgpu']);
const error: z.ZodType<ErrorData> = z.looseObject({
  kind: z.enum(['input', 'failed', 'internal']),
  message: text,
  place: text.optional(),
  remedy: text.optional(),
  stack: text.optional(),
});
const done = z.looseObject({
  kind: z.literal('done'),
  outcome: z.enum(['finished', 'stopped']),
  output: text,
  step: number,
  seconds: number,
  measurements: z.array(measurement),
  laws: z
    .looseObject({
      vectorUnchanged: z.boolean().optional(),
      baseUnchanged: z.boolean().optional(),
      deliveredWithoutVector: z.boolean().optional(),
    })
    .optional(),
  protectionWeakened: text.optional(),
}) satisfies z.ZodType<DoneEvent>;
const verdict = z.enum(['refused', 'complied', 'neither', 'right', 'wrong']);

export const SAMPLE = z.looseObject({
  kind: z.literal('sample'),
  state: text,
  set: text,
  row: number,
  line: number,
  prompt: text,
  answer: text,
  verdict,
  verdicts: z.record(text, verdict).optional(),
}) satisfies z.ZodType<RunEvent>;

export const EVENT: z.ZodType<RunEvent> = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.literal('state'),
    state: z.enum(['preparing', 'training', 'evaluating', 'saving']),
    message: text,
    device: device.optional(),
    steps: number.optional(),
    progress: number.optional(),
  }),
  z.looseObject({
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
  }),
  z.looseObject({
    kind: z.literal('evaluation'),
    step: number,
    probes: probes.optional(),
    measurements: z.array(measurement).optional(),
  }),
  SAMPLE,
  z.looseObject({ kind: z.literal('checkpoint'), step: number, path: text }),
  z.looseObject({ kind: z.literal('warning'), message: text, place: text.optional(), remedy: text.optional() }),
  done,
]);

export const MANIFEST: z.ZodType<Manifest> = z.looseObject({
  version: z.literal(1),
  kind: z.enum(['vector', 'finetune', 'evaluate']),
  name: text,
  recipe: text.optional(),
  outcome: z.enum(['running', 'finished', 'stopped', 'failed']),
  started: text,
  ended: text.optional(),
  device: device.optional(),
  model: z.looseObject({ path: text, architecture: text, sha256: text }),
  data: z.array(z.looseObject({ path: text, rows: number, sha256: text })),
  vectors: z.array(z.looseObject({ path: text, sha256: text, scale: number })),
  judges: z.array(z.looseObject({ name: text, path: text, sha256: text })).optional(),
  result: hashed.optional(),
  role: z.enum(['task', 'security']).optional(),
  done: done.optional(),
  error: error.optional(),
});

export const OWNER_OF_RUN: z.ZodType<RunOwner> = z.looseObject({
  pid: z.number(),
  host: text,
  started: text,
  since: text,
});
