import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type * as z from 'zod';
import { restOf, type Cleaning } from '../../runtime/contract/cleaning.js';
import { isText } from '../../runtime/contract/dataInfo.js';
import type { ScanResult } from '../../runtime/contract/scan.js';
import { SCAN_STRINGS, scanText as foundText } from '../../runtime/contract/scanText.js';
import { exists, readJson } from '../host/checkedFile.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { inputError } from '../host/errors.js';
import { folderOf, isWithin } from '../host/paths.js';
import { translated } from '../host/strings.js';
import { numbers, t } from '../host/text.js';
import { Problems } from './problems.js';
import { fromStatePath, replaceFile, scansFolder, toStatePath } from '../host/state.js';
import { isWorse, looksOf, type Looks, type Mark } from './rowMarks.js';
import { columnsText, saidFormat, type ReadAs } from '../../runtime/contract/mapping.js';
import { blockOf, blockText, readRows } from './rows.js';
import { KEPT, MAX_BYTES } from './keptScan.js';
import { scanTable } from './scanTable.js';
import type { TriageTable } from '../../webview/protocol/triage.js';

/** What a scan found in a data file, and of which text of the file that is true. */
export interface Scan extends ReadAs, Omit<ScanResult, 'limit' | 'byVector' | 'perRow'> {
  /** Absolute path of the data file. */
  data: string;
  /** The model, and the adapter folder of the security vector and its name. */
  model?: string;
  vector: string;
  vectorName: string;
  size: number;
  mtimeMs: number;
  sha256: string;
  /** Lines of the file as an editor counts them. */
  lineCount: number;
  /** Every suspicious row, in the order of their lines, one a line. */
  marks: Mark[];
  /** Every row. */
  table: TriageTable;
  /** Flagged rows of which a useful rest is left: their answers. */
  cut: Cleaning['cut'];
}

/** Whether there are rows to look at: flagged ones, or related ones. */
export const hasToReview = ({ flagged, related = 0 }: Scan): boolean => flagged + related > 0;

/** What has become of the file since it was scanned. */
export interface Since {
  /** The file on disk is another one. */
  changed: boolean;
  /** In an editor: marked rows whose text is another, and those that are not in it any more. */
  edited: number;
  gone: number;
}

const UNCHANGED: Since = { changed: false, edited: 0, gone: 0 };
/** What is read between two turns of the event loop. */
const ROWS_A_TURN = 5_000;
/** A recipe may say what a scan has found by itself: the rows are the same. */
function isReadOtherwise(read: ReadAs, scan: Scan): boolean {
  if (columnsText(read.columns) !== columnsText(scan.columns)) return true;
  const [now, before] = [saidFormat(read), scan.rowFormat ?? saidFormat(scan)];
  // What nobody said: that of the first row, of a scan of an earlier version not known.
  return now === undefined ? saidFormat(scan) !== undefined : before !== undefined && now !== before;
}

/** What is known of a scan beside what it found. */
interface Added extends ReadAs {
  model?: string;
  /** The file as it was when the scan began. */
  before?: { size: number; mtimeMs: number };
  /** Hears why the scan, which is shown all the same, cannot be kept; without it that is an error. */
  unkept?(error: unknown): void;
}

/** Scans of the workspace's data files, one per file, each kept in a file of its own beside the workspace's state. */
export class Scans implements Disposable {
  private scans = new Map<string, Scan>();
  private states = new Map<string, Since>();
  /** Files that are gone, whose scans are kept: they may come back. Undefined: they were gone before they were read. */
  readonly away = new Map<string, Scan | undefined>();
  private loaded: Promise<void> = Promise.resolve();
  private readonly changes = new Emitter<string>();
  private readonly stateChanges = new Emitter<string>();
  /** Fires with the data file that was scanned, or whose scan was dropped. */
  readonly onDidChange = this.changes.event;
  /** Fires with the data file of which `since` has changed. */
  readonly onDidChangeState = this.stateChanges.event;
  private readonly moves = new Emitter<{ from: string; to: string }>();
  /** Fires before the changes that come of it. */
  readonly onDidMove = this.moves.event;

  constructor(
    /** Folders of the workspace: each keeps the scans of its own files, the first one those of files elsewhere. */
    private readonly roots: () => readonly string[],
    private readonly problems = new Problems(),
    /** How a recipe has it read: read otherwise, the scan says nothing of the file any more. */
    private readonly readBy: (data: string) => ReadAs | undefined = () => undefined,
  ) {}

  get(data: string): Scan | undefined {
    return this.scans.get(data);
  }

  /** Files that have been scanned, in the order of their paths. */
  list(): string[] {
    return [...this.scans.keys()].sort();
  }

  since(data: string): Since {
    return this.states.get(data) ?? UNCHANGED;
  }

  /** What an editor finds of the marked rows. */
  note(data: string, more: Partial<Since>): void {
    const before = this.since(data);
    const now = { ...before, ...more };
    if (before.changed === now.changed && before.edited === now.edited && before.gone === now.gone) return;
    this.states.set(data, now);
    this.stateChanges.fire(data);
  }

  /** Reads the kept scans; those of files that are gone are left out. */
  load(): Promise<void> {
    return (this.loaded = this.readAll(this.roots()));
  }

  /** The workspace has other folders: each brings the scans of its own files, or takes them along. */
  foldersChanged(added: readonly string[], removed: readonly string[]): Promise<void> {
    return (this.loaded = this.loaded.then(() => {
      const isLeft = (data: string): boolean => removed.includes(folderOf(data, [...removed, ...this.roots()]) ?? data);
      for (const data of this.list().filter(isLeft)) this.forget(data);
      for (const data of [...this.away.keys()].filter(isLeft)) this.away.delete(data);
      return this.readAll(added);
    }));
  }

  /** The kept scans have been read. */
  get ready(): Promise<void> {
    return this.loaded;
  }

  async add(
    data: string,
    vector: string,
    vectorName: string,
    result: ScanResult,
    { model, before, columns, format, unkept }: Added = {},
  ): Promise<Scan> {
    const { perRow, limit: _, ...numbers } = result;
    const table = await scanTable(perRow);
    const found = new Map<number, { looks: Looks; lines: number }>();
    const cut: Scan['cut'] = [];
    for (const row of perRow) {
      if (!row.flagged) continue;
      const rest = restOf(row);
      if (rest !== undefined) cut.push([row.row, rest]);
      const looks = looksOf(row);
      const other = found.get(row.line);
      if (!other || isWorse(looks, other.looks)) found.set(row.line, { looks, lines: row.lines ?? 1 });
    }
    await nextTurn();
    const { keys, ...file } = await readRows(data, new Map([...found].map(([line, { lines }]) => [line, lines])));
    if (before && (before.size !== file.size || before.mtimeMs !== file.mtimeMs)) {
      throw inputError(t('the file changed while it was scanned, so the result does not describe it.'), {
        place: data,
        remedy: t('Scan it again.'),
      });
    }
    const marks = [...found]
      .map(([line, { looks }]) => ({ line, looks, ...(keys.get(line) ?? { key: '' }) }))
      .sort((a, b) => a.line - b.line);
    const read: ReadAs = { ...(columns && { columns }), ...(format && { format }) };
    const scan: Scan = { data, model, vector, vectorName, ...read, ...file, ...numbers, marks, table, cut };
    this.away.delete(data);
    this.scans.set(data, scan);
    this.states.delete(data);
    this.changes.fire(data);
    await this.save(scan).catch((error: unknown) => {
      if (!unkept) throw error;
      unkept(error);
    });
    return scan;
  }

  /**
   * The file may have changed on disk: is it still the one that was scanned? While it is gone, nothing was found in it.
   */
  async look(data: string): Promise<void> {
    const scan = this.scans.get(data);
    if (!scan) return this.lookForReturned(data);
    const now = await stat(data).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? null : undefined));
    if (now === null) return void (this.scans.get(data) === scan && this.forget(data, true));
    let changed = now?.size !== scan.size || isReadOtherwise(this.readBy(data) ?? scan, scan);
    // Written again, it may be what it was.
    if (!changed && now && now.mtimeMs !== scan.mtimeMs)
      changed = (await readRows(data).catch(() => undefined))?.sha256 !== scan.sha256;
    if (this.scans.get(data) === scan) this.note(data, { changed });
  }

  /** @param isAway it may come back, which who hears of it is to know */
  private forget(data: string, isAway = false): boolean {
    const scan = this.scans.get(data);
    if (!this.scans.delete(data)) return false;
    if (isAway) this.away.set(data, scan);
    this.states.delete(data);
    this.changes.fire(data);
    return true;
  }

  private async lookForReturned(data: string): Promise<void> {
    if (!this.away.has(data) || !(await exists(data)) || !this.away.delete(data)) return;
    for (const root of this.roots()) await this.readGuarded(root, scanFile(root, data));
  }

  /** A data file, or a folder that it is in, has another name: what was found is found there. */
  async moved(from: string, to: string): Promise<void> {
    await this.loaded;
    for (const data of [...this.scans.keys(), ...this.away.keys()].filter((path) => isWithin(path, from))) {
      const scan = this.scans.get(data) ?? this.away.get(data);
      if (!scan) continue;
      const now = { ...scan, data: to + data.slice(from.length) };
      this.scans.delete(data);
      this.away.delete(data);
      this.away.delete(now.data);
      this.scans.set(now.data, now);
      this.states.set(now.data, this.since(data));
      this.states.delete(data);
      this.moves.fire({ from: data, to: now.data });
      for (const path of [data, now.data]) this.changes.fire(path);
      await this.save(now);
      await this.remove(data, this.roots());
    }
  }

  /** What was found is not to be shown any more. */
  async drop(data: string): Promise<void> {
    if (this.forget(data)) await this.remove(data, this.roots());
  }

  dispose(): void {
    this.changes.dispose();
    this.stateChanges.dispose();
    this.moves.dispose();
  }

  private async readAll(roots: readonly string[]): Promise<void> {
    for (const root of roots) {
      const folder = scansFolder(root);
      const names = await readdir(folder).catch(() => []);
      for (const name of names.filter((each) => each.endsWith('.json')))
        await this.readGuarded(root, join(folder, name));
    }
  }

  private readGuarded(root: string, file: string): Promise<void> {
    return this.problems.guard(file, 'data', () => this.read(root, file));
  }

  private async remove(data: string, roots: readonly string[]): Promise<void> {
    for (const root of roots) await rm(scanFile(root, data), { force: true });
  }

  private async read(root: string, file: string): Promise<void> {
    const kept = await readJson(file, KEPT, MAX_BYTES);
    if (!kept) return;
    const { version: _, lines, explained, ps, parts, keys, blocks, hashes, ...scan } = kept;
    const data = fromStatePath(root, scan.data);
    if (!(await exists(data))) return void this.away.set(data, undefined);
    // One that is kept in another folder, as it was scanned from there, stands back.
    if (this.scans.has(data) && root !== (folderOf(data, this.roots()) ?? this.roots()[0])) return;
    const [shares, chances, said, texts] = [explained.split(' '), ps.split(' '), parts.split('\n'), keys.split(' ')];
    await nextTurn();
    const names = hashes.split(' ');
    await nextTurn();
    const several = blocks.split(' ');
    await nextTurn();
    const marks: Mark[] = [];
    // Rows of a file that is no text have numbers, not lines of its bytes.
    const last = isText(data) ? scan.lineCount : Infinity;
    for (const [i, text] of lines.split(' ').entries()) {
      const [line, share] = [Number(text), Number(shares[i])];
      const after = marks.at(-1)?.line ?? 0;
      const [p, part, hash] = [Number(chances[i]), said[i], names[i]];
      if (Number.isInteger(line) && line > after && line <= last && Number.isFinite(share))
        marks.push({
          line,
          looks: { explained: share, ...(p >= 0 && { p }), ...(part && { part }), ...(hash && { hash }) },
          key: texts[i] ?? '',
          ...blockOf(several[i]),
        });
      if (i % ROWS_A_TURN === ROWS_A_TURN - 1) await nextTurn();
    }
    const [model, vector] = [scan.model && fromStatePath(root, scan.model), fromStatePath(root, scan.vector)];
    this.scans.set(data, { ...scan, data, model, vector, marks });
    // Before it is drawn, in a turn of its own.
    await this.look(data);
    this.changes.fire(data);
  }

  private async save({ marks, ...scan }: Scan): Promise<void> {
    const roots = this.roots();
    const root = folderOf(scan.data, roots) ?? roots[0];
    if (root === undefined) return;
    const kept: z.infer<typeof KEPT> = {
      ...scan,
      version: 5,
      data: toStatePath(root, scan.data),
      model: scan.model && toStatePath(root, scan.model),
      vector: toStatePath(root, scan.vector),
      lines: marks.map(({ line }) => line).join(' '),
      explained: marks.map(({ looks }) => looks.explained).join(' '),
      ps: marks.map(({ looks }) => looks.p ?? NaN).join(' '),
      parts: marks.map(({ looks }) => looks.part ?? '').join('\n'),
      keys: marks.map(({ key }) => key).join(' '),
      blocks: marks.map(blockText).join(' '),
      hashes: marks.map(({ looks }) => looks.hash ?? '').join(' '),
    };
    await nextTurn();
    const text = `${JSON.stringify(kept)}\n`;
    await nextTurn();
    await replaceFile(scanFile(root, scan.data), text);
    // One that was scanned from another folder is out of date now.
    await this.remove(
      scan.data,
      roots.filter((other) => other !== root),
    );
  }
}

/** The file that keeps the scan of a data file. */
export function scanFile(root: string, data: string): string {
  const id = createHash('sha256').update(toStatePath(root, data)).digest('hex').slice(0, 8);
  return join(scansFolder(root), `${basename(data)}-${id}.json`);
}

/** "171 of 600 look harmful", "171 of 600 look harmful, 2 edited since the scan". */
export function scanText({ flagged, rows }: Pick<Scan, 'flagged' | 'rows'>, since: Since = UNCHANGED): string {
  const { count } = numbers();
  const parts = [
    flagged === 1
      ? t('1 of {0} looks harmful', count(rows))
      : t('{0} of {1} look harmful', count(flagged), count(rows)),
  ];
  if (since.edited > 0) parts.push(t('{0} edited since the scan', count(since.edited)));
  if (since.gone > 0) parts.push(t('{0} no longer in the file', count(since.gone)));
  if (since.changed) parts.push(t('the file has changed since the scan'));
  return parts.join(', ');
}

/** VS Code gives extensions no text of larger files. */
export const MAX_EDITOR_BYTES = 50 * 1024 * 1024;

/**
 * What a scan says at its end: the count, how good it is where labels exist, where it is blind, and what is not shown.
 */
export function scanSummary(scan: Scan): string {
  if (scan.threshold === null)
    return t(
      'No row can be marked: there are no ordinary rows to compare with. Train the security vector with benign rows of 16 prompts or more, of which some are held out.',
    );
  // A window scans with a limit on false alarms, which is the threshold.
  const limit = { falseAlarms: scan.threshold };
  const said = foundText({ ...scan, limit }, { strings: translated(SCAN_STRINGS), numbers: numbers() });
  const large = notShown(scan);
  return large ? `${numbers().parts([said.slice(0, -1), large])}.` : said;
}

/** Why the rows of a file are not coloured in its editor. */
export const notShown = ({ size }: Pick<Scan, 'size'>): string | undefined =>
  size > MAX_EDITOR_BYTES
    ? t('rows are not coloured: VS Code gives extensions no text of files above {0} MB', MAX_EDITOR_BYTES / 1024 ** 2)
    : undefined;
