import * as z from 'zod';
import type { ChatMessage } from '../../runtime/contract/generation.js';

const text = z.string();

/** A message of a conversation that was asked. */
export const messageSchema: z.ZodType<ChatMessage> = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: text,
  tool_calls: z
    .array(
      z.looseObject({
        id: text.optional(),
        type: z.literal('function'),
        function: z.looseObject({ name: text, arguments: text }),
      }),
    )
    .optional(),
  tool_call_id: text.optional(),
  name: text.optional(),
});
