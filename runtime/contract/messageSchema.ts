import * as z from 'zod';
import { record, text } from './kept.js';

/** As in OpenAI's files. */
const toolCall = record({
  id: text.optional(),
  type: z.literal('function'),
  /** `arguments` is the text of a JSON object. */
  function: record({ name: text, arguments: text }),
});

/** A message of a conversation. */
export const messageSchema = record({
  /** A tool says what a call of it has given. */
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: text,
  /** Of an assistant, never empty: its answer is what stands in `content`, and these. */
  tool_calls: z.array(toolCall).optional(),
  /** Of a tool. */
  tool_call_id: text.optional(),
  name: text.optional(),
});
