/** What a user is told of rows that can be used: that they may not say to a model what was meant. */
import { plural } from '../contract/format.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { Found, ParsedRow } from './parsedRows.js';
import { writtenTwice, type Twice } from './writtenTwice.js';

export interface Remark {
  readonly message: string;
  /** Of the first such row. */
  readonly line: number;
  readonly remedy: string;
}

interface Remarks {
  /** @param ids tokens of the row */
  add(row: ParsedRow, ids: readonly number[]): void;
  /** @param usable number of rows, of `all` that were read */
  list(usable: number, all: number): Remark[];
}

/** Different labels that are named; one more is kept. */
const LABELS_NAMED = 3;

/** @param found of the same rows */
export function collectRemarks(tokenizer: Tokenizer, found: Found): Remarks {
  const twiceIn = writtenTwice(tokenizer);
  let twice: (Twice & Rows) | undefined;
  let markedBad: Rows | undefined;
  let unreadLabels: Rows | undefined;
  const labels = new Set<string>();
  return {
    add({ line, content, markedBad: isBad, unreadLabel }, ids) {
      const held = twiceIn(content, ids);
      if (held) (twice ??= { rows: 0, line, ...held }).rows++;
      if (isBad) (markedBad ??= { rows: 0, line }).rows++;
      if (unreadLabel === undefined) return;
      (unreadLabels ??= { rows: 0, line }).rows++;
      if (labels.size <= LABELS_NAMED) labels.add(unreadLabel);
    },
    list: (usable, all) => [
      ...(twice ? [twiceRemark(twice, usable)] : []),
      ...(markedBad ? [badRemark(markedBad, usable)] : []),
      ...(unreadLabels ? [labelsRemark(unreadLabels, [...labels], usable)] : []),
      ...unreadRemarks(found.unread, all),
    ],
  };
}

interface Rows {
  rows: number;
  /** Of the first. */
  readonly line: number;
}

const twiceRemark = ({ by, mark, rows, line }: Twice & Rows, usable: number): Remark =>
  by === 'template'
    ? {
        message: `${rows} of ${usable} prompts ${plural(rows, 'holds', 'hold')} ${mark} of the chat template, which is written around them once more.`,
        line,
        remedy: 'Write these rows as "messages", or their prompts without the template.',
      }
    : {
        message: `${rows} of ${usable} rows ${plural(rows, 'begins', 'begin')} with ${mark}, which the tokenizer puts before them once more.`,
        line,
        remedy: 'Write these rows without it.',
      };

const badRemark = ({ rows, line }: Rows, usable: number): Remark => ({
  message: `${rows} of ${usable} rows ${plural(rows, 'has', 'have')} "label": false, which is not read: such rows are used like all others.`,
  line,
  remedy: 'Leave them out if their answers should not be learned.',
});

function labelsRemark({ rows, line }: Rows, labels: readonly string[], usable: number): Remark {
  const named = [...labels.slice(0, LABELS_NAMED), ...(labels.length > LABELS_NAMED ? ['…'] : [])].join(', ');
  return {
    message: `${rows} of ${usable} rows ${plural(rows, 'has', 'have')} a label that is neither "harmful" nor "benign" (${named}): it is not read.`,
    line,
    remedy: 'Write these labels as "harmful" and "benign".',
  };
}

function unreadRemarks(unread: Found['unread'], all: number): Remark[] {
  const columns = unread?.columns() ?? [];
  if (columns.length === 0) return [];
  const named = columns.map(({ column, rows }) => `"${column}" of ${rows}`).join(', ');
  const meant = unread?.meant();
  return [
    {
      message: `texts that are not read: ${named} of ${all} rows.`,
      line: columns[0].line,
      remedy: `${meant ? `"columns": ${JSON.stringify(meant)} may be meant. ` : ''}If they belong to the rows, put them into fields of the row format (docs/data.md).`,
    },
  ];
}
