/** Harmful answers that are known of a finished run: what phrases that are looked for later are to see. */
import type { JudgeChoice } from '../contract/recipeJudges.js';
import { parsedRows } from '../data/parsedRows.js';
import { learnedAnswers, textsIn, type RowContent } from '../data/rowContent.js';
import { looksForPhrases, nameOn } from '../evaluation/judges/choices.js';
import { harmfulAnswers } from '../recipes/protection/ownRows.js';
import { vectorsOfRun } from '../recipes/vectorFiles/vectorsOfRun.js';
import { HumanError } from '../support/errors.js';
import type { Kept, KeptSet } from './finishedRun.js';

/**
 * By set, where phrases are looked for that had not judged it: answers that its vectors were trained to give, and those
 * of rows of the set with that label. Files that are gone, changed or damaged say nothing.
 */
export async function knownHarm(
  { folder, manifest, sets }: Kept,
  choices: readonly JudgeChoice[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const hasJudged = (one: JudgeChoice, set: KeptSet): boolean =>
    manifest.done.measurements.some((m) => m.name === set.name && m.judge === nameOn(one, set));
  const sought = [...sets.values()].filter(
    (set) => set.measure === 'harm' && choices.some((one) => looksForPhrases(one) && !hasJudged(one, set)),
  );
  if (sought.length === 0) return new Map();
  const vectors = await vectorsOfRun(folder, manifest);
  const given = await Promise.all(vectors.map((vector) => harmfulAnswers([vector]).catch(none)));
  const known = new Map<string, readonly string[]>();
  for (const { name, rows } of sought)
    known.set(name, [...given.flat(), ...(rows ? await labelledAnswers(rows).catch(none) : [])]);
  return known;
}

async function labelledAnswers({ file, ...options }: Required<KeptSet>['rows']): Promise<string[]> {
  const answers: string[] = [];
  for await (const row of parsedRows(file, options, {}))
    if (!('reason' in row) && row.label === 'harmful') answers.push(answerIn(row.content));
  return answers;
}

/** Empty where there is none. */
function answerIn(content: RowContent): string {
  if (content.kind === 'completion') return content.completion ?? '';
  if (content.kind !== 'chat') return '';
  const last = learnedAnswers(content.messages, content.unlearned).at(-1);
  return last === undefined ? '' : textsIn({ kind: 'chat', messages: [content.messages[last]] }).join('\n');
}

function none(error: unknown): string[] {
  if (error instanceof HumanError || (error instanceof Error && 'code' in error)) return [];
  throw error;
}
