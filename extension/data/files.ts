import { stat } from 'node:fs/promises';
import paths, { basename, dirname, sep, type PlatformPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText } from '../../runtime/contract/errors.js';
import { isLogFile } from '../../runtime/contract/runFiles.js';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import { Turns } from '../../runtime/contract/turns.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { errorData, inputError } from '../host/errors.js';
import { editorPath } from '../host/paths.js';
import { STATE_FOLDER } from '../host/state.js';
import { t } from '../host/text.js';

/**
 * Data by their name alone; .json is data when a recipe names it, when it lies in `data/`, or when it is a list of
 * objects.
 */
const ALWAYS = ['jsonl', 'ndjson', 'csv', 'tsv', 'parquet'] as const;
const DATA_EXTENSIONS = [...ALWAYS, 'json'] as const;
/** What is to be found in a dialog: packed files as well. */
export const BROWSED = [...DATA_EXTENSIONS, 'gz'] as const;
const TEXTS = ALWAYS.filter((name) => name !== 'parquet');
const PACKED = [...TEXTS, 'json'].map((name) => `${name}.gz`);
/** Patterns tell capitals from small letters, also where people do not. */
const glob = (endings: readonly string[]): string =>
  `**/*.{${[...endings, ...endings.map((ending) => ending.toUpperCase())].join()}}`;
/** What is watched for data files; .json is watched anyway, for recipes. */
export const DATA_GLOB = glob([...ALWAYS, ...PACKED]);
/** Data files that an editor shows as text. */
export const TEXT_DATA_GLOB = glob(TEXTS);
/** Further files are chosen by Browse. */
export const MAX_SHOWN = 500;
/**
 * Folders of results: where `.gitignore` names them, no data is looked for in them. Data itself is often ignored, too.
 */
const OUTPUTS = ['runs', 'out', 'output', 'outputs', 'dist', 'build', 'target', 'logs', 'results', 'cache', 'tmp'];
/** Folders of other programs' results and copies of packages. */
const NEVER = [
  'node_modules',
  '.git',
  '.venv',
  'venv',
  'site-packages',
  '__pycache__',
  'wandb',
  'mlruns',
  'checkpoint',
];

/** That of what is in it, of a packed file. */
function extensionOf(file: string): string {
  const [, name = '', packed] = /\.([a-z]+)(\.gz)?$/i.exec(file.toLowerCase()) ?? [];
  return packed && !PACKED.includes(name + packed) ? 'gz' : name;
}

const among = (names: readonly string[], file: string): boolean => names.includes(extensionOf(file));
/** Is it data by its name alone? */
export const isTable = (file: string): boolean => among(ALWAYS, file);
/** Above this a file is counted only when someone asks for it: counting reads all of it. */
export const COUNTED_BYTES = 64 * 1024 * 1024;
/** Counting what is larger takes seconds: the other files do not wait for it. */
const QUICK_BYTES = 2 * 1024 * 1024;

/** What of a workspace is no data. */
interface Elsewhere {
  runFolders: ReadonlySet<string>;
  /** Folders that are left out, absolute. */
  ignored?: Iterable<string>;
}

/**
 * Is this a data file to show: any table and any JSON lines in the workspace, and .json that a recipe names, that lies
 * in `data/`, or of which it is known that it is a list of objects.
 */
export function isDataFile(
  file: string,
  named: ReadonlySet<string>,
  { runFolders, ignored = [] }: Elsewhere,
  lists: ReadonlySet<string> = new Set(),
): boolean {
  if (file.includes(`${sep}${STATE_FOLDER}${sep}`)) return false;
  if (isBelow(file, runFolders)) return false;
  if (named.has(file)) return among(DATA_EXTENSIONS, file);
  if (isLogFile(basename(file))) return false;
  for (const folder of ignored) if (file.startsWith(folder + sep)) return false;
  if (NEVER.some((name) => file.includes(`${sep}${name}${sep}`))) return false;
  if (isTable(file)) return true;
  return among(['json'], file) && (basename(dirname(file)) === 'data' || lists.has(file));
}

/** Is it in one of the folders, which may be a thousand? */
function isBelow(file: string, folders: ReadonlySet<string>): boolean {
  for (let [path, folder] = [file, dirname(file)]; folder !== path; [path, folder] = [folder, dirname(folder)])
    if (folders.has(folder)) return true;
  return false;
}

/** Folders of results that a `.gitignore` names, relative to its own folder. */
export function ignoredOutputs(gitignore: string): string[] {
  const named = gitignore.split('\n').map((line) => line.trim().replace(/^\/|\/\**$/g, ''));
  return named.filter((folder) => OUTPUTS.includes(folder.split('/').at(-1)!) && !/[*?[!#]/.test(folder));
}

/** Does the text of a JSON file begin as a list of objects? */
export const isListOfObjects = (start: string): boolean => /^\uFEFF?\s*\[\s*\{/.test(start);

/**
 * `unmapped`: the rows have no known format, and nobody has said which columns are what. `failed`: the engine ended, or
 * is not started; that says nothing of the file.
 */
export type Counted =
  | { info: DataInfo }
  | { problem: string }
  | { unmapped: string }
  | { failed: string }
  | { tooLarge: number };

/**
 * What the engine has found in data files; asked once per version of a file, one file at a time, and one large file
 * beside that.
 */
export class DataInspector implements Disposable {
  private known = new Map<string, { version: string; variant: string; counted: Counted }>();
  /** Files that are counted or wait for it, and whether they may have changed since. */
  private waiting = new Map<string, { again: boolean }>();
  /** Files that are counted whatever their size. */
  private readonly wanted = new Set<string>();
  private readonly turns = { quick: new Turns(), large: new Turns() };
  private readonly changes = new Emitter<string>();
  /** Fires with the file that was counted, or is to be. */
  readonly onDidChange = this.changes.event;

  /** @param variantOf what else than the file the answer depends on: how its columns are read, and the model */
  constructor(
    private readonly inspect: (file: string) => Promise<DataInfo>,
    private readonly variantOf: (file: string) => string = () => '',
  ) {}

  /** What is known, at once; asks for the rest. */
  get(file: string): Counted | undefined {
    this.ask(file);
    const known = this.known.get(file);
    return known?.variant === this.variantOf(file) ? known.counted : undefined;
  }

  /** From now on the file is counted whatever its size, when it is asked for. */
  countAnyway(file: string): void {
    this.wanted.add(file);
    this.known.delete(file);
    this.changes.fire(file);
  }

  /** Counts those once more that the engine did not come to count: a person tries again. */
  countFailed(): void {
    for (const [file, { counted }] of this.known) if ('failed' in counted) this.ask(file, true);
  }

  /** The file may have changed. */
  changed(file: string): void {
    if (this.known.has(file) || this.waiting.has(file)) this.ask(file, true);
  }

  dispose(): void {
    this.changes.dispose();
  }

  private ask(file: string, again = false): void {
    const variant = this.variantOf(file);
    const asked = this.waiting.get(file);
    if (asked) {
      asked.again ||= again;
      return;
    }
    if (this.known.get(file)?.variant === variant && !again) return;
    const own = { again: false };
    this.waiting.set(file, own);
    void this.takeTurn(file, async () => {
      own.again = false;
      const before = this.known.get(file);
      try {
        const found = await stat(file);
        const { size, ino, mtimeMs, ctimeMs } = found;
        // One that was copied with its time may be as old as the one before.
        const version = [size, ino, mtimeMs, ctimeMs].join();
        const isKnown = before?.version === version && before.variant === variant;
        if (isKnown && !('failed' in before.counted)) return;
        // Who opens a pipe waits for someone to write into it.
        const counted = found.isFile() ? await this.count(file, size) : { problem: t('this is not a file.') };
        this.known.set(file, { version, variant, counted });
        this.changes.fire(file);
      } catch {
        // The file is gone.
        this.known.delete(file);
      } finally {
        this.waiting.delete(file);
        if (own.again) this.ask(file, true);
      }
    });
  }

  private async takeTurn(file: string, work: () => Promise<void>): Promise<void> {
    const size = await stat(file).then((found) => found.size, () => 0); // oxfmt-ignore
    await this.turns[size > QUICK_BYTES ? 'large' : 'quick'].take(work);
  }

  private async count(file: string, size: number): Promise<Counted> {
    if (size > COUNTED_BYTES && !this.wanted.has(file)) return { tooLarge: size };
    try {
      return { info: await this.inspect(file) };
    } catch (error) {
      const { place, ...data } = errorData(error);
      // The view names the file already.
      const said = errorText(place === file ? data : { ...data, place });
      if (data.code === 'columns') return { unmapped: said };
      return data.kind === 'input' ? { problem: said } : { failed: said };
    }
  }
}

/** Data files among what was dropped, a list of addresses (RFC 2483); in a remote window those of its own machine. */
export function droppedFiles(list: string, at = paths): string[] {
  return list.split(/\r?\n/).flatMap((line) => {
    const file = /^(file|vscode-remote):/.test(line) ? fileAt(line, at) : undefined;
    return file !== undefined && among(DATA_EXTENSIONS, file) ? [file] : [];
  });
}

/** The host of a remote address is this machine; what is no address of a file here has none. */
function fileAt(address: string, at: PlatformPath): string | undefined {
  try {
    const local = address.replace(/^vscode-remote:\/\/[^/]*/, 'file://');
    return editorPath(fileURLToPath(local, { windows: at.sep === '\\' }), at);
  } catch {
    return undefined;
  }
}

/** The first of them. @throws where there is none */
export function droppedFile(list: string): string {
  const [file] = droppedFiles(list);
  if (file !== undefined) return file;
  throw inputError(t('no data file was dropped.'), {
    remedy: t('Drop a file of type {0}.', DATA_EXTENSIONS.join(', ')),
  });
}
