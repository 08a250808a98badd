/**
 * What a Parquet file's metadata says of itself, checked before the library allocates by it: its reader takes counts
 * and positions as they stand (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).
 */
import type { ColumnMetaData, FileMetaData, SchemaTree } from 'hyparquet';
import { MAX_DEPTH, readStruct } from './thrift.js';

/**
 * The footer: lists that are longer than what is left of it, structures in each other without end.
 * @throws Error saying what is wrong.
 */
export function checkFooter(bytes: ArrayBuffer): void {
  if (bytes.byteLength < 8) throw new Error('it is too short');
  const view = new DataView(bytes, 0, bytes.byteLength - 8);
  const length = new DataView(bytes).getUint32(bytes.byteLength - 8, true);
  if (length <= view.byteLength) readStruct({ view, at: view.byteLength - length });
}

/**
 * Schema and row groups: every row group has the schema's columns, in its order, inside the file. The library starts to
 * read all columns before it looks for them in the schema; a read that then fails unhandled would end the process.
 * @throws Error saying what is wrong.
 */
export function checkMetadata({ schema, row_groups: groups }: FileMetaData): void {
  let open: number[] = [];
  for (const { num_children: children = 0 } of schema) {
    open = open.filter((left) => left > 0);
    if (open.length > MAX_DEPTH) throw new Error('its schema is nested too deeply');
    if (open.length > 0) open[open.length - 1]--;
    if (children > 0) open.push(children);
  }
  if (open.some((left) => left > 0)) throw new Error('its schema is cut off');
  for (const { num_rows: rows, total_byte_size: bytes } of groups) {
    if (typeof rows !== 'bigint' || rows < 0n || typeof bytes !== 'bigint' || bytes < 0n)
      throw new Error('a row group has no number of rows');
  }
}

/**
 * The columns of a row group with their paths from the schema's root: each in the schema's order, each name there once.
 * @throws Error saying what is wrong.
 */
export function checkColumns(
  group: FileMetaData['row_groups'][number],
  tree: SchemaTree,
): { meta: ColumnMetaData; path: SchemaTree[] }[] {
  const leaves: SchemaTree[][] = [];
  const visit = (path: SchemaTree[], { children }: SchemaTree): void => {
    if (new Set(children.map(({ element }) => element.name)).size < children.length)
      throw new Error('two columns have the same name');
    if (children.length === 0) leaves.push(path);
    for (const child of children) visit([...path, child], child);
  };
  visit([tree], tree);
  if (leaves.length !== group.columns.length) throw new Error('a row group has other columns than the schema');
  return leaves.map((path, i) => {
    const meta = group.columns[i].meta_data;
    if (!meta || JSON.stringify(meta.path_in_schema) !== JSON.stringify(path.at(-1)!.path))
      throw new Error('a row group has other columns than the schema');
    return { meta, path };
  });
}
