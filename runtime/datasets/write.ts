/** The rows of a data set as files of this program's own rows. */
import { join } from 'node:path';
import { plural } from '../contract/format.js';
import { fileOfUse, type SetRows, type SetSource, type SetUse } from '../contract/publicSets.js';
import type { RawRow } from '../data/rawRow.js';
import { lineOf } from '../data/rowLine.js';
import { readRows } from '../data/rows.js';
import { formatOf, unknownFields } from '../data/schemas.js';
import { listed } from '../models/hub/files.js';
import type { DownloadReporter } from '../models/hub/hub.js';
import { HumanError } from '../support/errors.js';
import { sha256File, writeFileAtomic } from '../support/files.js';
import { makeFolder } from '../support/makeFolder.js';
import { jsonLinesFile, type JsonLinesFile } from './jsonLinesFile.js';
import { PROVENANCE, type Asked, type Provenance } from './provenance.js';
import {
  changed,
  checkColumns,
  checkTaken,
  checkTypes,
  conversationOf,
  isHeldOut,
  isTaken,
  questionOf,
} from './rows.js';
import type { Source } from './sources.js';

const AS_IT_IS = 'rows.jsonl';

interface Work {
  asked: Asked;
  reporter: DownloadReporter;
  /** Downloads a file of the data set. */
  bring: (path: string) => Promise<{ path: string }>;
}

/** Each file that is written, with what it is for. */
type Outputs = Map<string, { lines: JsonLinesFile; use: SetUse | null }>;

/** Fills a folder with the rows of the sources, and says where they are from. */
export async function writeRows(folder: string, sources: readonly Source[], work: Work): Promise<Provenance> {
  const outputs: Outputs = new Map();
  const read: Provenance['sources'] = [];
  const notes: string[] = [];
  // questions that a vector may be trained on, which no set may measure
  const trained = new Set<string>();
  await makeFolder(folder);
  try {
    for (const source of sources) {
      const rows = source.entry
        ? entryRows(folder, source, source.entry, { ...work, outputs, trained, notes })
        : plainRows(folder, source, { ...work, outputs, notes });
      for await (const file of rows) read.push(file);
    }
    const files: Provenance['files'] = [];
    for (const [name, { lines, use }] of outputs) {
      const { rows, sha256 } = await lines.end();
      const measure = typeof use === 'object' && use ? use.measure : null;
      files.push({ name, use: measure ? 'measure' : (use as 'harmful' | 'benign' | null), measure, rows, sha256 });
    }
    const provenance: Provenance = { ...work.asked, sources: read, files, notes };
    await writeFileAtomic(join(folder, PROVENANCE), `${JSON.stringify(provenance, null, 2)}\n`);
    return provenance;
  } finally {
    for (const { lines } of outputs.values()) await lines.close();
  }
}

async function outputOf(outputs: Outputs, folder: string, name: string, use: SetUse | null): Promise<JsonLinesFile> {
  const found = outputs.get(name);
  if (found) return found.lines;
  const lines = await jsonLinesFile(join(folder, name));
  outputs.set(name, { lines, use });
  return lines;
}

type Writing = Work & { outputs: Outputs; notes: string[] };
type Read = AsyncGenerator<Provenance['sources'][number]>;

/** The file of the Hub, its hash, and its rows one by one while `take` wants more. */
async function* rowsOf(
  { files }: Source,
  { bring, reporter, notes }: Work & { notes: string[] },
  take: (row: RowAt) => boolean | Promise<boolean>,
): Read {
  for (const { path, size } of files) {
    const local = await bring(path);
    yield { path, size, sha256: await sha256File(local.path) };
    const onProgress = (bytes: number, total: number): void => reporter.onProgress(`reading ${path}`, bytes / total);
    for await (const row of readRows(local.path, { allColumns: true, onProgress, signal: reporter.signal })) {
      if ('reason' in row && row.isEnd)
        notes.push(`${path} is not read behind line ${row.line}, where rows may be missing: ${row.reason}.`);
      if (!(await take({ path, ...row }))) return;
    }
  }
}
type RowAt = { path: string } & RawRow;

interface Part {
  rows: SetRows;
  lines: JsonLinesFile;
  count: number;
  /** Some values of its column. */
  seen: Set<string>;
}

async function* entryRows(
  folder: string,
  source: Source,
  entry: SetSource,
  work: Writing & { trained: Set<string> },
): Read {
  const { asked, outputs, trained, notes } = work;
  const limit = asked.limit ?? Infinity;
  const place = asked.repository;
  const hasHeldOut = entry.rows.some(({ heldOut }) => heldOut);
  const parts: Part[] = [];
  for (const rows of entry.rows)
    parts.push({
      rows,
      lines: await outputOf(outputs, folder, fileOfUse(rows.use), rows.use),
      count: 0,
      seen: new Set<string>(),
    });
  const measured = new Set<string>();
  const columns = new Set<string>();
  let skipped = 0;
  let first = true;
  const takeFor = async (part: Part, row: Record<string, unknown>): Promise<boolean> => {
    const { use, heldOut = false, answers } = part.rows;
    const messages = conversationOf(row, entry, answers);
    if (!messages) return false;
    const question = questionOf(messages);
    if (hasHeldOut && isHeldOut(question) !== heldOut) return true;
    if (typeof use === 'string') {
      if (messages.at(-1)?.role !== 'assistant') return false;
      trained.add(question);
      await part.lines.add({ messages, label: use });
    } else {
      const key = `${use.measure} ${question}`;
      if (trained.has(question) || measured.has(key)) return true;
      measured.add(key);
      await part.lines.add({ messages: use.measure === 'loss' ? messages : [{ role: 'user', content: question }] });
    }
    part.count++;
    return true;
  };
  yield* rowsOf(source, work, async (row) => {
    const at = `${place}/${row.path}:${row.line}`;
    if ('reason' in row) {
      if (first)
        throw new HumanError(`its first row cannot be read: ${row.reason}.`, {
          place: at,
          remedy: 'Choose another revision.',
        });
      skipped++;
      return true;
    }
    if (first) {
      checkColumns(entry, Object.keys(row.value), place);
      checkTypes(entry, row.value, at);
    }
    first = false;
    for (const name of Object.keys(row.value)) columns.add(name);
    for (const part of parts) {
      const { where } = part.rows;
      if (where && part.seen.size < SEEN) part.seen.add(JSON.stringify(row.value[where.column]) ?? 'none');
      if (part.count >= limit || !isTaken(row.value, part.rows)) continue;
      if (!(await takeFor(part, row.value))) skipped++;
    }
    return parts.some(({ count }) => count < limit);
  });
  const { read } = entry;
  if ('context' in read && read.context !== undefined && !columns.has(read.context))
    throw changed(entry, [...columns], `no row has "${read.context}"`, place);
  for (const { rows, count, seen } of parts) checkTaken(entry, rows, count, seen, place);
  if (skipped > 0)
    notes.push(
      `${source.split}: ${skipped} ${plural(skipped, 'row was', 'rows were')} left out in which something is empty or cannot be read.`,
    );
}
const SEEN = 8;

async function* plainRows(folder: string, source: Source, { asked, outputs, notes, ...work }: Writing): Read {
  const { others = [] } = source;
  if (others.length > 0)
    notes.push(
      `"${source.split}" has several formats: ${listed(source.files.map(({ path }) => path))} is read, not ${listed(others.map(({ path }) => path))}.`,
    );
  const lines = await outputOf(outputs, folder, AS_IT_IS, null);
  let count = 0;
  let skipped = 0;
  yield* rowsOf(source, { asked, notes, ...work }, async (row) => {
    if ('reason' in row) skipped++;
    else {
      if (count === 0 && formatOf(row.value) === undefined)
        notes.push(`${unknownFields(row.value)}; docs/data.md says which columns rows may have.`);
      await lines.addLine(lineOf(row));
      count++;
    }
    return count < (asked.limit ?? Infinity);
  });
  if (count === 0)
    throw new HumanError('no row of it can be read.', {
      place: asked.repository,
      remedy: 'Choose another split or file.',
    });
  if (skipped > 0) notes.push(`${skipped} ${plural(skipped, 'row was', 'rows were')} left out that cannot be read.`);
}
