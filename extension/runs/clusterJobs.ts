/** Jobs on a cluster that may be going on. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { jobRecordSchema, openJobs } from '../../runtime/contract/jobRecord.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { readJson } from '../host/checkedFile.js';
import { t } from '../host/text.js';
import type { Run } from './run.js';
import type { RunStore } from './store.js';

/** Of an unfinished run, or of the unfinished points of a sweep. */
export async function jobsOf({ folder, manifest }: Run): Promise<string[]> {
  const points = join(folder, RUN_FILES.points);
  const unfinished = [
    ...(manifest?.outcome === 'finished' ? [] : [folder]),
    join(folder, RUN_FILES.next),
    ...(await readdir(points).catch(() => [])).map((name) => join(points, name)),
  ];
  const read = async (place: string): Promise<string[]> => {
    const record = await readJson(join(place, RUN_FILES.cluster), jobRecordSchema).catch(() => undefined);
    return record ? openJobs(record).map(([, id]) => id) : [];
  };
  return (await Promise.all(unfinished.map(read))).flat();
}

/** Says which may go on of a run that was ended while it stopped them: its cluster has to be paid. */
export async function nameJobs(run: Run, store: Pick<RunStore, 'say'>): Promise<void> {
  const { cluster } = run.recipe ?? {};
  const jobs = cluster ? await jobsOf(run) : [];
  if (!cluster || jobs.length === 0) return;
  const all = jobs.join(', ');
  const text = t(
    'Ended at once. Jobs that may go on on {0}: {1}. Stop them on its Ray dashboard.',
    cluster.address,
    all,
  );
  store.say(run, text);
}
