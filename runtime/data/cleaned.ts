import { basename, extname } from 'node:path';
import type { Cleaning, Rest } from '../contract/cleaning.js';
import { saidFormat, type Columns, type ReadAs } from '../contract/mapping.js';
import { isText, type CleanResult } from '../contract/dataInfo.js';
import { HumanError } from '../support/errors.js';
import { isSameFile } from '../support/files.js';
import { orAlreadyThere, requireAbsent } from '../support/newFile.js';
import { replaceFile, type Handle } from '../support/replaceFile.js';
import { requireWritable } from '../support/writable.js';
import type { JsonObject } from '../support/jsonFile.js';
import { mapRow, unmapRow } from './columns.js';
import type { RawRow, ReadRow } from './rawRow.js';
import { rowHash } from './rowHash.js';
import { inspectFile, readRows } from './rows.js';
import { withValue } from './rowLine.js';
import { lineWriter, sameWriter } from './rowWriter.js';
import type { CsvTable } from './csv.js';
import { formatAsRead, readContent, type RowFormat } from './schemas.js';
import { withAnswer, withoutAnswers } from './withAnswer.js';

/** Changed rows that are shown. */
const SHOWN = 5;
/** Characters that are shown of a row, and before what is changed in it. */
const SHOWN_OF_ROW = 300;
const SHOWN_BEFORE = 60;
/** Rows that were not scanned are named up to so many. */
const NAMED = 1000;

interface Options extends Cleaning, Readonly<ReadAs> {
  readonly data: string;
  readonly out: string;
  readonly force?: boolean;
}

/**
 * @param ordinary file of rows that a scan compares with
 * @throws HumanError when this file may not be written
 */
export async function checkCleaned({
  data,
  ordinary,
  out,
  force = false,
}: Pick<Options, 'data' | 'out' | 'force'> & { readonly ordinary?: string }): Promise<void> {
  for (const [file, what] of [
    [data, 'data file itself'],
    [ordinary, 'file of ordinary rows'],
  ])
    if (file !== undefined && (await isSameFile(file, out)))
      throw new HumanError(`the cleaned file would replace the ${what}.`, { place: out, remedy: 'Give another file.' });
  if (!isSameKind(data, out) && !/\.(jsonl|ndjson)$/i.test(out)) {
    const own = isText(data) ? extname(data).toLowerCase() : '.jsonl';
    throw new HumanError('a cleaned file has JSON lines, or the format of the data file if that is text.', {
      place: out,
      remedy: `Give a file that ends in .jsonl${own === '.jsonl' ? '' : ` or ${own}`}.`,
    });
  }
  if (!force) await requireAbsent(out, OTHER_FILE);
  await requireWritable(out);
}

const OTHER_FILE = 'Give another file, or replace this one with --force.';

const isSameKind = (data: string, out: string): boolean =>
  isText(data) && extname(data).toLowerCase() === extname(out).toLowerCase();

/**
 * Writes the rows of a data file in their order: those of `keep` as they are, those of `cut` as they are said to be,
 * and of the others at most those that were not scanned, as a person has decided, else as is said of all of them. The
 * file is of the same kind where the data file is text and its name ends alike, else it has JSON lines.
 * @throws HumanError when the file is there already, or a row is not the one that was scanned; Cancelled
 */
export async function writeCleaned(options: Options, { signal }: { signal?: AbortSignal } = {}): Promise<CleanResult> {
  const { data, columns, out, force, unscanned } = options;
  await checkCleaned({ data, out, force });
  const { kind } = await inspectFile(data);
  const counts = { kept: 0, cut: 0, left: 0 };
  const others = { count: 0, lines: [] as number[], stayed: unscanned?.stay ?? false };
  const hunks: string[] = [];
  let known = saidFormat(options);
  let table: CsvTable | undefined;
  const write = async (handle: Handle): Promise<void> => {
    const same =
      kind !== 'parquet' && isSameKind(data, out) ? await sameWriter(data, kind, handle, () => table) : undefined;
    const writer = same ?? lineWriter(handle);
    const fates = fatesOf(options);
    try {
      const onTable = (found: CsvTable): void => void (table = found);
      for await (const raw of readRows(data, { columns, allColumns: true, onTable, signal })) {
        const { line } = raw;
        if ('value' in raw) known ??= formatAsRead(raw, columns);
        const { as, rest } = fates.of(raw);
        if (as !== 'unscanned') counts[as]++;
        else if (others.count++ < NAMED) others.lines.push(line);
        if (as === 'kept' || (as === 'unscanned' && others.stayed && 'value' in raw)) {
          await writer.keep(raw as ReadRow);
          continue;
        }
        let next: { text: string; line: number } | undefined;
        if ('value' in raw && rest !== undefined)
          next = await writer.put(withValue(raw, changed(raw.value, columns, known, rest, `${data}:${line}`)));
        else writer.leave(raw);
        if (hunks.length === SHOWN) continue;
        const old = 'value' in raw ? await writer.read(raw) : `(unreadable: ${raw.reason})`;
        hunks.push(hunk({ text: old, line }, next ?? { line: await writer.line() }));
      }
      fates.end();
      await writer.end();
    } finally {
      await same?.close();
    }
  };
  await replaceFile(out, write, { isNew: !force }).catch(orAlreadyThere(out, OTHER_FILE));
  const changes =
    hunks.length === 0 ? '' : [`--- ${basename(data)}`, `+++ ${basename(out)}`, ...hunks].join('\n') + '\n';
  return { path: out, ...counts, ...(others.count > 0 && { unscanned: others }), changes };
}

interface Fates {
  /** Asked in the order of the file. @returns a `rest` of rows that are cut */
  of(raw: RawRow): { as: 'kept' | 'cut' | 'left' | 'unscanned'; rest?: Rest };
  /** Behind the last row. */
  end(): void;
}

/** Both throw a HumanError where a row is not the one that was scanned. */
function fatesOf({ data, keep, cut, unscanned, hashes }: Options): Fates {
  const rests = new Map(cut);
  const [isKept, isLeft] = [inRanges(keep), inRanges(unscanned?.left ?? [])];
  const decisionOn = decisionsIn(unscanned);
  let compared = 0;
  return {
    of(raw) {
      const { row } = raw;
      const value = 'value' in raw ? raw.value : undefined;
      const rest = rests.get(row);
      if (rest !== undefined || isKept(row)) {
        if (!value || rowHash(value) !== hashes[compared++]) throw otherFile(data);
        return rest === undefined ? { as: 'kept' } : { as: 'cut', rest };
      }
      if (!unscanned || isLeft(row)) return { as: 'left' };
      const decision = value && decisionOn(value);
      if (!decision) return { as: 'unscanned' };
      return { as: decision === 'fine' ? 'kept' : 'left' };
    },
    end() {
      if (compared < hashes.length) throw otherFile(data);
    },
  };
}

/** What a person has decided about a row that was not scanned; hashes are made only where there are decisions. */
function decisionsIn({ exclude = [], fine = [] }: Partial<NonNullable<Cleaning['unscanned']>> = {}): (
  value: JsonObject,
) => 'exclude' | 'fine' | undefined {
  const decisions = new Map<string, 'exclude' | 'fine'>();
  for (const hash of exclude) decisions.set(hash, 'exclude');
  for (const hash of fine) decisions.set(hash, 'fine');
  return (value) => (decisions.size > 0 ? decisions.get(rowHash(value)) : undefined);
}

/** Whether a row is in one of these ranges, asked in the order of the file. */
function inRanges(ranges: readonly (readonly [from: number, to: number])[]): (row: number) => boolean {
  let at = 0;
  return (row) => {
    while (at < ranges.length && ranges[at][1] < row) at++;
    return at < ranges.length && ranges[at][0] <= row;
  };
}

const otherFile = (place: string): HumanError =>
  new HumanError('the file changed while it was scanned, or since then.', { place, remedy: 'Scan it again.' });

function changed(
  value: JsonObject,
  columns: Columns | undefined,
  format: RowFormat | undefined,
  rest: Rest,
  place: string,
): JsonObject {
  const mapped = mapRow(value, columns);
  const row =
    format && (typeof rest === 'string' ? withAnswer(mapped, format, rest) : withoutAnswers(mapped, format, rest));
  if (!format || !row)
    throw new HumanError('this row has no such answer: it is not the one that was scanned.', {
      place,
      remedy: 'Scan the file again.',
    });
  readContent(row, format);
  return unmapRow(value, mapped, row, columns);
}

const LINE_END = /\r\n|\r|\n/;

/** Of one row, without context. @param next without a text where it is left out: behind that line */
function hunk(old: { text: string; line: number }, next: { text?: string; line: number }): string {
  const from = next.text === undefined ? 0 : shownFrom(old.text, next.text);
  const [before, after] = [old, next].map(({ text }) =>
    text === undefined ? [] : shownOf(text, from).split(LINE_END),
  );
  const length = ({ length: lines }: string[]): string => (lines === 1 ? '' : `,${lines}`);
  const above = old.text.slice(0, from).split(LINE_END).length - 1;
  return [
    `@@ -${old.line + above}${length(before)} +${next.line + above}${length(after)} @@`,
    ...before.map((line) => `-${line}`),
    ...after.map((line) => `+${line}`),
  ].join('\n');
}

/** So that what differs is shown. */
function shownFrom(one: string, other: string): number {
  let same = 0;
  while (same < one.length && one[same] === other[same]) same++;
  return same > SHOWN_OF_ROW / 2 ? same - SHOWN_BEFORE : 0;
}

function shownOf(text: string, from: number): string {
  const end = from + SHOWN_OF_ROW;
  // Half a character at either end is none.
  const shown = text.slice(from, end).replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, '');
  return `${from > 0 ? '…' : ''}${shown}${end < text.length ? '…' : ''}`;
}
