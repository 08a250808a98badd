import { endsLine, linesOf, parseRow, RETURN, tooLong } from './rawRow.js';
import type { RawRow, RowSource } from './rawRow.js';

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * One JSON list of objects, element by element: only brackets, strings and commas are looked at here, so that a broken
 * element is one row that says why and the others are read.
 */
export async function* jsonArrayRows({ pieces, maxRowBytes }: RowSource): AsyncGenerator<RawRow> {
  let row = 0;
  let line = 1;
  let state: 'before' | 'inside' | 'after' = 'before';
  const isBetween = nesting();
  // The element that is being read: its first line (0 before its first character), its bytes, their number.
  let first = 0;
  let kept: Buffer[] = [];
  let length = 0;
  // Of the file: where the piece begins, and the element.
  let offset = 0;
  let begin = 0;
  /** The byte before. */
  let before = 0;

  const element = (): RawRow => {
    const bytes = Buffer.concat(kept);
    const end = bytes.findLastIndex((byte) => byte > 0x20) + 1;
    const blank = bytes.length - end;
    const { lines } = linesOf(bytes.subarray(0, end), 1);
    const place = {
      row: row++,
      line: first || line,
      ...(lines !== undefined && { lines }),
      ...(first > 0 && { at: { start: begin, end: begin + length - blank } }),
    };
    const long = length > maxRowBytes;
    const empty = first === 0;
    [first, kept, length] = [0, [], 0];
    if (long) return { ...place, reason: tooLong(maxRowBytes) };
    return empty ? { ...place, reason: 'there is nothing between two commas' } : parseRow(bytes, place, 'this row');
  };
  const keep = (part: Buffer): void => {
    length += part.length;
    if (length <= maxRowBytes) kept.push(part);
    else kept = [];
  };

  for await (const piece of pieces) {
    let start = 0;
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i];
      // A return ends its line at once, and a newline behind it ends no other.
      if (byte === RETURN || (before !== RETURN && endsLine(byte, undefined))) line++;
      before = byte;
      if (state === 'inside') {
        if (first === 0 && byte > 0x20 && byte !== COMMA && byte !== CLOSE_LIST)
          [first, start, begin] = [line, i, offset + i];
        if (isBetween(byte) && (byte === COMMA || byte === CLOSE_LIST)) {
          if (first !== 0) keep(piece.subarray(start, i));
          // `[]` and a comma before the end are no rows.
          if (first !== 0 || byte === COMMA) yield element();
          if (byte === CLOSE_LIST) state = 'after';
        }
      } else if (state === 'before') {
        if (byte === OPEN_LIST) state = 'inside';
      } else if (byte > 0x20) {
        yield { row: row++, line, reason: 'there is text after the end of the list', isEnd: true };
        return;
      }
    }
    if (first !== 0) keep(piece.subarray(start));
    offset += piece.length;
  }
  if (first !== 0) yield { row: row++, line: first, reason: 'the file ends inside this row', isEnd: true };
  else if (state === 'inside')
    yield { row: row++, line, reason: 'the list has no end: the file is cut off', isEnd: true };
}

/** Given each byte of a list behind its bracket: whether it is in no string, list or object. */
function nesting(): (byte: number) => boolean {
  let depth = 0;
  let inString = false;
  let escaped = false;
  return (byte) => {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return false;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
    else if (depth > 0 && (byte === CLOSE_LIST || byte === CLOSE_OBJECT)) depth--;
    else return depth === 0;
    return false;
  };
}
