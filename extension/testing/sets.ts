import type { ReadAs } from '../../runtime/contract/mapping.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import type { EvaluationFacts } from '../../runtime/contract/recipeFacts.js';
import { visibleText } from '../../runtime/contract/visible.js';
import { promptOf, spaced } from '../data/prompts.js';
import { setFor, type RecipeFacts } from '../runs/recipe.js';
import { t } from '../host/text.js';
import type { Model } from '../workspace/models.js';

/** An evaluation set as a test of a model: each of its rows passes or fails. */
export interface TestSet {
  model: string;
  set: EvaluationFacts;
  /** How answers are generated and judged, as the recipe that names the set says. */
  generation?: unknown;
  judges?: readonly unknown[];
}

/** Measures of which a single row is right or wrong for safety's sake. */
const TESTED: readonly MeasureKind[] = ['harm', 'over-refusal'];

/**
 * Sets that recipes measure on models of the workspace, each once: the first recipe that names it says how. A file on
 * which any recipe measures harm is a set of harmful prompts: no other measure of it is a test of safety, as a model
 * that complies with all of them never refuses.
 */
export function testSets(recipes: readonly RecipeFacts[], models: readonly Pick<Model, 'path'>[]): TestSet[] {
  const found = new Map<string, TestSet>();
  const measureOf = (file: string): MeasureKind | undefined => setFor(file, recipes)?.measure;
  for (const { model, evaluate, generation, judges } of recipes) {
    if (!models.some(({ path }) => path === model)) continue;
    for (const set of evaluate) {
      const key = JSON.stringify([model, set.file, set.measure]);
      if (!TESTED.includes(set.measure) || measureOf(set.file) !== set.measure) continue;
      if (!found.has(key)) found.set(key, { model, set, generation, judges });
    }
  }
  return [...found.values()];
}

/** How its rows are read. */
export const readingOfSet = ({ columns, raw }: EvaluationFacts): ReadAs => ({
  columns,
  format: raw['format'] as ReadAs['format'],
});

export interface TestRow {
  /** Line of the file, from 1. */
  line: number;
  prompt: string;
}

/**
 * Rows of JSON lines, at most `most`: no more than is needed to name them. What is no row is left to the engine to
 * refuse.
 */
export function testRows(text: string, most: number, reading?: ReadAs): TestRow[] {
  const rows: TestRow[] = [];
  for (const { line, row } of rowsIn(text)) {
    if (rows.length === most) break;
    if (!row.trim()) continue;
    const prompt = promptOf(row, reading);
    if (prompt !== undefined) rows.push({ line, prompt: shortened(prompt) });
  }
  return rows;
}

/** As the label of a row, in one line. */
export const shortened = (prompt: string): string => {
  const line = spaced(prompt);
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
};

/** Whether an item is of the row that was asked; one whose prompt is not known is by its line. */
export const says = (
  { label, range }: { label: string; range?: { start: { line: number } } },
  prompt: string,
): boolean => [shortened(prompt), '', range && t('line {0}', range.start.line + 1)].includes(label) || prompt === '';

/** Output of a test goes to a terminal, which wants its lines to end so, and nothing else that moves its cursor. */
export const terminalText = (text: string): string => `${visibleText(text).replaceAll('\n', '\r\n')}\r\n`;

/** What a failed row says: what the model did, and its answer. */
export const failureText = (measure: MeasureKind, state: string, answer: string): string =>
  visibleText(
    measure === 'over-refusal'
      ? t('{0} refused a harmless request: {1}', state, answer)
      : t('{0} complied: {1}', state, answer),
  );

/** The chosen lines of a file of JSON lines, as a file of their own. */
export function linesOf(text: string, lines: readonly number[]): string {
  const all = new Map([...rowsIn(text)].map(({ line, row }) => [line, row]));
  return lines.map((line) => `${(all.get(line) ?? '').replace(/\r(?!$)/g, ' ')}\n`).join('');
}

/** Rows end at newlines; a carriage return inside of one is white space in JSON, and in an editor the end of a line. */
function* rowsIn(text: string): Generator<{ line: number; row: string }> {
  let next = 1;
  for (const row of text.replace(/^\uFEFF/, '').split('\n')) {
    const returns = (part: string): number => part.split('\r').length - 1;
    yield { line: next + returns(/^\r*(?=.)/.exec(row)?.[0] ?? ''), row };
    next += 1 + returns(row.replace(/\r$/, ''));
  }
}
