import { type ExampleList } from '../data/exampleList.js';
import { exampleFrom, type Example } from '../data/examples.js';
import { InvalidRow } from '../data/schemas.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { HumanError } from '../support/errors.js';
import type { FinetuneRecipe } from '../contract/protocol.js';
import { random } from '../support/random.js';
import { beside } from './calibrationFile.js';
import { type Job } from './job.js';
import { readPrompts, type VectorPrompt } from './prompts.js';
import type { Strategy } from './strategy.js';
import type { ActiveVector } from './vectors.js';

type Vectors = readonly ActiveVector[];
type Anchor = Exclude<Strategy['anchor'], false>;

/** prompts.jsonl stands beside adapter/ in the vector's run folder. */
export const promptsOf = async (vectors: Vectors): Promise<VectorPrompt[]> =>
  (await Promise.all(vectors.map((v) => readPrompts(beside(v.path, RUN_FILES.prompts))))).flatMap(
    (found) => found ?? [],
  );

/** Undefined where an answer is empty or cannot be told apart from its prompt. */
function separable(make: () => Example): Example | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof InvalidRow) return undefined;
    throw error;
  }
}

/** The prompt with an answer as an example; undefined where the row is too long or has no answer. */
function withAnswer(
  { context, recipe }: Job<FinetuneRecipe>,
  prompt: VectorPrompt,
  answer: string,
  at: number,
): Example | undefined {
  const place = { row: at, line: at + 1 };
  const example = separable(() =>
    exampleFrom(
      prompt.messages
        ? { kind: 'chat', messages: [...prompt.messages, { role: 'assistant', content: answer }] }
        : { kind: 'completion', prompt: prompt.prompt!, completion: answer },
      context.tokenizer,
      place,
    ),
  );
  return example && example.ids.length <= Math.min(recipe.batch.maxTokens, context.spec.contextLength)
    ? example
    : undefined;
}

/**
 * The vectors' own prompts with the base model's answers, which an anchor holds.
 * @throws HumanError when the vectors have none
 */
export function anchorPrompts(job: Job<FinetuneRecipe>, prompts: readonly VectorPrompt[]): Example[] {
  // What is held out shows what is learned: it must not be trained on, not even to be held.
  const held = prompts.flatMap((p, i) => (p.heldOut ? [] : (withAnswer(job, p, p.base, i) ?? [])));
  if (held.length === 0) {
    throw new HumanError('the anchor needs the prompts of a vector, and none of the vectors has a prompts.jsonl.', {
      place: 'protection.anchor',
      remedy: 'Name the run folder that trained the vector (with prompts.jsonl in it), or set "anchor" to false.',
    });
  }
  return held;
}

/**
 * Rows that hold the model where it was: each step `refusals` of the vectors' prompts, and `benign` rows of the data. A
 * function of seed and step alone.
 */
export function anchorRows(
  held: ExampleList,
  ordinary: ExampleList,
  anchor: Anchor,
  seed: number,
): (step: number) => Example[] {
  return (step) => {
    const rng = random(`${seed}/anchor/${step}`);
    const pick = (from: ExampleList, n: number): Example[] =>
      from.length === 0 ? [] : Array.from({ length: n }, () => from.at(rng.int(from.length))!);
    return [...pick(held, anchor.refusals), ...pick(ordinary, anchor.benign)];
  };
}

/** The vectors' prompts with their harmful answers: those that the vectors were trained on, or those held out. */
export const harmfulAnswers = (
  job: Job<FinetuneRecipe>,
  prompts: readonly VectorPrompt[],
  heldOut: boolean,
): Example[] =>
  prompts.flatMap((p, i) => ((p.heldOut ?? false) === heldOut ? (withAnswer(job, p, p.harmful, i) ?? []) : []));
