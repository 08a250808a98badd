/** A data file as somebody reads it row by row: its rows by their hashes, on disk until they are asked for. */
import type { RowText } from '../contract/dataInfo.js';
import { saidText } from '../contract/generation.js';
import { saidFormat, type Columns, type ReadAs } from '../contract/mapping.js';
import { mapRow } from './columns.js';
import { HumanError, unless } from '../support/errors.js';
import type { JsonObject } from '../support/jsonFile.js';
import { exampleStore, type ExampleList } from './exampleList.js';
import { rowHash } from './rowHash.js';
import { asWritten, namesOfTools } from './toolFields.js';
import { readRows } from './rows.js';
import { InvalidRow } from './invalidRow.js';
import { learnedAnswers, type RowContent } from './rowContent.js';
import { FIELDS, formatAsRead, readContent, type RowFormat } from './schemas.js';
import type { Scratch } from './scratch.js';

export interface IndexedRow {
  readonly row: number;
  readonly line: number;
  readonly value: JsonObject;
  /** With its tools as they are written (toolFields.ts), where it has some. */
  readonly written?: JsonObject;
}

export interface RowIndex {
  readonly format: RowFormat;
  /** Which columns are which fields of the format. */
  readonly mapped?: Columns;
  /** In the order of the file; of rows that say the same only the first. */
  readonly hashes: readonly string[];
  readonly rows: ExampleList<IndexedRow>;
  find(hash: string): IndexedRow | undefined;
  /** Fields beside the content, by which rows may be grouped. */
  readonly columns: readonly string[];
}

/** Columns that are offered: the first ones of a table of hundreds. */
const MAX_COLUMNS = 50;

/** Reads the file once. Rows that cannot be read are not in it. */
export async function openRowIndex(
  file: string,
  { scratch, format, columns: mapped, signal }: { scratch: Scratch; signal?: AbortSignal } & ReadAs,
): Promise<RowIndex> {
  const store = exampleStore<IndexedRow, IndexedRow>(scratch, 0, (source) => source);
  const places = new Map<string, number>();
  const columns = new Set<string>();
  let found = saidFormat({ format, columns: mapped });
  /** Columns of the content under names of their own. */
  const content = new Set<string>(Object.values(mapped ?? {}));
  for await (const raw of readRows(file, { columns: mapped, allColumns: true })) {
    signal?.throwIfAborted();
    if ('reason' in raw) continue;
    const { row, line, value } = raw;
    found ??= formatAsRead(raw, mapped);
    const hash = rowHash(value);
    if (places.has(hash)) continue;
    places.set(hash, places.size);
    const written = asWritten(raw);
    const source = { row, line, value, ...(written !== value && { written }) };
    store.add(source, 1, source);
    for (const [name, cell] of Object.entries(value))
      if (columns.size < MAX_COLUMNS && !content.has(name) && isGrouping(name, cell)) columns.add(name);
  }
  if (!found)
    throw new HumanError('no row of the file has a known format.', {
      place: file,
      remedy: 'docs/data.md lists the row formats.',
    });
  const rows = store.list();
  return {
    format: found,
    mapped,
    hashes: [...places.keys()],
    rows,
    find: (hash) => {
      const at = places.get(hash);
      return at === undefined ? undefined : rows.at(at);
    },
    columns: [...columns],
  };
}

/** Fields of the content tell rows apart; `label` says what they are. */
const isGrouping = (name: string, value: unknown): boolean =>
  (!FIELDS.has(name) || name === 'label') && ['string', 'number', 'boolean'].includes(typeof value);

/** What a person reads of a row, at most so many characters of each part. */
export function rowText(index: RowIndex, found: IndexedRow, most: number): RowText {
  const { row, line, value } = found;
  const { prompt, answer } = partsOf(contentOf(index, found), value);
  const cut = (text: string): string => (text.length > most ? `${text.slice(0, most)}…` : text);
  return { hash: rowHash(value), row, line, prompt: cut(prompt), answer: cut(answer) };
}

/** Undefined for a row that is not of this format. */
export function contentOf(
  { format, mapped }: Pick<RowIndex, 'format' | 'mapped'>,
  { value, written = value }: Pick<IndexedRow, 'value' | 'written'>,
): RowContent | undefined {
  return unless(InvalidRow, () => readContent(mapRow(written, mapped), format));
}

/** Prompt and last answer that is learned. Rows of text have no prompt; of rows that are not of the format the whole is shown. */
export function partsOf(content: RowContent | undefined, value: JsonObject): { prompt: string; answer: string } {
  switch (content?.kind) {
    case 'completion':
      return {
        prompt: content.system ? `system: ${content.system}\nuser: ${content.prompt}` : content.prompt,
        answer: content.completion ?? '',
      };
    case 'text':
      return { prompt: '', answer: content.text };
    case 'tokens':
      return { prompt: '', answer: content.ids.join(' ') };
    case 'chat': {
      const last = learnedAnswers(content.messages, content.unlearned).at(-1) ?? -1;
      const before = last < 0 ? content.messages : content.messages.slice(0, last);
      const tools = content.tools === undefined ? [] : [`tools: ${namesOfTools(content.tools).join(', ')}`];
      const one = before.length === 1 && tools.length === 0;
      const said = before.map((message) => (one ? message.content : `${message.role}: ${saidText(message)}`));
      const answer = content.messages[last];
      return { prompt: [...tools, ...said].join('\n'), answer: answer ? saidText(answer) : '' };
    }
    case undefined:
      return { prompt: '', answer: JSON.stringify(value) };
  }
}
