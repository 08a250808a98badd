import { stat } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import type { DataInfo } from '../../runtime/contract/protocol.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { errorData, errorText } from '../host/errors.js';
import { t } from '../host/text.js';

/** Files that a run writes into its folder; they are results, not data. */
export const RUN_FILES = new Set(['events.jsonl', 'answers.jsonl', 'prompts.jsonl']);
/** Data by their name alone; other tables and lists are data when a recipe names them or they lie in `data/`. */
const ALWAYS = ['jsonl', 'ndjson'] as const;
const TABLES = ['csv', 'tsv', 'parquet'] as const;
const WHEN_NAMED = ['json', ...TABLES] as const;
/** What is watched for data files; .json is watched anyway, for recipes. */
export const DATA_GLOB = `**/*.{${[...ALWAYS, ...TABLES].join()}}`;
/** Data files that an editor shows as text. */
export const TEXT_DATA_GLOB = `**/*.{${[...ALWAYS, ...TABLES].filter((name) => name !== 'parquet').join()}}`;

const extensionOf = (file: string): string => /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase() ?? '';
const among = (names: readonly string[], file: string): boolean => names.includes(extensionOf(file));
/** Above this a file is counted only when someone opens it in a recipe: counting reads all of it. */
export const COUNTED_BYTES = 64 * 1024 * 1024;

/** Is this a data file to show: any .jsonl, and .json, .csv, .tsv, .parquet that a recipe names or that lie in `data/`. */
export function isDataFile(file: string, named: ReadonlySet<string>, runFolders: Iterable<string>): boolean {
  if (file.includes(`${sep}.security-vectors${sep}`)) return false;
  for (const folder of runFolders) if (file.startsWith(folder + sep)) return false;
  if (RUN_FILES.has(basename(file))) return false;
  if (among(ALWAYS, file)) return true;
  return among(WHEN_NAMED, file) && (named.has(file) || basename(dirname(file)) === 'data');
}

export type Counted = { info: DataInfo } | { problem: string } | { tooLarge: number };

/** What the engine has found in data files; asked once per version of a file, one file at a time. */
export class DataInspector implements Disposable {
  private known = new Map<string, { mtimeMs: number; counted: Counted }>();
  private waiting = new Set<string>();
  private queue: Promise<unknown> = Promise.resolve();
  private readonly changes = new Emitter<string>();
  /** Fires with the file that was counted. */
  readonly onDidChange = this.changes.event;

  constructor(private readonly inspect: (file: string) => Promise<DataInfo>) {}

  /** What is known, at once; asks for the rest. */
  get(file: string): Counted | undefined {
    this.ask(file);
    return this.known.get(file)?.counted;
  }

  /** The file may have changed. */
  changed(file: string): void {
    if (this.known.has(file)) this.ask(file, true);
  }

  dispose(): void {
    this.changes.dispose();
  }

  private ask(file: string, again = false): void {
    if (this.waiting.has(file) || (this.known.has(file) && !again)) return;
    this.waiting.add(file);
    this.queue = this.queue.then(async () => {
      const before = this.known.get(file);
      try {
        const found = await stat(file);
        const { mtimeMs, size } = found;
        if (before?.mtimeMs === mtimeMs) return;
        // Who opens a pipe waits for someone to write into it.
        const counted = found.isFile() ? await this.count(file, size) : { problem: t('this is not a file.') };
        this.known.set(file, { mtimeMs, counted });
        this.changes.fire(file);
      } catch {
        // The file is gone.
        this.known.delete(file);
      } finally {
        this.waiting.delete(file);
      }
    });
  }

  private async count(file: string, size: number): Promise<Counted> {
    if (size > COUNTED_BYTES) return { tooLarge: size };
    try {
      return { info: await this.inspect(file) };
    } catch (error) {
      const { place, ...data } = errorData(error);
      // The view names the file already.
      return { problem: errorText(place === file ? data : { ...data, place }) };
    }
  }
}
