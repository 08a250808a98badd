/** Harmful answers that are known of a finished run: what phrases that are looked for later are to see. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { hashAdapter } from '../adapters/files.js';
import { wayTo } from '../contract/moved.js';
import type { EvaluationSet } from '../contract/recipeData.js';
import { parsedRows } from '../data/parsedRows.js';
import { learnedAnswers, textsIn, type RowContent } from '../data/rowContent.js';
import { harmfulAnswers } from '../recipes/protection/ownRows.js';
import { HumanError } from '../support/errors.js';
import type { Kept } from './finishedRun.js';

type Rows = Pick<EvaluationSet, 'file' | 'format' | 'columns' | 'limit'>;

/**
 * Those that its vectors were trained to give, and those of rows of a set with that label. Files that are gone, changed
 * or damaged say nothing.
 */
export async function knownHarm({ folder, manifest }: Kept, rows: Rows | undefined): Promise<string[]> {
  const known = [
    ...manifest.vectors.map(async ({ path, sha256 }) =>
      answersOfVector(here(folder, manifest.done.output, path), sha256),
    ),
    ...(rows ? [labelledAnswers(rows)] : []),
  ];
  return (await Promise.all(known.map((one) => one.catch(none)))).flat();
}

/** Where a file lies in a workspace that was moved or copied whole, else where it lay. */
function here(folder: string, output: string, path: string): string {
  const way = wayTo(output, path);
  const moved = way === undefined ? path : resolve(folder, way);
  return existsSync(moved) ? moved : path;
}

const answersOfVector = async (path: string, sha256: string): Promise<string[]> =>
  (await hashAdapter(path)) === sha256 ? harmfulAnswers([path]) : [];

async function labelledAnswers({ file, ...options }: Rows): Promise<string[]> {
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
