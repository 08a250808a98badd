import { createHash } from 'node:crypto';
import { openFile, unreadable } from '../host/checkedFile.js';
import { t } from '../host/text.js';

const PIECE_BYTES = 1024 * 1024;

/** Names the text of a row: equal texts have equal keys, and other texts others (96 bits of SHA-256). */
export const rowKey = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 16);

/** The text of a row, named. */
export interface RowKey {
  /** Of all its lines. */
  key: string;
  /** Of a row of several lines: how many, and the key of the first one. */
  block?: { lines: number; first: string };
}

/** @param texts of the row's lines, without their ends */
export const rowKeyOf = (texts: readonly string[]): RowKey => ({
  key: rowKey(texts.join('\n')),
  ...(texts.length > 1 && { block: { lines: texts.length, first: rowKey(texts[0]!) } }),
});

/** Several lines as text, and back. */
export const blockText = ({ block }: Pick<RowKey, 'block'>): string => (block ? `${block.lines}:${block.first}` : '');
export function blockOf(text = ''): Pick<RowKey, 'block'> {
  const [lines, first = ''] = text.split(':');
  return Number(lines) > 1 ? { block: { lines: Number(lines), first } } : {};
}

/** A file as it is now: its bytes in one number, how many lines an editor shows, and the keys of some of them. */
interface FileRows {
  size: number;
  mtimeMs: number;
  sha256: string;
  lineCount: number;
  /** By the line where the row begins, from 1. */
  keys: Map<number, RowKey>;
}

const [NEWLINE, RETURN] = [0x0a, 0x0d];

/** Where lines end, as an editor counts them: at a newline, a carriage return, or both, of which the first is given. */
function* lineEnds(bytes: Buffer, from: number): Generator<number> {
  let newline = bytes.indexOf(NEWLINE, from);
  let back = bytes.indexOf(RETURN, from);
  while (newline >= 0 || back >= 0) {
    if (back < 0 || (newline >= 0 && newline < back)) {
      yield newline;
      newline = bytes.indexOf(NEWLINE, newline + 1);
    } else {
      yield back;
      if (newline === back + 1) newline = bytes.indexOf(NEWLINE, newline + 1);
      back = bytes.indexOf(RETURN, back + 1);
    }
  }
}

/**
 * Reads the whole file once, piece by piece, and holds only lines of rows whose keys are asked for.
 * @param rows how many lines each takes, by the one where it begins
 */
export async function readRows(file: string, rows: ReadonlyMap<number, number> = new Map()): Promise<FileRows> {
  const opened = await openFile(file);
  if (!opened) throw unreadable(file, t('the file is gone.'), t('Scan another one.'));
  const { handle } = opened;
  try {
    const { mtimeMs } = await handle.stat();
    const hash = createHash('sha256');
    const keys: FileRows['keys'] = new Map();
    let size = 0;
    let line = 1;
    /** The piece before ended with one: a newline that follows ends no other line. */
    let wasReturn = false;
    let bytesOfLine: Buffer[] = [];
    /** Rows that have begun and not ended: one may begin where another ends. */
    let open: { begins: number; texts: string[]; left: number }[] = [];
    const begin = (): void => {
      const left = rows.get(line);
      if (left !== undefined) open.push({ begins: line, texts: [], left });
    };
    const end = (): void => {
      if (open.length === 0) return;
      const text = Buffer.concat(bytesOfLine).toString('utf8');
      bytesOfLine = [];
      for (const row of open) {
        // The editor's text has no byte order mark.
        row.texts.push(line === 1 ? text.replace(/^\uFEFF/, '') : text);
        if (--row.left === 0) keys.set(row.begins, rowKeyOf(row.texts));
      }
      open = open.filter(({ left }) => left > 0);
    };
    begin();
    for (;;) {
      const piece = Buffer.alloc(PIECE_BYTES);
      const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, size);
      if (bytesRead === 0) break;
      size += bytesRead;
      const bytes = piece.subarray(0, bytesRead);
      hash.update(bytes);
      let from = wasReturn && bytes[0] === NEWLINE ? 1 : 0;
      for (const at of lineEnds(bytes, from)) {
        if (open.length > 0) bytesOfLine.push(bytes.subarray(from, at));
        end();
        line++;
        begin();
        from = bytes[at] === RETURN && bytes[at + 1] === NEWLINE ? at + 2 : at + 1;
      }
      if (open.length > 0) bytesOfLine.push(bytes.subarray(from));
      wasReturn = bytes.at(-1) === RETURN;
    }
    end();
    return { size, mtimeMs, sha256: hash.digest('hex'), lineCount: line, keys };
  } finally {
    await handle.close();
  }
}
