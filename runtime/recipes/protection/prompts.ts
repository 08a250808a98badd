import { existsSync } from 'node:fs';
import { variedRows } from '../../data/byPrompt.js';
import { beforeAnswer } from '../../data/conversation.js';
import { matching, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { readRows } from '../../data/rows.js';
import { InvalidRow } from '../../data/invalidRow.js';
import { readContent } from '../../data/schemas.js';
import { chat } from '../../data/turns.js';
import { HumanError } from '../../support/errors.js';
import type { Split } from '../training/heldOut.js';
import type { Answer } from '../../evaluation/inference/batch.js';
import type { Generator } from '../../evaluation/inference/generate.js';
import { writeFileAtomic } from '../../support/files.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import type { ChatMessage } from '../../contract/generation.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import type { Job } from '../training/job.js';

/** A prompt of a vector's rows, with the base model's own answer. */
interface AskedPrompt {
  /** The conversation before the answer, or the text of the prompt. */
  messages?: ChatMessage[];
  prompt?: string;
  /** What the conversation may call, as the text of a list of JSON. */
  tools?: string;
  /** What the base model says: what anchors hold. */
  base: string;
}

/** Of a harmful row. */
export interface VectorPrompt extends AskedPrompt {
  ordinary?: undefined;
  /** What the vector was trained to say. */
  harmful: string;
  /** The same as a message, where it calls tools. */
  said?: ChatMessage;
  /** The vector was not trained on it. */
  heldOut?: boolean;
}

/** Of a row on which the vector was trained to change nothing. */
export interface OrdinaryPrompt extends AskedPrompt {
  ordinary: true;
}

/** A line of prompts.jsonl. */
export type KeptPrompt = VectorPrompt | OrdinaryPrompt;

/**
 * Prompts of each kind, trained on and held out, that are kept with a vector, of more a sample; an anchor uses a few
 * per step.
 */
export const MAX_PROMPTS = 64;
/** Of the ordinary ones. */
export const MAX_ORDINARY = 32;
export const MAX_ANSWER_TOKENS = 48;
export const PROMPTS_AT_ONCE = 16;

/**
 * Has the base model answer the vector's own prompts and writes them as prompts.jsonl: trained ones first, ordinary
 * ones last.
 */
export async function writePrompts(
  file: string,
  { trained, held, ordinary = [] }: Split & { readonly ordinary?: ExampleList },
  base: Pick<Generator, 'answers'>,
  tokenizer: Tokenizer,
  { signal, progress }: Pick<Job<VectorRecipe>, 'signal' | 'progress'>,
): Promise<void> {
  /** A row that begins with its answer asks nothing, whatever the template writes before it. */
  const asks = ({ prompt, promptIds }: Example): boolean => promptIds.length > 0 && prompt?.length !== 0;
  const kept = (rows: ExampleList, most: number): Example[] => variedRows(matching(rows, asks), most);
  const chosen = [
    ...kept(trained, MAX_PROMPTS).map((example) => ({ example, kind: 'trained' })),
    ...kept(held, MAX_PROMPTS).map((example) => ({ example, kind: 'held' })),
    ...kept(ordinary, MAX_ORDINARY).map((example) => ({ example, kind: 'ordinary' })),
  ];
  const template = tokenizer.chatTemplate;
  /**
   * As its answer is held (ownRows.ts), also where the row's own has a thought: behind what the template writes before
   * an answer.
   */
  const asked = ({ prompt, promptText, promptIds, opened, tools }: Example): number[] =>
    (prompt && !opened && template && beforeAnswer(prompt, promptText, tokenizer, template.withTools(tools))) ||
    promptIds;
  const answers: Answer[] = [];
  /** An answer that ends early has all of its tokens. */
  let tokens = 0;
  const add = (more: number): void =>
    progress("the base answers the vector's prompts", (tokens += more) / (chosen.length * MAX_ANSWER_TOKENS));
  for await (const { index, answer } of base.answers(
    chosen.map(({ example }) => asked(example)),
    { maxNewTokens: MAX_ANSWER_TOKENS, temperature: 0, topP: 1, rows: PROMPTS_AT_ONCE },
    { signal, onToken: () => add(1) },
  )) {
    answers[index] = answer;
    add(MAX_ANSWER_TOKENS - answer.ids.length);
  }
  const lines = chosen.map(({ example: e, kind }, i) => {
    const asked = {
      ...(e.prompt ? { messages: e.prompt } : { prompt: e.promptText }),
      ...(e.tools !== undefined && { tools: e.tools }),
    };
    const said = { harmful: e.answer, ...(e.said && { said: e.said }) };
    const base = tokenizer.decode(answers[i].ids, { skipSpecialTokens: true });
    const prompt: KeptPrompt =
      kind === 'ordinary'
        ? { ...asked, base, ordinary: true }
        : { ...asked, ...said, base, ...(kind === 'held' && { heldOut: true }) };
    return JSON.stringify(prompt);
  });
  await writeFileAtomic(file, lines.map((line) => `${line}\n`).join(''));
}

/**
 * Reads prompts.jsonl of a vector's run folder; undefined where there is none.
 * @throws HumanError with file and line: a vector may come from somebody else
 */
export async function readPrompts(file: string): Promise<KeptPrompt[] | undefined> {
  if (!existsSync(file)) return undefined;
  const prompts: KeptPrompt[] = [];
  const counts = { harmful: 0, ordinary: 0 };
  for await (const raw of readRows(file)) {
    const place = `${file}:${raw.line}`;
    const wrong = (reason: string): HumanError =>
      new HumanError(`this is not a vector's prompt: ${reason}.`, { place, remedy: 'Train or copy the vector again.' });
    if ('reason' in raw) throw wrong(raw.reason);
    const { harmful, base, heldOut = false, ordinary = false, said: calls, ...asked } = raw.value;
    if (typeof ordinary !== 'boolean') throw wrong('"ordinary" must be true or false');
    const [kind, most] = ordinary ? (['ordinary', MAX_ORDINARY] as const) : (['harmful', 2 * MAX_PROMPTS] as const);
    if (++counts[kind] > most) throw wrong(`there are more than ${most} ${kind} ones`);
    if (typeof base !== 'string') throw wrong('"base" must be a text');
    if (ordinary ? harmful !== undefined : typeof harmful !== 'string')
      throw wrong('"harmful" must be a text, and an ordinary prompt has none');
    if (typeof heldOut !== 'boolean') throw wrong('"heldOut" must be true or false');
    try {
      const content = readContent(asked, asked.messages === undefined ? 'completion' : 'messages');
      const said = calls === undefined ? undefined : chat([calls], 'said').messages[0];
      if (content.kind !== 'chat' && content.kind !== 'completion') continue;
      const question =
        content.kind === 'chat'
          ? { messages: content.messages, ...(content.tools !== undefined && { tools: content.tools }) }
          : { prompt: content.prompt };
      const answer = { harmful: harmful as string, ...(said && content.kind === 'chat' && { said }) };
      prompts.push(
        ordinary ? { ...question, base, ordinary } : { ...question, ...answer, base, ...(heldOut && { heldOut }) },
      );
    } catch (error) {
      throw error instanceof InvalidRow ? wrong(error.message) : error;
    }
  }
  return prompts;
}
