import { NEWLINE, parseRow, tooLong } from './rawRow.js';
import type { RawRow, RowSource } from './rawRow.js';

/** One JSON object a line. Blank lines are no rows; a line that cannot be read is a row that says why. */
export async function* jsonLineRows({ pieces, maxRowBytes }: RowSource): AsyncGenerator<RawRow> {
  let row = 0;
  for await (const { line, at, bytes } of lines(pieces, maxRowBytes)) {
    if (!bytes) yield { row: row++, line, at, reason: tooLong(maxRowBytes) };
    else if (!isBlank(bytes)) yield parseRow(bytes, { row: row++, line, at }, 'this line');
  }
}

interface Line {
  line: number;
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
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= maxBytes) kept.push(part);
    else kept = [];
  };
  const finish = (newline: number): Line => {
    const at = { start: begin, end: begin + length + newline };
    begin = at.end;
    const bytes = length > maxBytes ? undefined : kept.length === 1 ? kept[0] : Buffer.concat(kept);
    kept = [];
    length = 0;
    return { line: line++, at, bytes };
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
