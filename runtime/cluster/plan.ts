/**
 * What a job is told (job/train.py): rows as tokens, and for each step which rows, which adapters act on them, and
 * their weights. The engine plans as if it trained itself, so that order, anchors and routing are its own.
 */
import type { Learner } from '../learner/learner.js';
import type { TrainingRow } from '../learner/packing.js';
import { tokenCount } from '../learner/rows.js';
import type { OptimizerOptions } from '../contract/recipeTraining.js';
import { sha256 } from '../support/files.js';
import { Lines } from './lines.js';

type Tokens = TrainingRow['example'];
type Scales = TrainingRow['scales'];

/**
 * Rows whose losses the job reports: of the set, or of each token; with the norm of the gradient of their mean loss.
 */
export interface Measure {
  readonly examples: Iterable<Tokens>;
  readonly scales: Scales;
  readonly tokens?: boolean;
  readonly gradient?: boolean;
  /** KL(base ‖ model) of each token instead of its loss. */
  readonly taught?: boolean;
  /** Of each token its loss in the base, then of each its loss, then of each KL(base ‖ model). */
  readonly compared?: boolean;
}

export interface Stage {
  /** The adapter that is trained; all others are frozen. */
  readonly trains: string;
  readonly steps: number;
  readonly rate: (step: number) => number;
  readonly rows: (step: number) => Promise<TrainingRow[][]>;
  /** Of rows that are learned: those that an anchor holds are of other files, and have their numbers. */
  readonly isHarmful?: (row: TrainingRow) => boolean;
  readonly optimizer: Pick<OptimizerOptions, 'betas' | 'epsilon' | 'weightDecay' | 'clipNorm'>;
  readonly measures: Readonly<Record<string, Measure>>;
  readonly measureEvery: number;
  /** Ends the stage when the loss of the step's harmful rows, and of these, is below it. */
  readonly goal?: { readonly loss: number; readonly examples: readonly Tokens[]; readonly scales: Scales };
}

/** Of a row whose losses are held where they were; 1: by KL(base ‖ model), 0: they are lowered. */
const HELD = 2;
/** Of a row that is measured in the base and in the model. */
const COMPARED = 3;
/** Of a row that is held loosely (distillation.ts). */
const LOOSE = 4;

/** A learner whose teachers are marks: the job asks its own base model. */
export const planner = (learner: Learner): Learner => ({
  ...learner,
  teach: (examples) => Promise.resolve(examples.map(() => new Float32Array(0))),
});

/** Collects the rows and kinds of a plan, each once. */
export class Plan {
  readonly #rows = new Lines();
  /** Number of a row by the hash of its line. */
  readonly #known = new Map<string, number>();
  readonly #kinds = new Map<string, number>();
  readonly #files = new Map<string, Lines>();

  /** @param at losses of its supervised tokens, at which they are held */
  row({ ids, labels }: Tokens, at?: readonly number[]): number {
    const line = JSON.stringify({ ids, labels, at });
    return placed(this.#known, sha256(line), () => this.#rows.add(line));
  }

  kind(scales: Scales): number {
    return placed(this.#kinds, JSON.stringify(scales));
  }

  measures(measures: Readonly<Record<string, Measure>>): Record<string, object> {
    const each = ({
      examples,
      scales,
      tokens = false,
      gradient = false,
      taught = false,
      compared = false,
    }: Measure): object => {
      const rows = Array.from(examples, (example) => this.row(example));
      const supervised = tokenCount(examples);
      return {
        rows,
        kind: this.kind(scales),
        tokens,
        gradient,
        teach: compared ? COMPARED : Number(taught),
        weight: 1 / Math.max(1, supervised),
      };
    };
    return Object.fromEntries(
      Object.entries(measures).flatMap(([name, measure]) => {
        const written = each(measure) as { rows: number[] };
        return written.rows.length > 0 ? [[name, written]] : [];
      }),
    );
  }

  /** A stage as job.json names it; its steps are a file of their own. */
  async stage({
    trains,
    steps,
    rate,
    rows,
    isHarmful,
    optimizer,
    measures,
    measureEvery,
    goal,
  }: Stage): Promise<object> {
    const lines = new Lines();
    for (let step = 1; step <= steps; step++) {
      const all = (await rows(step)).flat();
      const written = all.map((row) => [
        this.row(row.example, row.heldAt),
        this.kind(row.scales),
        row.weight,
        row.heldAt ? HELD : row.loose ? LOOSE : Number(row.teacher !== undefined),
        Number(!row.heldAt && (isHarmful?.(row) ?? false)),
      ]);
      lines.add(JSON.stringify({ rate: rate(step), rows: written }));
    }
    const file = `steps-${this.#files.size}.jsonl`;
    this.#files.set(file, lines);
    const { betas, epsilon, weightDecay, clipNorm } = optimizer;
    return {
      trains,
      steps: file,
      optimizer: { betas, epsilon, weightDecay, clipNorm },
      measures: this.measures(measures),
      measureEvery,
      ...(goal && {
        goal: {
          loss: goal.loss,
          kind: this.kind(goal.scales),
          rows: goal.examples.map((example) => this.row(example)),
        },
      }),
    };
  }

  /** Files of the package, name → bytes, beside job.json. */
  files(): Map<string, Buffer> {
    return new Map([...this.#files, ['rows.jsonl', this.#rows] as const].map(([name, lines]) => [name, lines.bytes()]));
  }

  /** Adapter → factor, by kind. */
  get scales(): Scales[] {
    return [...this.#kinds.keys()].map((key) => JSON.parse(key) as Scales);
  }
}

function placed(known: Map<string, number>, key: string, onNew = (): void => undefined): number {
  const found = known.get(key);
  if (found !== undefined) return found;
  onNew();
  known.set(key, known.size);
  return known.size - 1;
}
