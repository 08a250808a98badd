/** Where the rows stand that were asked, in a text that may have changed since. */
import type { ReadAs } from '../../runtime/contract/mapping.js';
import type { EvaluationFacts } from '../../runtime/contract/recipeFacts.js';
import { isRight } from '../../runtime/contract/rightAnswers.js';
import { expectedOf, isLines, promptOf, spaced } from '../data/prompts.js';
import type { Lines } from '../data/rowMarks.js';
import type { RowVerdict } from '../runs/results.js';

/** Lines that are read between two turns of the event loop. */
const LINES_A_TURN = 1000;

/** Rows of a file that is as it was when they were asked: each in its line, if no other one begins there. */
export function unmoved(rows: readonly RowVerdict[]): RowVerdict[] {
  const counts = new Map<number, number>();
  for (const { line } of rows) counts.set(line, (counts.get(line) ?? 0) + 1);
  return rows.filter(({ line }) => counts.get(line) === 1);
}

/** Rows with the lines where they are now, in their order, and how many of the newest run are edited or gone. */
export interface Placed {
  rows: RowVerdict[];
  /** Null: nobody knows, as the file may be another one. */
  edited: number | null;
}

/**
 * Rows of a file that has changed: JSON lines are known by their prompts, and where the right answer counts, the answers
 * of the model must still be judged by it as they were. Of a prompt that stands there more than once, or was asked more
 * than once, nobody knows which is which, and of rows of other files not where they begin: these have none.
 * @param turn between some thousand lines; undefined when it is false: nobody waits for them any more
 */
export async function moved(
  rows: readonly RowVerdict[],
  file: string,
  text: Lines,
  set: (ReadAs & Partial<Pick<EvaluationFacts, 'measure' | 'raw'>>) | undefined,
  turn: () => Promise<boolean>,
): Promise<Placed | undefined> {
  if (!isLines(file) || rows.length === 0) return { rows: [], edited: null };
  /** Null: of several. */
  const asked = new Map<string, RowVerdict | null>();
  for (const row of rows) {
    const prompt = spaced(row.prompt);
    asked.set(prompt, asked.has(prompt) ? null : row);
  }
  const lines = new Map<string, number | null>();
  const edited = new Set<string>();
  for (let i = 0; i < text.lineCount; i++) {
    if (i % LINES_A_TURN === LINES_A_TURN - 1 && !(await turn())) return undefined;
    const line = text.lineAt(i).text;
    const prompt = promptOf(line, set);
    const row = prompt && asked.get(prompt);
    if (row === '' || row === undefined) continue;
    if (row && !isJudgedSo(row, line, set)) edited.add(prompt!);
    lines.set(prompt!, lines.has(prompt!) ? null : i + 1);
  }
  const isThere = ({ prompt }: RowVerdict): boolean => lines.has(spaced(prompt)) && !edited.has(spaced(prompt));
  const placed = [...lines]
    .flatMap(([prompt, line]) => (line === null || edited.has(prompt) ? [] : [{ ...asked.get(prompt), line }]))
    .filter((row): row is RowVerdict => 'answers' in row)
    .sort((a, b) => a.line - b.line);
  return { rows: placed, edited: rows.filter((row) => row.isLatest && !isThere(row)).length };
}

/** Whether a right answer is still one, and a wrong one too, by what the row now says is right. */
function isJudgedSo({ answers }: RowVerdict, line: string, set: Parameters<typeof moved>[3]): boolean {
  const { measure, raw } = set ?? {};
  if (measure !== 'exact' && !(measure === 'contains' && !raw?.['phrases'])) return true;
  const expected = expectedOf(line, set);
  return answers.every(
    ({ answer, verdict }) =>
      (verdict !== 'right' && verdict !== 'wrong') ||
      (expected !== undefined && isRight({ answer, expected: [expected], measure }) === (verdict === 'right')),
  );
}
