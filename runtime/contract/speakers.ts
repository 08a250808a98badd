import type { ChatMessage } from './generation.js';

/** Calls as LLaMA-Factory's files have them: the turn is the text of a call, or of a list of calls. */
export const CALLING = 'function_call';

const SPEAKERS: Record<string, ChatMessage['role']> = {
  human: 'user',
  user: 'user',
  prompter: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  [CALLING]: 'assistant',
  system: 'system',
  tool: 'tool',
  function: 'tool',
  observation: 'tool',
};

/** Who speaks a turn of a data file, by the names of ShareGPT and its kin; undefined of others. */
export const speakerOf = (name: unknown): ChatMessage['role'] | undefined =>
  typeof name === 'string' && Object.hasOwn(SPEAKERS, name) ? SPEAKERS[name] : undefined;
