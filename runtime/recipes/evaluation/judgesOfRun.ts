import type { JudgeFacts } from '../../contract/manifest.js';
import type { EvaluateRecipe, FinetuneRecipe } from '../../contract/recipe.js';
import { nameOf } from '../../evaluation/judges/choices.js';
import { openJudges } from '../../evaluation/judges/judges.js';
import type { Judge } from '../../evaluation/judges/judge.js';
import { added, usageText } from '../../contract/judgeText.js';
import type { Job } from '../training/job.js';

type JudgingJob = Job<FinetuneRecipe | EvaluateRecipe>;

/**
 * Opens the judges of a run, which the run closes; what they are made of goes into the manifest.
 * @param answers how many they may have to judge
 * @param begun a classifier that cannot be opened leaves its answers open
 * @throws HumanError for a judge that cannot be used
 */
export async function judgesOfRun(job: JudgingJob, answers: number, begun = false): Promise<Judge[]> {
  const { judges: choices, evaluate, threads } = job.recipe;
  const { path, secrets, askEditor } = job;
  // Who is opened only to see that this can be done is not told how much there is to judge.
  const sessions = answers > 0 ? job.sessions : undefined;
  const judges = await openJudges(choices, evaluate, { path, threads, answers, secrets, askEditor, begun, sessions });
  await note(job, judges);
  return judges;
}

/** At the end of an evaluation: what the judges that are asked elsewhere have taken. */
export async function noteUsage(job: JudgingJob, judges: readonly Judge[]): Promise<void> {
  for (const { facts } of await note(job, judges))
    if (facts.usage && facts.usage.requests > 0)
      await job.emit({ kind: 'state', state: 'evaluating', message: `${facts.name}: ${usageText(facts.usage)}` });
}

/** Each judge is noted once; what it took is added up over a run's evaluations. */
export async function note({ folder }: JudgingJob, judges: readonly Judge[]): Promise<{ facts: JudgeFacts }[]> {
  const { judges: before = [] } = await folder.manifest({});
  const now = judges.flatMap((judge) => {
    const earlier = before.find(({ name }) => name === nameOf(judge.choice));
    // One that cannot be opened any more is who it was.
    const facts = judge.facts?.() ?? earlier;
    if (!facts) return [];
    const usage = judge.remote && added(earlier?.usage, judge.remote.take());
    return [{ facts: { ...facts, ...(usage && { usage }) } }];
  });
  if (now.length > 0) await folder.manifest({ judges: now.map(({ facts }) => facts) });
  return now;
}
