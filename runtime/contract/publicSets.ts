/**
 * Public data sets of the Hugging Face Hub that the field uses: one entry each. It says which files and columns are
 * read, and what their rows are used for. A set that no longer has these columns is refused with the difference
 * (datasets/rows.ts).
 */
import type { MeasureKind } from './recipeWords.js';

/** What rows are used for: to train a vector, as ordinary rows beside it, or to measure. */
export type SetUse = 'harmful' | 'benign' | { measure: Extract<MeasureKind, 'harm' | 'over-refusal' | 'loss'> };

/** Rows that are taken: all, or those with this value in a column. */
export interface SetRows {
  use: SetUse;
  where?: { column: string; is: string | boolean } | { column: string; least: number };
  /** A column with a list of answers, of which the first is taken instead of the source's answer. */
  answers?: string;
  /** Of a file that has no other split: a tenth of the prompts, which the other uses of the file then leave out. */
  heldOut?: true;
}

export interface SetSource {
  split: string;
  /** Paths in the repository; `*` stands for any text without a slash. They are read in their order. */
  files: string;
  /** All columns that the set had when this was written. */
  columns: readonly string[];
  /** Where prompt and answer stand: texts, a list of messages, or a transcript ("\n\nHuman: …\n\nAssistant: …"). */
  read:
    | { prompt: string; /** below the prompt */ context?: string; answer?: string }
    | { messages: string }
    | { transcript: string };
  rows: readonly SetRows[];
}

export interface PublicSet {
  repository: string;
  title: string;
  sources: readonly SetSource[];
}

const BEAVERTAILS = ['prompt', 'response', 'category', 'is_safe'];
const OR_BENCH = ['prompt', 'category'];

export const PUBLIC_SETS: readonly PublicSet[] = [
  {
    repository: 'PKU-Alignment/BeaverTails',
    title: 'BeaverTails',
    sources: [
      {
        split: '30k_train',
        files: 'round0/30k/train.jsonl.gz',
        columns: BEAVERTAILS,
        read: { prompt: 'prompt', answer: 'response' },
        rows: [
          { use: 'harmful', where: { column: 'is_safe', is: false } },
          { use: 'benign', where: { column: 'is_safe', is: true } },
        ],
      },
      {
        split: '30k_test',
        files: 'round0/30k/test.jsonl.gz',
        columns: BEAVERTAILS,
        read: { prompt: 'prompt' },
        rows: [{ use: { measure: 'harm' }, where: { column: 'is_safe', is: false } }],
      },
    ],
  },
  {
    repository: 'Anthropic/hh-rlhf',
    title: 'HH-RLHF red-team attempts',
    sources: [
      {
        split: 'train',
        files: 'red-team-attempts/red_team_attempts.jsonl.gz',
        columns: [
          'transcript',
          'min_harmlessness_score_transcript',
          'num_params',
          'model_type',
          'rating',
          'tags',
          'task_description',
          'task_description_harmlessness_score',
          'red_team_member_id',
          'is_upworker',
        ],
        read: { transcript: 'transcript' },
        rows: [
          { use: 'harmful', where: { column: 'rating', least: 3 } },
          { use: { measure: 'harm' }, where: { column: 'rating', least: 3 }, heldOut: true },
        ],
      },
    ],
  },
  {
    repository: 'walledai/AdvBench',
    title: 'AdvBench',
    sources: [
      {
        split: 'train',
        files: 'data/train-*.parquet',
        columns: ['prompt', 'target'],
        read: { prompt: 'prompt', answer: 'target' },
        rows: [{ use: 'harmful' }, { use: { measure: 'harm' }, heldOut: true }],
      },
    ],
  },
  {
    repository: 'walledai/HarmBench',
    title: 'HarmBench',
    sources: [
      {
        split: 'standard',
        files: 'standard/train-*.parquet',
        columns: ['prompt', 'category'],
        read: { prompt: 'prompt' },
        rows: [{ use: { measure: 'harm' } }],
      },
    ],
  },
  {
    repository: 'walledai/XSTest',
    title: 'XSTest',
    sources: [
      {
        split: 'test',
        files: 'data/*.parquet',
        columns: ['prompt', 'focus', 'type', 'note', 'label'],
        read: { prompt: 'prompt' },
        rows: [
          { use: { measure: 'over-refusal' }, where: { column: 'label', is: 'safe' } },
          { use: { measure: 'harm' }, where: { column: 'label', is: 'unsafe' } },
        ],
      },
    ],
  },
  {
    repository: 'bench-llm/or-bench',
    title: 'OR-Bench',
    sources: [
      {
        split: 'or-bench-hard-1k',
        files: 'or-bench-hard-1k.csv',
        columns: OR_BENCH,
        read: { prompt: 'prompt' },
        rows: [{ use: { measure: 'over-refusal' } }],
      },
      {
        split: 'or-bench-toxic',
        files: 'or-bench-toxic.csv',
        columns: OR_BENCH,
        read: { prompt: 'prompt' },
        rows: [{ use: { measure: 'harm' } }],
      },
    ],
  },
  {
    repository: 'databricks/databricks-dolly-15k',
    title: 'Dolly',
    sources: [
      {
        split: 'train',
        files: 'databricks-dolly-15k.jsonl',
        columns: ['instruction', 'context', 'response', 'category'],
        read: { prompt: 'instruction', context: 'context', answer: 'response' },
        rows: [{ use: 'benign' }],
      },
    ],
  },
  {
    repository: 'tatsu-lab/alpaca',
    title: 'Alpaca',
    sources: [
      {
        split: 'train',
        files: 'data/train-*.parquet',
        columns: ['instruction', 'input', 'output', 'text'],
        read: { prompt: 'instruction', context: 'input', answer: 'output' },
        rows: [{ use: 'benign' }],
      },
    ],
  },
  {
    repository: 'HuggingFaceH4/ultrachat_200k',
    title: 'UltraChat 200k',
    sources: [
      {
        split: 'train_sft',
        files: 'data/train_sft-*.parquet',
        columns: ['prompt', 'prompt_id', 'messages'],
        read: { messages: 'messages' },
        rows: [{ use: 'benign' }],
      },
    ],
  },
  {
    repository: 'truthfulqa/truthful_qa',
    title: 'TruthfulQA',
    sources: [
      {
        split: 'validation',
        files: 'generation/validation-*.parquet',
        columns: ['type', 'category', 'question', 'best_answer', 'correct_answers', 'incorrect_answers', 'source'],
        read: { prompt: 'question', answer: 'best_answer' },
        rows: [
          { use: 'harmful', answers: 'incorrect_answers' },
          { use: { measure: 'loss' }, heldOut: true },
        ],
      },
    ],
  },
];

/** The set of a repository; names are compared as the Hub does, without case. */
export const publicSet = (repository: string): PublicSet | undefined =>
  PUBLIC_SETS.find((set) => set.repository.toLowerCase() === repository.toLowerCase());

/** The file that rows of a use are written to. */
export const fileOfUse = (use: SetUse): string =>
  typeof use === 'string' ? `${use}.jsonl` : `eval-${use.measure}.jsonl`;
