/** Where the rows stand that were asked, in a text that may have changed since. */
import type { Columns } from '../../runtime/contract/mapping.js';
import { isLines, promptOf, spaced } from '../data/prompts.js';
import type { Lines } from '../data/rowMarks.js';
import type { RowVerdict } from '../runs/results.js';

/** An object of JSON is looked at in so many of its lines. */
const MOST_LINES = 100;

/**
 * The verdicts with the lines where their rows are now, in the order of the lines. Of one whose row is nowhere any more, or
 * could be one of several, nothing is shown: what stands in its line was not asked.
 */
export function placed(rows: readonly RowVerdict[], file: string, text: Lines, columns?: Columns): RowVerdict[] {
  if (rows.length === 0) return [];
  return isLines(file) ? byPrompt(rows, text, columns) : inPlace(rows, file, text);
}

function byPrompt(rows: readonly RowVerdict[], text: Lines, columns: Columns | undefined): RowVerdict[] {
  const asked = new Map<string, { same: RowVerdict[]; lines: number[] }>();
  for (const row of rows) {
    const prompt = spaced(row.prompt);
    const known = asked.get(prompt);
    if (known) known.same.push(row);
    else asked.set(prompt, { same: [row], lines: [] });
  }
  for (let i = 0; i < text.lineCount; i++) {
    const prompt = promptOf(text.lineAt(i).text, columns);
    if (prompt) asked.get(prompt)?.lines.push(i + 1);
  }
  const found = [...asked.values()].flatMap(({ same, lines }) => {
    if (lines.length === same.length) return same.map((row, i) => ({ ...row, line: lines[i]! }));
    // More rows than were asked, as where a recipe asks the first ones of a file: those that are where they were.
    const left = new Set(lines);
    return same.every(({ line }) => left.has(line)) ? same : [];
  });
  return found.sort((a, b) => a.line - b.line);
}

/** Rows of tables and other JSON, which have no line of their own: those in whose lines the prompt still is. */
function inPlace(rows: readonly RowVerdict[], file: string, text: Lines): RowVerdict[] {
  const rowAt = /\.[ct]sv$/i.test(file) ? tableRows(text) : (line: number) => objectAt(text, line);
  return rows.filter(({ line, prompt }) => {
    const wanted = lettersOf(prompt);
    return wanted !== '' && ` ${lettersOf(rowAt(line))} `.includes(` ${wanted} `);
  });
}

/** The text of the row of a table that begins in a line: before it no cell is open. */
function tableRows(text: Lines): (line: number) => string {
  const rows = new Map<number, string>();
  let begins = 1;
  let row = '';
  let isOpen = false;
  for (let line = 1; line <= text.lineCount; line++) {
    const { text: here } = text.lineAt(line - 1);
    row += `${here}\n`;
    if (here.split('"').length % 2 === 0) isOpen = !isOpen;
    if (isOpen) continue;
    rows.set(begins, row);
    begins = line + 1;
    row = '';
  }
  return (line) => rows.get(line) ?? '';
}

/** The object of JSON that begins in a line, until what was opened is closed. */
function objectAt(text: Lines, line: number): string {
  let row = '';
  for (let at = line; at < Math.min(line + MOST_LINES, text.lineCount + 1); at++) {
    row += `${text.lineAt(at - 1).text}\n`;
    const outside = row.replace(/"(\\.|[^"\\])*"/g, '');
    if (outside.includes('{') && outside.split('{').length <= outside.split('}').length) break;
  }
  return row;
}

/** Whatever a format makes of quotes and ends of lines. */
const lettersOf = (text: string): string =>
  text
    .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    .replace(/\\[nrt]/g, ' ')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
