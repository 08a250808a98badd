import { existsSync } from 'node:fs';
import { z } from 'zod';
import { firstOf, type ExampleList } from '../data/exampleList.js';
import type { Generator } from '../evaluation/generate.js';
import { HumanError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { parseJsonObject, readText } from '../jsonFile.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ChatMessage } from '../protocol.js';

const text = z.string();
const message: z.ZodType<ChatMessage> = z.object({ role: z.enum(['system', 'user', 'assistant']), content: text });
const answers = {
  /** What the vector was trained to say. */
  harmful: text,
  /** What the base model says: what anchors hold. */
  base: text,
};
/** A prompt the vector was trained on: the conversation before the answer, or the text of the prompt. */
const vectorPrompt = z.union([
  z.object({ messages: z.array(message), ...answers }),
  z.object({ prompt: text, ...answers }),
]);
export type VectorPrompt = z.infer<typeof vectorPrompt>;

/** Prompts kept with a vector; an anchor uses a few per step. */
const MOST_PROMPTS = 64;
const LONGEST_ANSWER = 48;
const BATCH = 16;
/** Of the file: some hundred prompts of the longest context. */
const LARGEST = 2 ** 26;

/** Lets the base model answer the vector's own prompts and writes them as prompts.jsonl. */
export async function writePrompts(
  file: string,
  examples: ExampleList,
  base: Generator,
  tokenizer: Tokenizer,
  signal: AbortSignal,
): Promise<void> {
  const chosen = firstOf(examples, MOST_PROMPTS, (e) => e.promptIds.length > 0);
  const lines: string[] = [];
  for (let at = 0; at < chosen.length; at += BATCH) {
    const batch = chosen.slice(at, at + BATCH);
    const answers = await base.generate(
      batch.map((e) => e.promptIds),
      { maxNewTokens: LONGEST_ANSWER, temperature: 0, topP: 1 },
      { signal },
    );
    batch.forEach((e, i) => {
      const prompt: VectorPrompt = {
        ...(e.prompt ? { messages: e.prompt } : { prompt: e.promptText }),
        harmful: e.answer,
        base: tokenizer.decode(answers[i]!.ids, { skipSpecialTokens: true }),
      };
      lines.push(JSON.stringify(prompt));
    });
  }
  await writeFileAtomic(file, lines.map((line) => `${line}\n`).join(''));
}

/**
 * Reads prompts.jsonl of a vector's run folder; undefined where there is none.
 * @throws HumanError with the line of what is no prompt
 */
export async function readPrompts(file: string): Promise<VectorPrompt[] | undefined> {
  if (!existsSync(file)) return undefined;
  return (await readText(file, LARGEST)).split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const place = `${file}:${i + 1}`;
    const { success, data } = vectorPrompt.safeParse(parseJsonObject(line, place));
    if (success) return [data];
    throw new HumanError('this is no prompt of a vector: it needs "messages" or "prompt", "harmful" and "base".', {
      place,
      remedy: 'Copy prompts.jsonl from the run folder that trained the vector.',
    });
  });
}
