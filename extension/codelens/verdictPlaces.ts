/** Where the rows stand that were asked, in a text that may have changed since. */
import type { ReadAs } from '../../runtime/contract/mapping.js';
import { isLines, promptOf, spaced } from '../data/prompts.js';
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

/**
 * Rows of a file that has changed, with the lines where they are now and in their order: JSON lines are known by their
 * prompts. Of a prompt that stands there more than once, or was asked more than once, nobody knows which is which, and
 * of rows of other files not where they begin: these have none.
 * @param turn between some thousand lines; undefined when it is false: nobody waits for them any more
 */
export async function moved(
  rows: readonly RowVerdict[],
  file: string,
  text: Lines,
  reading: ReadAs | undefined,
  turn: () => Promise<boolean>,
): Promise<RowVerdict[] | undefined> {
  if (!isLines(file)) return [];
  /** Null: of several. */
  const asked = new Map<string, RowVerdict | null>();
  for (const row of rows) {
    const prompt = spaced(row.prompt);
    asked.set(prompt, asked.has(prompt) ? null : row);
  }
  const lines = new Map<string, number | null>();
  for (let i = 0; i < text.lineCount; i++) {
    if (i % LINES_A_TURN === LINES_A_TURN - 1 && !(await turn())) return undefined;
    const prompt = promptOf(text.lineAt(i).text, reading);
    if (prompt && asked.get(prompt)) lines.set(prompt, lines.has(prompt) ? null : i + 1);
  }
  return [...lines]
    .flatMap(([prompt, line]) => (line === null ? [] : [{ ...asked.get(prompt)!, line }]))
    .sort((a, b) => a.line - b.line);
}
