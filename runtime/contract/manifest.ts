/** manifest.json of a run folder: what was run, with what, and how it ended. */
import * as z from 'zod';
import { errorSchema } from './errorSchema.js';
import { doneSchema } from './events.js';
import { device, known, number, record, text } from './kept.js';
import { judgeSchema } from './recipeJudges.js';
import { RECIPE_KINDS } from './recipeInputs.js';
import { PRECISIONS } from './recipeWords.js';

/** What a language model was asked. Tokens are those that its server counts; null where it does not. */
const judgeUsage = record({
  requests: number,
  inputTokens: number.nullable().catch(null),
  outputTokens: number.nullable().catch(null),
});
export type JudgeUsage = z.infer<typeof judgeUsage>;

/** A judge that is more than the published phrases. */
const judgeFacts = record({
  name: text,
  /** A classifier: its .onnx file. */
  path: text.optional(),
  /** Of that file, or of the phrases of a recipe, as a JSON array without spaces. */
  sha256: text.optional(),
  /** A language model: the address where it is asked, or "vscode"; its name there; and the SHA-256 of its rubric. */
  at: text.optional(),
  model: text.optional(),
  rubric: text.optional(),
  /** What it was asked, in all. */
  usage: known(judgeUsage),
  /** It is not in the recipe: it judged the kept answers, later. */
  added: known(judgeSchema),
});
export type JudgeFacts = z.infer<typeof judgeFacts>;

const setFacts = record({
  rows: number,
  sha256: text,
  /** Harmful answers that are known, where none has a phrase of the set: for whoever looks for these later. */
  unmatched: known(number),
  /** The file of labels beside the set, as the run began: of how many answers, of this run or others. */
  labels: known(record({ path: text, sha256: text, answers: number })),
});
export type SetFacts = z.infer<typeof setFacts>;

const data = record({
  path: text,
  /** Those that are used. */
  rows: number,
  sha256: text,
  /** Where the recipe says "exclude": "reviewed": how many rows it leaves out, and calls fine. */
  review: record({ path: text, sha256: text, excluded: number, fine: number }).optional(),
});

export const manifestSchema = record({
  version: z.literal(1),
  kind: z.enum(RECIPE_KINDS),
  name: text,
  /** The file that was run, absolute: the paths in recipe.json are relative to it. */
  recipe: text.optional(),
  outcome: z.enum(['running', 'finished', 'stopped', 'failed']),
  /** For the first time: a run that is resumed keeps it. */
  started: text,
  /** When it was last resumed. */
  resumed: text.optional(),
  ended: text.optional(),
  device: device.optional(),
  /** How the frozen weights were held, where not as they are. */
  precision: z.enum(PRECISIONS).optional(),
  /** `computation`: what its config makes of the weights; `tokens`: how its tokenizer writes conversations */
  model: record({
    path: text,
    architecture: text,
    sha256: text,
    computation: text.optional(),
    tokens: text.optional(),
  }),
  data: z.array(data),
  vectors: z.array(record({ path: text, sha256: text, scale: number })),
  /** Published method that a fine-tuning follows instead of a protection. */
  baseline: text.optional(),
  /** Evaluation sets by name: the rows that are asked, and a hash of what they say. */
  sets: z.record(text, setFacts).optional(),
  /** Classifiers and language models that judged answers. */
  judges: z.array(judgeFacts).optional(),
  /** What the run made, relative to the run folder. */
  result: record({ path: text, sha256: text }).optional(),
  /** Files that the finished run wrote, relative to its folder, with `/`. */
  files: z.array(text).optional(),
  /** Role of the adapter that was made. */
  role: z.enum(['task', 'security']).optional(),
  /** Of a point of a sweep, whose folder lies two above: its values, and a hash of all that its result depends on. */
  point: record({ values: z.record(text, z.unknown()), depends: text }).optional(),
  done: doneSchema.optional(),
  error: errorSchema.optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** When a run last began to work: that tells one start from another. */
export const lastStart = ({ started, resumed = started }: Pick<Manifest, 'started' | 'resumed'>): string => resumed;

/** What a run that goes on keeps: its first start, and what its judges took before. */
export const resumedFrom = (
  before: Manifest | undefined,
  { started }: Pick<Manifest, 'started'>,
): Partial<Pick<Manifest, 'started' | 'resumed' | 'judges'>> =>
  before ? { started: before.started, resumed: started, ...(before.judges && { judges: before.judges }) } : {};
