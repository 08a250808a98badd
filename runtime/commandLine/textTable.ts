const GAP = 2;
/** No column is folded to fewer characters, where the half of a line has these. */
const NARROW = 16;

/**
 * Rows of cells as aligned text; the first row is the head. In a table that is wider than `width`, long cells go on in
 * further lines, and columns that have no room follow below, beside the first one.
 */
export function textTable(rows: readonly (readonly string[])[], width = Infinity): string {
  // a name may have line breaks
  const columns = rows[0].map((_, i) => rows.map((row) => row[i].replace(/[\t\r\n]+/g, ' ')));
  const single = columns.map((cells) => cells.map((cell) => [cell]));
  if (widthOf(single) <= width) return aligned(single);
  const half = Math.max(1, Math.floor((width - GAP) / 2));
  const foldedAt = (cells: readonly string[], most: number): Column => cells.map((cell) => folded(cell, most));
  const [names, ...values] = columns;
  const others = values.map((cells) => {
    const [, ...body] = cells.map(({ length }) => length);
    return foldedAt(cells, Math.min(half, Math.max(NARROW, ...body)));
  });
  const room = width - GAP - widthOf(others);
  const first = foldedAt(names, room < NARROW ? half : room);
  const parts: Column[][] = [[first]];
  for (const column of others) {
    const part = parts.at(-1)!;
    if (part.length === 1 || widthOf([...part, column]) <= width) part.push(column);
    else parts.push([first, column]);
  }
  return parts.map(aligned).join('\n\n');
}

/** Cells, each in one line or more. */
type Column = readonly (readonly string[])[];

const cellsWidth = (column: Column): number => Math.max(...column.flat().map(({ length }) => length));
const widthOf = (columns: readonly Column[]): number =>
  columns.reduce((sum, column) => sum + GAP + cellsWidth(column), -GAP);

function aligned(columns: readonly Column[]): string {
  const widths = columns.map(cellsWidth);
  const heights = columns[0].map((_, row) => Math.max(...columns.map((column) => column[row].length)));
  return heights
    .flatMap((height, row) =>
      Array.from({ length: height }, (_, line) =>
        columns
          .map((column, i) => {
            const text = column[row][line] ?? '';
            return i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]);
          })
          .join(' '.repeat(GAP))
          .trimEnd(),
      ),
    )
    .join('\n');
}

/** Lines of at most so many characters, cut between words, and within one that is longer. */
const folded = (text: string, most: number): string[] =>
  text.match(new RegExp(`.{1,${most}}(?: |$)|.{${most}}`, 'gu'))?.map((line) => line.trimEnd()) ?? [''];
