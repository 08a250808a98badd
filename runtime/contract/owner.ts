import * as z from 'zod';
import { record, text } from './kept.js';
import { RUN_FILES } from './runFiles.js';

/** owner.json of a run folder, while a process works in it: which one. */
export const ownerSchema = record({
  pid: z.number(),
  host: text,
  /** When the process began, in words of its system: another process of the same id has others. */
  started: text,
  /**
   * Which system's processes `pid` is one of: hosts of one name, as a container and its host, may each have their own.
   */
  system: text.optional(),
  /** When it began to work in the folder, ISO 8601. */
  since: text,
  /** Of this claim alone: no two owners' files are the same. */
  claim: text.optional(),
});
export type RunOwner = z.infer<typeof ownerSchema>;

/**
 * `touchMs`: how often an owner touches the file, also while it waits. `silentMs`: one that cannot be asked, as on
 * another machine, is taken for gone after writing and touching nothing for this long.
 */
export const OWNER = { file: RUN_FILES.owner, touchMs: 60_000, silentMs: 15 * 60_000 } as const;
