import { HumanError } from '../../support/errors.js';
import { sha256 } from '../../support/files.js';
import type { Tokenizer } from './tokenizer.js';

/** Upper and lower case, digits, spaces, line ends, letters of several scripts: what tokenizers treat each in its way. */
const QUESTION = 'Hello, WORLD!  12.5 % of it?\n\tCafé – naïve: x_1 = "y"; Ω 你好';
const ANSWER = "It's 3,141. I'd say so.";
const CONVERSATION = [
  { role: 'user', content: QUESTION },
  { role: 'assistant', content: ANSWER },
  { role: 'user', content: ANSWER },
  { role: 'assistant', content: QUESTION },
] as const;

const known = new WeakMap<Tokenizer, string | undefined>();

/**
 * A name for how the tokenizer and its chat template write a conversation: what was trained on rows that are written
 * otherwise meets other tokens. The same where files differ that change no token.
 * @returns a SHA-256; undefined without a tokenizer
 */
export function writtenTokens(tokenizer: Tokenizer): string | undefined {
  if (tokenizer.absent) return undefined;
  if (!known.has(tokenizer)) {
    const tokens = [
      written(() => tokenizer.encode(QUESTION)),
      written(() => {
        const text = tokenizer.chatTemplate?.render(CONVERSATION, { addGenerationPrompt: false }) ?? '';
        return tokenizer.encode(text, { addSpecialTokens: false });
      }),
    ];
    known.set(tokenizer, sha256(JSON.stringify(tokens)));
  }
  return known.get(tokenizer);
}

/** Null for what cannot be written, such as two rounds with a template for one. */
function written(tokens: () => number[]): number[] | null {
  try {
    return tokens();
  } catch (error) {
    if (error instanceof HumanError) return null;
    throw error;
  }
}
