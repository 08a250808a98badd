import { HumanError } from '../../support/errors.js';
import { sha256 } from '../../support/files.js';
import { TooSlow } from '../../support/timeLimit.js';
import type { ChatMessage } from '../../contract/generation.js';
import type { Tokenizer } from './tokenizer.js';

/** Upper and lower case, digits, spaces, line ends, letters of several scripts: what tokenizers treat each in its way. */
const QUESTION = 'Hello, WORLD!  12.5 % of it?\n\tCafé – naïve: x_1 = "y"; Ω 你好';
const ANSWER = "It's 3,141. I'd say so.";
const [asked, answered] = [
  { role: 'user', content: QUESTION },
  { role: 'assistant', content: ANSWER },
] as const;
const system = { role: 'system', content: 'Be brief.' } as const;
const TOOLS = '[{"type":"function","function":{"name":"look","description":"Looks.","parameters":{"type":"object"}}}]';

/** With and without a system message, an answer, a second round, tools: templates have a branch for each. */
const CONVERSATIONS: readonly { messages: readonly ChatMessage[]; isAsking?: boolean; tools?: string }[] = [
  { messages: [asked, answered] },
  { messages: [asked, answered, { ...asked, content: ANSWER }, { ...answered, content: QUESTION }] },
  { messages: [system, asked, answered] },
  { messages: [asked], isAsking: true },
  { messages: [system, asked], isAsking: true },
  { messages: [asked], isAsking: true, tools: TOOLS },
];

const known = new WeakMap<Tokenizer, string>();

/**
 * A name for how the tokenizer and its chat template write conversations: what was trained on rows that are written
 * otherwise meets other tokens. The same where files differ that change no token.
 * @returns a SHA-256; undefined without a tokenizer, and where a text takes too long
 */
export function writtenTokens(tokenizer: Tokenizer): string | undefined {
  const { chatTemplate } = tokenizer;
  if (tokenizer.absent) return undefined;
  let name = known.get(tokenizer);
  if (name !== undefined) return name;
  const rendered = ({ messages, isAsking = false, tools }: (typeof CONVERSATIONS)[number]): number[] => {
    const text = chatTemplate?.withTools(tools).render(messages, { addGenerationPrompt: isAsking }) ?? '';
    return tokenizer.encode(text, { addSpecialTokens: false });
  };
  try {
    const tokens = [
      written(() => tokenizer.encode(QUESTION)),
      ...CONVERSATIONS.map((one) => written(() => rendered(one))),
    ];
    known.set(tokenizer, (name = sha256(JSON.stringify(tokens))));
    return name;
  } catch (error) {
    if (error instanceof TooSlow) return undefined;
    throw error;
  }
}

/** Null for what cannot be written, such as two rounds with a template for one. @throws TooSlow */
function written(tokens: () => number[]): number[] | null {
  try {
    return tokens();
  } catch (error) {
    if (error instanceof HumanError && !(error instanceof TooSlow)) return null;
    throw error;
  }
}
