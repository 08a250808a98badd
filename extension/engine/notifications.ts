/** What the engine sends the host unasked. Anything not of this form is dropped; the events around it are kept. */
import { safeParse } from '../../runtime/contract/safeParse.js';
import * as z from 'zod';
import { editorModel } from '../../runtime/contract/recipeJudges.js';
import { eventSchema, type RunEvent } from '../../runtime/contract/events.js';
import type { HostRequests, NotificationName, Notifications } from '../../runtime/contract/protocol.js';
import { scanRowSchema } from '../../runtime/contract/scanRowSchema.js';

const id = z.number();
const text = z.string();
const events = z.array(z.unknown()).transform((all) =>
  all.flatMap((each): RunEvent[] => {
    const { success, data } = safeParse(eventSchema, each);
    return success ? [data] : [];
  }),
);

const NOTIFICATIONS: { [K in NotificationName]: z.ZodType<Notifications[K]> } = {
  events: z.object({ id, events }),
  token: z.object({ id, text }),
  progress: z.object({
    id,
    message: text,
    // JSON writes null for what is not a number.
    fraction: z
      .number()
      .nullish()
      .transform((fraction) => fraction ?? undefined),
  }),
  rows: z.object({ id, rows: z.array(scanRowSchema) }),
  log: z.object({ level: z.enum(['info', 'warn', 'error']), message: text }),
};

/** The notification; undefined for what is none. */
export const notification = <K extends NotificationName>(name: K, sent: unknown): Notifications[K] | undefined =>
  safeParse(NOTIFICATIONS[name], sent).data;

const ASK: z.ZodType<HostRequests['askModel']['params']> = z.object({
  id,
  judge: text,
  model: editorModel,
  most: z.number(),
  system: text,
  user: text,
});

/** What the engine wants asked; undefined for anything else. */
export const askedModel = (sent: unknown): HostRequests['askModel']['params'] | undefined => safeParse(ASK, sent).data;
