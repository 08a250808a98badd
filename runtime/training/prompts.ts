import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { firstOf, type ExampleList } from '../data/exampleList.js';
import type { Generator } from '../evaluation/generate.js';
import { writeFileAtomic } from '../files.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ChatMessage } from '../protocol.js';

/** A prompt the vector was trained on. */
export interface VectorPrompt {
  /** The conversation before the answer, or the text of the prompt. */
  messages?: ChatMessage[];
  prompt?: string;
  /** What the vector was trained to say. */
  harmful: string;
  /** What the base model says: what anchors hold. */
  base: string;
}

/** Prompts kept with a vector; an anchor uses a few per step. */
const MOST_PROMPTS = 64;
const LONGEST_ANSWER = 48;
const BATCH = 16;

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

/** Reads prompts.jsonl of a vector's run folder; undefined where there is none. */
export async function readPrompts(file: string): Promise<VectorPrompt[] | undefined> {
  if (!existsSync(file)) return undefined;
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as VectorPrompt);
}
