import type { EvaluateRecipe, FinetuneRecipe } from '../contract/protocol.js';
import { openJudges, type Judge } from '../evaluation/judges/judges.js';
import { sha256File } from '../support/files.js';
import type { Job } from './job.js';

/** Opens the judges of a run, which the run closes; what they are made of goes into the manifest. */
export async function judgesOfRun(job: Job<FinetuneRecipe | EvaluateRecipe>): Promise<Judge[]> {
  const { judges: choices, evaluate, threads } = job.recipe;
  const judges = await openJudges(choices, evaluate, { path: job.path, threads });
  const described = [];
  for (const judge of judges) {
    if (judge.classifier) {
      const { name, file } = judge.classifier;
      described.push({ name, path: file, sha256: await sha256File(file) });
    }
  }
  if (described.length > 0) await job.folder.manifest({ judges: described });
  return judges;
}
