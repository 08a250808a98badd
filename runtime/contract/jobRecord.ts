/**
 * cluster.json: the jobs of a run on its cluster. A run folder may be anybody's, so ids of another form than a run
 * gives are none.
 */
import * as z from 'zod';

export const jobRecordSchema = z
  .object({
    run: z.string().regex(/^security-vectors-[0-9a-f]{12}$/),
    /** Address of the cluster. */
    ray: z.string().optional(),
    /** Ids, by the names of the jobs in the run. */
    jobs: z.record(z.string(), z.string().regex(/^[a-z0-9-]+$/)),
    /** Ids of jobs that have ended, or were told to. */
    ended: z.array(z.string()).default([]),
  })
  .refine(({ run, jobs }) => Object.values(jobs).every((id) => id.startsWith(`${run}-`)));

export type JobRecord = z.infer<typeof jobRecordSchema>;

/** Names and ids of the jobs that may be going on. */
export const openJobs = ({ jobs, ended }: JobRecord): [name: string, id: string][] =>
  Object.entries(jobs).filter(([, id]) => !ended.includes(id));
