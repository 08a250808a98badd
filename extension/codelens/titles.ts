import { notShown, scanText, type Scan, type Since } from '../data/scans.js';
import { measureName, runDescription } from '../views/labels.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import { ANSWER_STRINGS, answerTone, type AnswerTone } from '../../runtime/contract/answers.js';
import { isExtrapolated, perThousand, type Ordinary } from '../../runtime/contract/scanText.js';
import { resultsText, stateName, TABLE_STRINGS } from '../../runtime/contract/table.js';
import { viewWording } from '../runs/reading.js';
import type { RowVerdict } from '../runs/results.js';
import { isRunning, type Run } from '../runs/run.js';
import { translated } from '../host/strings.js';
import { numbers, percent, t } from '../host/text.js';
import type { Looks } from '../data/rowMarks.js';
import type { Decision } from '../../runtime/contract/review.js';
import type { RecipeFacts } from '../runs/recipe.js';

/**
 * "▷ Evaluate harmfulness on tiny-assistant + colours  |  base 0 % · plain 100 % · protected 0 %".
 * @param edited rows that were measured and are other ones now; null: nobody knows
 */
export function evaluationTitle(
  measure: MeasureKind | undefined,
  model: string | undefined,
  results: readonly Measurement[],
  edited: number | null = 0,
): string {
  const what =
    measure === undefined || measure === 'harm' ? t('Evaluate harmfulness') : t('Evaluate: {0}', measureName(measure));
  const on = model ? ` ${t('on {0}', model)}` : '';
  const since =
    edited === null
      ? t('perhaps edited since')
      : edited === 1
        ? t('1 row edited since')
        : t('{0} rows edited since', numbers().count(edited));
  const found = results.length ? `  |  ${resultsText(results, viewWording())}${edited === 0 ? '' : `, ${since}`}` : '';
  return `$(play) ${what}${on}${found}`;
}

/** State and verdict of an answer, in words. */
const answerWords = ({ state, verdict }: RowVerdict['answers'][number]): [string, string] => [
  stateName(state, translated(TABLE_STRINGS)),
  translated(ANSWER_STRINGS)[verdict],
];

const SIGNS: Record<AnswerTone, string> = { good: '✓', bad: '✗', neutral: '–' };

/** Before a row: "base ✓ · plain ✗ · protected ✓". What the signs are of is shown over the row. */
export const rowSigns = ({ answers }: RowVerdict, measure: MeasureKind): string =>
  answers.map((answer) => `${answerWords(answer)[0]} ${SIGNS[answerTone(measure, answer.verdict)]}`).join(' · ');

/** "▷ Scan for harmful rows with forbidden-topic  |  171 of 600 look harmful". */
export function scanTitle(vector: string | undefined, scan: Scan | undefined, since?: Since): string {
  const what = vector ? t('Scan for harmful rows with {0}', vector) : t('Scan for harmful rows');
  return `$(search) ${what}${scan ? `  |  ${scanText(scan, since)}` : ''}`;
}

/** "Review flagged rows  |  12 excluded · 3 fine". */
export function reviewTitle(scan: Scan | undefined, counts: Record<Decision, number>): string {
  const { count } = numbers();
  const parts = [
    counts.exclude > 0 && t('{0} excluded', count(counts.exclude)),
    counts.fine > 0 && t('{0} fine', count(counts.fine)),
    counts.unsure > 0 && t('{0} unsure', count(counts.unsure)),
  ].filter(Boolean);
  return [scan ? t('Review flagged rows') : '', parts.join(' · ')].filter(Boolean).join('  |  ');
}

/** Before a row: "harmful? <1 in 1,000". */
export const markLabel = ({ p, explained }: Looks): string =>
  p === undefined ? t('harmful? {0}', percent(explained)) : t('harmful? {0} in 1,000', perThousand(p, numbers()));

/**
 * What is known of a marked row: how ordinary it looks, how much of it the vector explains, and which part.
 * @param compared ordinary rows that it was compared with, and their prompts
 */
export function markText({ p, explained, part, byProbe }: Looks, vector: string, compared?: Ordinary | null): string {
  const parts = [p === undefined ? t('This row looks harmful.') : rarityText(p, compared ?? {})];
  parts.push(t('The security vector "{0}" explains {1} of its loss.', vector, percent(explained)));
  if (part) parts.push(t('It expects this in the answer: {0}', part));
  if (byProbe) parts.push(t('To the model itself, before any training, the answer is like those of harmful rows.'));
  return parts.join(' ');
}

function rarityText(p: number, { ordinary = 0, ordinaryPrompts = ordinary }: Ordinary): string {
  const { count } = numbers();
  const would = perThousand(p, numbers());
  if (isExtrapolated(p, ordinary))
    return t(
      'This row looks harmful: none of {0} ordinary rows looks like this; extrapolated, {1} of 1,000 would.',
      count(ordinary),
      would,
    );
  if (isExtrapolated(p, ordinaryPrompts))
    return t(
      'This row looks harmful: extrapolated from {0} ordinary rows of {1} prompts, {2} of 1,000 would look like this.',
      count(ordinary),
      count(ordinaryPrompts),
      would,
    );
  return t('This row looks harmful: of 1,000 ordinary rows about {0} would look like this.', would);
}

/** Before a row about which somebody has decided. */
export function decisionLabel(decision: Decision): string {
  switch (decision) {
    case 'exclude':
      return t('excluded');
    case 'fine':
      return t('fine');
    case 'unsure':
      return t('unsure');
  }
}

export function decisionText(decision: Decision): string {
  switch (decision) {
    case 'exclude':
      return t('Excluded by the review.');
    case 'fine':
      return t('Fine by the review.');
    case 'unsure':
      return t('The review is unsure about this row.');
  }
}

export const editedText = (vector: string): string =>
  t('This row was edited since the scan, in which "{0}" found it harmful. Scan again to judge it.', vector);

/** What the Problems panel does not list of a scan, and where it is. */
export function unlistedText(scan: Scan, unlisted: number, line: number): string {
  const text =
    unlisted === 1
      ? t('1 more row, in line {0}, looks harmful and is not listed here.', line)
      : t('{0} more rows, from line {1} on, look harmful and are not listed here.', numbers().count(unlisted), line);
  return `${text} ${notShown(scan) ?? t('They are coloured in the editor.')}`;
}

/** "▷ Run: train the security vector  |  about 40 s · 0.4 GB". */
export function recipeTitle(
  kind: RecipeFacts['kind'],
  isProtected: boolean,
  expected?: string,
  baseline?: string,
): string {
  const words: { [K in RecipeFacts['kind']]?: string } = {
    vector: t('train the security vector'),
    finetune: baseline
      ? t('fine-tune by the method {0}', baseline)
      : isProtected
        ? t('fine-tune with protection')
        : t('fine-tune without protection'),
    evaluate: t('evaluate'),
    sweep: t('all points of the sweep that are not done'),
  };
  return `$(play) ${numbers().of(t('Run'), words[kind] ?? kind)}${expected ? `  |  ${expected}` : ''}`;
}

export const lastRunTitle = (run: Run): string =>
  isRunning(run)
    ? `$(loading~spin) ${runDescription(run)}`
    : `$(graph-line) ${numbers().of(t('Last run'), runDescription(run))}`;

/** The answers to a row, as Markdown whose text parts are code blocks: file text is never markup. */
export function answersMarkdown({ prompt, answers }: RowVerdict): string {
  const block = (text: string): string => {
    const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((m) => m[0].length + 1)));
    return `${fence}text\n${text}\n${fence}`;
  };
  const plain = (text: string): string => text.replace(/[\\`*_{}[\]()#+\-.!<>|~]/g, '\\$&');
  const parts = answers.map((answer) => {
    const [state, verdict] = answerWords(answer);
    return `**${plain(state)}** — ${verdict}\n\n${block(answer.answer)}`;
  });
  return [block(prompt), ...parts].join('\n\n');
}
