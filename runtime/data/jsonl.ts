import { linesOf, NEWLINE, parseRow, RETURN, tooLong } from './rawRow.js';
import type { RawRow, RowSource } from './rawRow.js';

/** One JSON object a line. Blank lines are no rows; a line that cannot be read is a row that says why. */
export async function* jsonLineRows({ pieces, maxRowBytes }: RowSource): AsyncGenerator<RawRow> {
  let row = 0;
  for await (const { bytes, ...place } of lines(pieces, maxRowBytes)) {
    if (!bytes) yield { row: row++, ...place, reason: tooLong(maxRowBytes) };
    else if (!isBlank(bytes)) yield parseRow(bytes, { row: row++, ...place }, 'this line');
  }
}

interface Line {
  line: number;
  /** More than one, where there are carriage returns in it: editors begin a line behind each. */
  lines?: number;
  /** With its newline. */
  at: { start: number; end: number };
  /** Without it; missing for lines that are too long. */
  bytes?: Uint8Array;
}

async function* lines(pieces: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let line = 1;
  let begin = 0;
  let kept: Buffer[] = [];
  let length = 0;
  let returns = 0;
  let isReturn = false;
  const take = (part: Buffer): void => {
    length += part.length;
    for (let at = part.indexOf(RETURN); at >= 0; at = part.indexOf(RETURN, at + 1)) returns++;
    isReturn = part.length > 0 ? part.at(-1) === RETURN : isReturn;
    if (length <= maxBytes) kept.push(part);
    else kept = [];
  };
  const finish = (newline: number): Line => {
    const at = { start: begin, end: begin + length + newline };
    begin = at.end;
    const bytes = length > maxBytes ? undefined : kept.length === 1 ? kept[0] : Buffer.concat(kept);
    // The one before the newline ends the same line.
    const inside = returns - (isReturn ? newline : 0);
    const { next: _, ...place } =
      bytes && inside > 0
        ? linesOf(bytes.subarray(0, bytes.length - (isReturn ? newline : 0)), line)
        : { line, next: line };
    line += inside + newline;
    [kept, length, returns, isReturn] = [[], 0, 0, false];
    return { ...place, at, bytes };
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      take(piece.subarray(start, end));
      yield finish(1);
      start = end + 1;
    }
    if (start < piece.length) take(piece.subarray(start));
  }
  if (length > 0) yield finish(0);
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
