/** manifest.json of a run folder: what was run, with what, and how it ended. */
import type { ErrorData } from './errors.js';
import type { DoneEvent } from './events.js';
import type { Recipe } from './recipe.js';
import type { JudgeChoice } from './recipeJudges.js';
import { RECIPE_KINDS } from './recipeInputs.js';
import type { Device, Precision } from './recipeWords.js';
import type { SweepValues } from './sweep.js';

/** A judge that is more than the published phrases. */
export interface JudgeFacts {
  name: string;
  /** A classifier: its .onnx file. */
  path?: string;
  /** Of that file, or of the phrases of a recipe, as a JSON array without spaces. */
  sha256?: string;
  /** A language model: the address where it is asked, or "vscode"; its name there; and the SHA-256 of its rubric. */
  at?: string;
  model?: string;
  rubric?: string;
  /** What it was asked, in all. */
  usage?: JudgeUsage;
  /** It is not in the recipe: it judged the kept answers, later. */
  added?: JudgeChoice;
}

/** What a language model was asked. Tokens are those that its server counts; null where it does not. */
export interface JudgeUsage {
  requests: number;
  inputTokens: number | null;
  outputTokens: number | null;
}

export interface SetFacts {
  rows: number;
  sha256: string;
  /** Harmful answers that are known, where none has a phrase of the set: for whoever looks for these later. */
  unmatched?: number;
  /** The file of labels beside the set, as the run began: of how many answers, of this run or others. */
  labels?: { path: string; sha256: string; answers: number };
}

/** manifest.json of a run folder. */
export interface Manifest {
  version: 1;
  kind: Recipe['kind'];
  name: string;
  /** The file that was run, absolute: the paths in recipe.json are relative to it. */
  recipe?: string;
  outcome: 'running' | 'finished' | 'stopped' | 'failed';
  /** For the first time: a run that is resumed keeps it. */
  started: string;
  /** When it was last resumed. */
  resumed?: string;
  ended?: string;
  device?: Device;
  /** How the frozen weights were held, where not as they are. */
  precision?: Precision;
  /** `tokens`: how its tokenizer and chat template write conversations */
  model: { path: string; architecture: string; sha256: string; tokens?: string };
  data: {
    path: string;
    /** Those that are used. */
    rows: number;
    sha256: string;
    /** Where the recipe says "exclude": "reviewed": how many rows it leaves out, and calls fine. */
    review?: { path: string; sha256: string; excluded: number; fine: number };
  }[];
  vectors: { path: string; sha256: string; scale: number }[];
  /** Published method that a fine-tuning follows instead of a protection. */
  baseline?: string;
  /** Evaluation sets by name: the rows that are asked, and a hash of what they say. */
  sets?: Record<string, SetFacts>;
  /** Classifiers and language models that judged answers. */
  judges?: JudgeFacts[];
  /** What the run made, relative to the run folder. */
  result?: { path: string; sha256: string };
  /** Files that the finished run wrote, relative to its folder, with `/`. */
  files?: string[];
  /** Role of the adapter that was made. */
  role?: 'task' | 'security';
  /** Of a point of a sweep, whose folder lies two above: its values, and a hash of all that its result depends on. */
  point?: { values: SweepValues; depends: string };
  done?: DoneEvent;
  error?: ErrorData;
}

/** When a run last began to work: that tells one start from another. */
export const lastStart = ({ started, resumed = started }: Pick<Manifest, 'started' | 'resumed'>): string => resumed;

/** What a run that goes on keeps: its first start, and what its judges took before. */
export const resumedFrom = (
  before: Manifest | undefined,
  { started }: Pick<Manifest, 'started'>,
): Partial<Pick<Manifest, 'started' | 'resumed' | 'judges'>> =>
  before ? { started: before.started, resumed: started, ...(before.judges && { judges: before.judges }) } : {};

const OUTCOMES: readonly unknown[] = ['running', 'finished', 'stopped', 'failed'] satisfies Manifest['outcome'][];
const KINDS: readonly unknown[] = RECIPE_KINDS;

/** Whether a value read from a manifest.json is one that this program wrote, of this version or an earlier one. */
export function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const manifest = value as Partial<Record<keyof Manifest, unknown>>;
  const model = manifest.model as Partial<Record<keyof Manifest['model'], unknown>> | null | undefined;
  return (
    manifest.version === 1 &&
    KINDS.includes(manifest.kind) &&
    OUTCOMES.includes(manifest.outcome) &&
    typeof manifest.started === 'string' &&
    typeof model?.path === 'string' &&
    Array.isArray(manifest.data) &&
    Array.isArray(manifest.vectors)
  );
}
