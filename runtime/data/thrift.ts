/**
 * Thrift's compact protocol, as Parquet's footer and page headers are written in it
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md): enough of it to check numbers
 * before the library allocates by them.
 */

/** Whole numbers, structures, and booleans as 1 and 0; undefined for everything else. */
export type Field = number | Struct | undefined;
export type Struct = Map<number, Field>;

export interface ThriftReader {
  view: DataView;
  at: number;
}

/**
 * How deep structures, and columns, may lie in each other: each level is a call, and without end they would fill the
 * stack.
 */
export const MAX_DEPTH = 32;

/** @throws Error for a list longer than what is left, a number without end, structures nested too deeply. */
export function readStruct(r: ThriftReader, depth = 0): Struct {
  if (depth > MAX_DEPTH) throw new Error('its structures are nested too deeply');
  const fields: Struct = new Map();
  let id = 0;
  for (;;) {
    const byte = r.view.getUint8(r.at++);
    if ((byte & 15) === 0) return fields;
    id = byte >> 4 ? id + (byte >> 4) : zigZag(r);
    fields.set(id, readField(r, byte & 15, depth, false));
  }
}

function readField(r: ThriftReader, type: number, depth: number, inList: boolean): Field {
  switch (type) {
    case 1:
    case 2:
      if (inList) r.at++;
      return 2 - type;
    case 3:
      r.at++;
      return undefined;
    case 4:
    case 5:
    case 6:
      return zigZag(r);
    case 7:
      r.at += 8;
      return undefined;
    case 8: {
      const length = varInt(r);
      if (length > r.view.byteLength - r.at) throw new Error('a text is longer than the file');
      r.at += length;
      return undefined;
    }
    case 9: {
      const byte = r.view.getUint8(r.at++);
      const length = byte >> 4 === 15 ? varInt(r) : byte >> 4;
      // Every item has at least a byte.
      if (length > r.view.byteLength - r.at) throw new Error('a list is longer than the file');
      for (let i = 0; i < length; i++) readField(r, byte & 15, depth + 1, true);
      return undefined;
    }
    case 12:
      return readStruct(r, depth + 1);
    default:
      throw new Error('it has a field of an unknown type');
  }
}

const zigZag = (r: ThriftReader): number => {
  const value = varInt(r);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
};

/** Seven bits a byte; at most 64 bits, of which a number keeps 53. */
export function varInt(r: ThriftReader): number {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = r.view.getUint8(r.at++);
    value += (byte & 127) * 128 ** i;
    if (byte < 128) return value;
  }
  throw new Error('a number has no end');
}
