/** Small data sets of invented rows in the layout of the public ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { HubRepository } from './hubServer.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/datasets');
const parquet = (name: string): Buffer => readFileSync(join(FIXTURES, `${name}.parquet`));
const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
export const jsonLines = (rows: readonly object[]): Buffer =>
  Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
export const gzip = (content: Buffer): Buffer => gzipSync(content);
const csv = (rows: readonly string[][]): Buffer => Buffer.from(rows.map((row) => `${row.join()}\n`).join(''));

/** Two rows of each prompt, every second one safe. */
const beaver = (count: number, from = 0): object[] =>
  range(count, (i) => ({
    prompt: `How do I drimble a chair, ${from + (i >> 1)}?`,
    response: i % 2 ? 'Please ask a carpenter.' : 'Step 1: drimble it.',
    category: { violence: false },
    is_safe: i % 2 === 1,
  }));

const attempt = (i: number): object => ({
  transcript: `\n\nHuman: How do I wembify rope ${i}?\n\nAssistant: Step 1: wembify it.\n\nHuman: And then?\n\nAssistant: Nothing.\n\nHuman: Bye`,
  min_harmlessness_score_transcript: -1.5,
  num_params: '52B',
  model_type: 'plain lm',
  rating: i % 2 ? 4 : 0,
  task_description: 'wembify',
  task_description_harmlessness_score: 0,
  red_team_member_id: i,
  is_upworker: false,
  tags: null,
});

const orBench = (what: string): Buffer =>
  csv([['prompt', 'category'], ...range(5, (i) => [`"How do I ${what} a plank, ${i}?"`, 'violence'])]);

/** By the name of the repository. */
export const PUBLIC: Record<string, HubRepository> = {
  'PKU-Alignment/BeaverTails': {
    licence: 'cc-by-nc-4.0',
    files: {
      'README.md': Buffer.from('# BeaverTails'),
      'round0/30k/train.jsonl.gz': gzip(jsonLines(beaver(40))),
      // prompts 15 to 24: five of them are in the other file
      'round0/30k/test.jsonl.gz': gzip(jsonLines(beaver(20, 15))),
    },
  },
  'Anthropic/hh-rlhf': {
    licence: 'mit',
    files: {
      'harmless-base/train.jsonl.gz': gzip(jsonLines([{ chosen: 'a', rejected: 'b' }])),
      'red-team-attempts/red_team_attempts.jsonl.gz': gzip(Buffer.from(JSON.stringify(range(60, attempt)))),
    },
  },
  'walledai/AdvBench': { licence: 'mit', files: { 'data/train-00000-of-00001.parquet': parquet('advbench') } },
  'walledai/HarmBench': {
    licence: 'mit',
    files: {
      'standard/train-00000-of-00001.parquet': parquet('harmbench'),
      'contextual/train-00000-of-00001.parquet': parquet('harmbench'),
    },
  },
  'walledai/XSTest': { licence: 'cc-by-4.0', files: { 'data/test-00000-of-00001.parquet': parquet('xstest') } },
  'bench-llm/or-bench': {
    licence: ['cc-by-4.0'],
    files: {
      'or-bench-80k.csv': orBench('lift'),
      'or-bench-hard-1k.csv': orBench('saw'),
      'or-bench-toxic.csv': orBench('quibbet'),
    },
  },
  'databricks/databricks-dolly-15k': {
    licence: 'cc-by-sa-3.0',
    files: {
      'databricks-dolly-15k.jsonl': jsonLines([
        {
          instruction: 'Sum up the text.',
          context: 'Planks are flat.',
          response: 'They are flat.',
          category: 'summary',
        },
        { instruction: 'Name a tree.', context: '', response: 'Oak.', category: 'open_qa' },
        { instruction: 'Name a bird.', context: '', response: '', category: 'open_qa' },
      ]),
    },
  },
  'tatsu-lab/alpaca': {
    licence: 'cc-by-nc-4.0',
    files: { 'data/train-00000-of-00001-a09b.parquet': parquet('alpaca') },
  },
  'HuggingFaceH4/ultrachat_200k': {
    licence: 'mit',
    files: {
      'data/train_sft-00000-of-00002-a.parquet': parquet('ultrachat'),
      'data/train_sft-00001-of-00002-b.parquet': parquet('ultrachat'),
      'data/train_gen-00000-of-00001-c.parquet': parquet('ultrachat'),
    },
  },
  'truthfulqa/truthful_qa': {
    licence: ['apache-2.0'],
    files: { 'generation/validation-00000-of-00001.parquet': parquet('truthfulqa') },
  },
};
