/** The kinds of recipes: what the rest of the program has to know of each, once. */
import type { Recipe } from './recipe.js';

/** What a run uses an input for. */
export type InputRole =
  | 'model'
  | 'origin'
  | 'data'
  | 'probes'
  | 'vector'
  | 'start'
  | 'adapter'
  | 'set'
  | 'judge'
  | 'recipe';

type RecipeOf<K extends Recipe['kind']> = Extract<Recipe, { kind: K }>;
/** The keys of a recipe that have a text as their value; `*` stands for each entry of a list. */
type TextKey<T> = T extends string
  ? ''
  : T extends readonly (infer Entry)[]
    ? `.*${TextKey<Entry>}`
    : T extends object
      ? { [K in keyof T & string]-?: `.${K}${TextKey<NonNullable<T[K]>>}` }[keyof T & string]
      : never;
type Input<T> = readonly [key: TextKey<T> extends `.${infer Key}` ? Key : never, role: InputRole];

interface Kind<R> {
  /** It takes steps and keeps checkpoints; it owes its invariants, and its verdict is a sentence. */
  readonly trains: boolean;
  /** What an adapter that it makes is for. */
  readonly role?: 'security' | 'task';
  /** Each path of the schema but `output`, in the order in which they are read. */
  readonly inputs: readonly Input<R>[];
}

export const KINDS = {
  vector: {
    trains: true,
    role: 'security',
    inputs: [
      ['model', 'model'],
      ['harmful.file', 'data'],
      ['benign.file', 'data'],
      ['adapter.init', 'start'],
    ],
  },
  finetune: {
    trains: true,
    role: 'task',
    inputs: [
      ['model', 'model'],
      ['data.file', 'data'],
      ['data.mix.file', 'data'],
      ['probes.harmful.file', 'probes'],
      ['probes.benign.file', 'probes'],
      ['vectors.*.adapter', 'vector'],
      ['protection.ordinary.file', 'probes'],
      ['baseline.aligned.file', 'probes'],
      ['baseline.harmful.file', 'probes'],
      ['baseline.unaligned', 'origin'],
      ['baseline.reinforce', 'start'],
      ['adapter.init', 'start'],
      ['evaluate.*.file', 'set'],
      ['judges.*.classifier', 'judge'],
    ],
  },
  evaluate: {
    trains: false,
    inputs: [
      ['model', 'model'],
      ['adapters.*.adapter', 'adapter'],
      ['states.*.model', 'model'],
      ['states.*.adapters.*.adapter', 'adapter'],
      ['evaluate.*.file', 'set'],
      ['judges.*.classifier', 'judge'],
    ],
  },
  sweep: { trains: false, inputs: [['base', 'recipe']] },
} as const satisfies { [K in Recipe['kind']]: Kind<RecipeOf<K>> };

export type TrainingRecipe = Extract<
  Recipe,
  { kind: { [K in keyof typeof KINDS]: (typeof KINDS)[K]['trains'] extends true ? K : never }[keyof typeof KINDS] }
>;

export const isTraining = (recipe: Recipe): recipe is TrainingRecipe => KINDS[recipe.kind].trains;
